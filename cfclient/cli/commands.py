"""All commands together, and what becomes of errors: one line on standard error, and an exit code."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress

import rich  # noqa: F401  so that a missing package is found missing here
from cyclopts import App, CycloptsError, Parameter

from cfclient._version import __version__
from cfclient.errors import CloudflareError, ConfigurationError, InvalidInput, Unauthorized

from .asking import call, records, settings, zones
from .auditing import audit
from .comparing import diff
from .evidence import verify
from .moving import export_zone, import_zone
from .options import FAULT, GONE, INCOMPLETE, INTERRUPTED, USAGE, Usage, say
from .rules import rules
from .serve import serve
from .supporting import support
from .traffic import stats, visitors

__all__ = ["run"]

_HELP = """Cloudflare from the command line: the 22 actions of version 1 of its API,
on today's Cloudflare, a version 1 service, or the built-in emulator.

For example:

    cfclient audit --demo
    cfclient audit --format jsonl -o findings.jsonl --fail-on high
    cfclient audit --format html -o report.html
    cfclient diff monday.jsonl tuesday.jsonl
    cfclient records example.com --format csv
    cfclient call rec_new z=example.com type=A name=www content=192.0.2.1
    cfclient support --permissions
    cfclient serve --demo --port 8080

Exit codes:

    0    done; of an audit: nothing was found
    1    an audit found something at or above --fail-on; diff: something
         changed
    2    wrong usage, or a setting that is missing or wrong
    3    the service refused or did not answer; of an audit: not every
         zone could be read
    130  interrupted (Ctrl-C); 143 by SIGTERM
"""

app: App = App(
    name="cfclient",
    help=_HELP,
    help_format="plaintext",
    version=__version__,
    default_parameter=Parameter(negative=()),
)


for _command in (audit, verify, diff, rules, zones, records, settings, stats, visitors, call, support, serve):
    app.command(_command)
app.command(export_zone, name="export")
app.command(import_zone, name="import")


def _explained(error: Exception) -> tuple[str, int]:
    """The words for an error, and the exit code."""
    if isinstance(error, Usage | ConfigurationError):
        return str(error), USAGE
    if isinstance(error, InvalidInput) and error.parameter is not None:
        return error.msg, USAGE
    if isinstance(error, Unauthorized):
        return f"{error}; check the e-mail (--email) and the key (CFCLIENT_TOKEN or --token-file)", INCOMPLETE
    if isinstance(error, CloudflareError | OSError):
        return str(error), INCOMPLETE
    return f"{type(error).__name__}: {error}; this is a fault of cfclient: please report it with --traceback", FAULT


def _parsed(arguments: Sequence[str]) -> Callable[[], int | None]:
    try:
        command, bound, _ = app.parse_args(arguments, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        error.verbose = False
        raise Usage(f"{error} See cfclient --help.") from error
    return lambda: command(*bound.args, **bound.kwargs)


def run(arguments: Sequence[str]) -> int:
    """The exit code of the command with these arguments; whatever goes wrong becomes one line and a code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a character is no reason to fail.
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _parsed(arguments)() or 0
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes standard output once more at its end, and would complain.
        with suppress(OSError):
            output = sys.stdout.fileno()
            os.dup2(os.open(os.devnull, os.O_WRONLY), output)
        return GONE
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except Exception as error:
        if "--traceback" in arguments:
            sys.stderr.write("".join(traceback.format_exception(error)))
        words, code = _explained(error)
        say(f"error: {words}")
    return code
