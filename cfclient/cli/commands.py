"""All commands together, and what becomes of errors: one line on standard error, and an exit code."""

from __future__ import annotations

import io
import logging
import os
import sys
import textwrap
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import rich  # noqa: F401  so that a missing package is found missing here
from cyclopts import App, CycloptsError, Parameter

from cfclient._version import __version__
from cfclient.screens import Screen

from .asking import call, records, settings, zones
from .auditing import audit
from .comparing import diff
from .completion import completion_of
from .doctoring import doctor
from .ending import ending
from .evidence import verify
from .moving import export_zone, import_zone
from .options import EXIT_CODES, GONE, Said, Usage, explained, say
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
    cfclient doctor
    cfclient serve --demo --port 8080

Exit codes:

"""


def _listed(codes: Mapping[int, str]) -> str:
    """The exit codes, as narrow as a terminal may be."""
    lines = (
        textwrap.fill(words, 66, initial_indent=f"    {code:<5}", subsequent_indent=" " * 9)
        for code, words in codes.items()
    )
    return "".join(f"{line}\n" for line in lines)


app: App = App(
    name="cfclient",
    help=_HELP + _listed(EXIT_CODES),
    help_format="plaintext",
    version=__version__,
    console=Screen(),
    default_parameter=Parameter(negative=()),
)


for _command in (audit, verify, diff, rules, zones, records, settings, stats, visitors, call, support, doctor, serve):
    app.command(_command)
app.command(export_zone, name="export")
app.command(import_zone, name="import")
app.command(completion_of(app))


def _parsed(arguments: Sequence[str]) -> Callable[[], int | None]:
    try:
        command, bound, _ = app.parse_args(arguments, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        error.verbose = False
        if arguments[0].startswith("-"):
            raise Usage("options stand behind the command, as in cfclient zones --demo; see cfclient --help") from error
        of = f" {arguments[0]}" if arguments[0] in app else ""
        raise Usage(f"{error} See cfclient{of} --help.") from error
    return lambda: command(*bound.args, **bound.kwargs)


class _Lines(logging.Handler):
    """What the library warns of, a line each; but not that it gave up, because the error says so.

    Nor of reads that were broken off: nothing was changed, and the command says itself what is not done.
    """

    def emit(self, record: logging.LogRecord) -> None:
        if "given up after" not in str(record.msg) and record.name != "cfclient.retry.reads":
            say(f"warning: {record.getMessage()}")


@contextmanager
def _warnings_said() -> Iterator[None]:
    handler, logger = _Lines(logging.WARNING), logging.getLogger("cfclient")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def run(arguments: Sequence[str]) -> int:
    """The exit code of the command with these arguments; whatever goes wrong becomes one line and a code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a character is no reason to fail.
            stream.reconfigure(errors="backslashreplace")
    try:
        with _warnings_said(), ending() as end:
            try:
                code = _parsed(arguments)() or 0
                sys.stdout.flush()
            except KeyboardInterrupt:
                say(end.word)
                return end.code
    except BrokenPipeError:
        # Python flushes standard output once more at its end, and would complain.
        with suppress(OSError):
            output = sys.stdout.fileno()
            os.dup2(os.open(os.devnull, os.O_WRONLY), output)
        return GONE
    except Said as error:
        return error.code
    except Exception as error:
        if "--traceback" in arguments:
            sys.stderr.write("".join(traceback.format_exception(error)))
        words, code = explained(error)
        say(f"error: {words}")
    return code
