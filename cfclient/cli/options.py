"""What the commands share: their options, their exit codes, and a line on standard error."""

from __future__ import annotations

import difflib
import errno
import getpass
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import attrs
from cyclopts import Group, Parameter

from cfclient.backends.emulator import DEMO
from cfclient.client import Client
from cfclient.connect import Settings, configured_pace, connect, emulator
from cfclient.connect import settings as found_settings
from cfclient.errors import ApiError, CloudflareError, ConfigurationError, ConnectionFailed, InvalidInput, Unauthorized
from cfclient.exchanges import checked_address
from cfclient.harmless import harmless
from cfclient.output import Format
from cfclient.pace import Pace, Wait
from cfclient.private import unread

FOUND, USAGE, INCOMPLETE, FAULT, INTERRUPTED, GONE, TERMINATED = 1, 2, 3, 70, 130, 141, 143


#: what each exit code means, as the help, the docstring of this package and the README have it
EXIT_CODES: Final = {
    0: "done; an audit found nothing at or above --fail-on (anything, unless given), diff no difference, "
    "doctor nothing that failed",
    FOUND: "an audit found something, diff a difference, verify a change",
    USAGE: "wrong usage, or a setting or a file that is missing or wrong",
    INCOMPLETE: "the service refused or did not answer, or writing failed; an audit, or one that is compared or "
    "verified, is without some of its zones (this wins over 1, except for verify)",
    FAULT: "a fault of cfclient; --traceback shows it",
    INTERRUPTED: "interrupted (Ctrl-C): what was read is reported, and what was not is said",
    GONE: "whoever read the output went away",
    TERMINATED: "as 130, by SIGTERM",
}


class Usage(Exception):
    """The command was not given as it has to be; the text says what would be right."""


class Said(Exception):
    """Every line on what went wrong is written: what is left is to end, with this code."""

    def __init__(self, code: int) -> None:
        self.code = code


def explained(error: Exception) -> tuple[str, int]:
    """The words for an error, and the exit code."""
    if isinstance(error, Usage | ConfigurationError):
        return str(error).replace("say allow_plain_http=True", "give --allow-plain-http"), USAGE
    if isinstance(error, InvalidInput) and error.parameter is not None:
        return error.msg, USAGE
    if isinstance(error, Unauthorized):
        where = "CFCLIENT_TOKEN or --token-file"
        return f"{error}; check the key ({where}) and, unless it is an API token, the e-mail (--email)", INCOMPLETE
    if isinstance(error, ApiError) and "Invalid zone" in error.msg:
        return f"{error} (cfclient zones lists those of the account)", INCOMPLETE
    if isinstance(error, ConnectionFailed):
        return f"{error}; cfclient doctor looks for the cause", INCOMPLETE
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "no space is left where the output goes: free some, or choose another place with -o", INCOMPLETE
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}", INCOMPLETE
    if isinstance(error, CloudflareError | OSError):
        return str(error), INCOMPLETE
    return f"{type(error).__name__}: {error}; this is a fault of cfclient: please report it with --traceback", FAULT


def say(text: str) -> None:
    """One line on standard error."""
    sys.stderr.write(f"cfclient: {harmless(' '.join(text.split()))}\n")


def near(name: str, names: Iterable[str]) -> str:
    """A hint at the name that was meant, if one is near."""
    near = difflib.get_close_matches(name, names, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def flag(text: str) -> Parameter:
    """An option that is there or not."""
    return Parameter(help=text, show_default=False)


def one_of(words: Iterable[str]) -> Any:
    """The type of a word that shells complete to one of these; any other gets as far as a message of ours."""
    literal: Any = Literal  # as type checkers refuse words that are computed
    return literal[tuple(words)] | str


Traceback = Annotated[bool, flag("Show the whole of an error.")]
ZoneName = Annotated[str, Parameter(help="The zone's name.")]

_ACCOUNT: Final = Group("Account", sort_key=1)
_OUTPUT: Final = Group("Output", sort_key=2)


@Parameter(name="*", group=_ACCOUNT)
@attrs.frozen(kw_only=True)
class Account:
    """Where to ask, and as whom."""

    url: Annotated[
        str | None,
        Parameter(
            help="The address of the API, or emulator:?zones=25&seed=7. Otherwise CFCLIENT_URL or a profile, "
            "or today's Cloudflare."
        ),
    ] = None
    email: Annotated[
        str | None,
        Parameter(
            help="The account's e-mail address. Otherwise CFCLIENT_EMAIL or a profile; none beside an API token."
        ),
    ] = None
    token_file: Annotated[
        str | None,
        Parameter(
            allow_leading_hyphen=True,  # "-" is one
            help="A file with the account's key, - for standard input. Otherwise CFCLIENT_TOKEN or a profile; where "
            "there is none, a terminal is asked. There is no option for the key itself, because every user of the "
            "machine can see a process's options.",
        ),
    ] = None
    profile: Annotated[
        str | None, Parameter(help="The name of a profile in config.toml. Otherwise CFCLIENT_PROFILE.")
    ] = None
    account: Annotated[str | None, Parameter(help="The id of the only account that counts, on today's Cloudflare.")] = (
        None
    )
    allow_plain_http: Annotated[bool, flag("Send the key unencrypted to an http address on another machine.")] = False
    pace: Annotated[
        str | None,
        Parameter(
            help="Where programs share the limit on calls: file:/path/to/budget.db or redis://127.0.0.1:6379/0; "
            "or none, for as fast as can be. Otherwise CFCLIENT_PACE or a profile, or this program alone keeps to it."
        ),
    ] = None
    demo: Annotated[bool, flag("The built-in demo account: no network, no settings.")] = False

    def found(self) -> Settings:
        """Where to ask and as whom."""
        if self.demo:
            if self.url or self.email or self.token_file or self.profile:
                raise Usage("--demo is an account of its own: leave out --url, --email, --token-file and --profile")
            return Settings(url="emulator:", credentials=DEMO)
        token = self.token_file and token_of(self.token_file)
        return found_settings(
            self.url,
            email=self.email,
            token=token,
            profile=self.profile,
            ask=self._asked if _can_ask() else None,
            hint="; on the command line --url, --email and --token-file; or try --demo",
        )

    def _asked(self, url: str, email: str | None) -> str:
        """The key as it is typed, if it may be sent there."""
        checked_address(
            url.partition("?")[0], allow_plain_http=self.allow_plain_http, example="https://a.example/client/v4"
        )
        return _asked(url, email)

    def policy(self, hook: Callable[[Wait], None] | None = None, *, found: Settings | None = None) -> Pace | None:
        """How fast to ask, by the option, the environment, or the profile that was found; the hook is told of waits."""
        configured = os.environ.get("CFCLIENT_PACE") if found is None else found.pace
        try:
            return configured_pace(self.pace or configured or None, hook)
        except ConfigurationError as error:
            raise Usage(f"{error}; on the command line --pace, or none") from error

    def connect(
        self, hook: Callable[[Wait], None] | None = None, *, found: Settings | None = None
    ) -> AbstractAsyncContextManager[Client]:
        """The block in which the client is open; settings are found now, before any file is touched."""
        found = found or self.found()
        pace = self.policy(hook, found=found)
        if self.demo:
            return connect(emulator().connect)
        return connect(
            found.url,
            email=found.credentials.email,
            token=found.credentials.token,
            profile=self.profile,
            account=self.account or found.account,
            allow_plain_http=self.allow_plain_http,
            pace=pace,
        )


def _can_ask() -> bool:
    """Whether somebody sits there who sees the question."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _asked(url: str, email: str | None) -> str:
    """The key as it is typed, which nobody sees."""
    what = f"API key of {email}" if email else "API token"
    return _typed(f"{what} for {urlsplit(url).hostname or url} (it is not shown; --demo needs none): ")


def _typed(question: str) -> str:
    try:
        token = getpass.getpass(harmless(question)).strip()
    except EOFError:
        sys.stderr.write("\n")
        token = ""
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        raise
    if not token:
        raise Usage("no key was typed; other places for it are CFCLIENT_TOKEN, a profile of config.toml, --token-file")
    return token


def token_of(name: str) -> str:
    """The key in this file, or on standard input, where it is typed unseen if that is a terminal."""
    if name == "-" and _can_ask():
        return _typed("API key: ")
    try:
        token = (sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Usage(f"--token-file {unread(Path(name), error)}") from None
    if not token:
        raise Usage(f"--token-file {name} holds no key")
    return token


@Parameter(name="*", group=_OUTPUT)
@attrs.frozen(kw_only=True)
class Output:
    """In what form, and where to."""

    format: Annotated[Format, Parameter(help="table for people; json, jsonl (a line each) or csv for programs.")] = (
        "table"
    )
    output: Annotated[
        Path | None,
        Parameter(
            name=["--output", "-o"],
            help="A file instead of standard output. It appears when it is complete; with jsonl it grows line by line.",
        ),
    ] = None
    traceback: Traceback = False


#: what a file's name promises by its ending
SUFFIXES: Final = {
    ".csv": "csv",
    ".htm": "html",
    ".html": "html",
    ".json": "json",
    ".jsonl": "jsonl",
    ".md": "markdown",
    ".parquet": "parquet",
    ".sarif": "sarif",
}


def table_said(form: str, path: Path | None) -> None:
    """A warning where a table goes into a file whose name promises something else."""
    promised = SUFFIXES.get(path.suffix.lower()) if form == "table" and path is not None else None
    if promised is not None:
        say(f"warning: {path} is going to hold a table; --format {promised} makes it what its name says")


ReportFormat = Literal["table", "json", "jsonl", "csv", "markdown", "sarif", "html", "parquet"]


@Parameter(name="*", group=_OUTPUT)
@attrs.frozen(kw_only=True)
class ReportOutput:
    """In what form a report is written, and where to."""

    format: Annotated[
        ReportFormat,
        Parameter(
            help="table and html for people, markdown for issues, sarif for code hosts, json, jsonl (a line each) "
            "and csv for programs, parquet (three files in the folder -o) for databases."
        ),
    ] = "table"
    output: Annotated[
        Path | None,
        Parameter(
            name=["--output", "-o"],
            help="A file instead of standard output. It appears when it is complete; with jsonl it grows line by line.",
        ),
    ] = None
    with_records: Annotated[
        bool, flag("With json and jsonl: each zone's settings and records too, for cfclient diff.")
    ] = False
    manifest: Annotated[
        bool, flag("Beside the file -o, one that proves it: FILE.manifest.json, for cfclient verify.")
    ] = False
    files: Annotated[str, Parameter(help="With sarif: where the file of a zone stands in the repository.")] = (
        "zones/{zone}.zone"
    )
    traceback: Traceback = False


Level = Literal["info", "low", "medium", "high", "critical"]

DEFAULT_ACCOUNT: Final = Account()
DEFAULT_OUTPUT: Final = Output()
DEFAULT_REPORT: Final = ReportOutput()
