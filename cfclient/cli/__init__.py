"""The command `cfclient`: arguments in, text out; no logic.

    main          the way in: what can be said without loading anything is said here
    commands.py   all commands (cyclopts), and which error ends with which exit code
    options.py    the options that commands share
    a module for the commands of each kind: auditing, asking, serve

The exit codes of every command:

    0    done; an audit found nothing at or above --fail-on (anything, unless given), diff no difference,
         doctor nothing that failed
    1    an audit found something, diff a difference, verify a change
    2    wrong usage, or a setting or a file that is missing or wrong
    3    the service refused or did not answer, or writing failed; an audit, or one that is compared or
         verified, is without some of its zones (this wins over 1, except for verify)
    70   a fault of cfclient; --traceback shows it
    130  interrupted (Ctrl-C): what was read is reported, and what was not is said
    141  whoever read the output went away
    143  as 130, by SIGTERM
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from cfclient._version import __version__

__all__ = ["held_back", "main"]


@contextmanager
def held_back() -> Iterator[None]:
    """A block that Ctrl-C waits for, where the system can: it is raised behind it, and nowhere else.

    While modules are loaded it could come in a callback of Python's own, which prints it and goes on.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code of the command with these arguments, by default those of the process."""
    try:
        arguments = sys.argv[1:] if argv is None else list(argv)
        if arguments == ["--version"]:
            sys.stdout.write(f"{__version__}\n")
            return 0
        with held_back():
            from .commands import run
        return run(arguments)
    except KeyboardInterrupt:
        # While the command was being loaded; from there on `run` has an answer to it.
        sys.stderr.write("cfclient: interrupted\n")
        return 130
    except ModuleNotFoundError as error:
        if error.name not in {"cyclopts", "rich"}:
            raise
        sys.stderr.write('cfclient: error: the command needs more packages: pip install "cfclient-async[cli]"\n')
        return 2
