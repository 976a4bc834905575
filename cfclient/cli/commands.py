"""The commands, their options, and what becomes of errors: one line on standard error, and an exit code."""

from __future__ import annotations

import difflib
import io
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar
from urllib.parse import urlencode

import anyio
import attrs
import rich  # noqa: F401  so that a missing package is found missing here
from cyclopts import App, CycloptsError, Group, Parameter

from cfclient import wire
from cfclient._version import __version__
from cfclient.actions import ACTIONS, Action, ZoneSettings
from cfclient.audit import Severity, Summary
from cfclient.audit import audit as audited
from cfclient.audit.report import Report, reporter
from cfclient.client import Client
from cfclient.connect import connect, emulator, emulator_at
from cfclient.connect import settings as found_settings
from cfclient.errors import CloudflareError, ConfigurationError, InvalidInput, Unauthorized
from cfclient.gateway import PATH, gateway
from cfclient.harmless import harmless
from cfclient.models import Record, Zone
from cfclient.output import Entries, Format, Progress, console, destination, write
from cfclient.paging import Listing

__all__ = ["run"]

T = TypeVar("T")

FOUND, USAGE, INCOMPLETE, FAULT, INTERRUPTED, GONE = 1, 2, 3, 70, 130, 141


class Usage(Exception):
    """The command was not given as it has to be; the text says what would be right."""


# -- the options that commands share -----------------------------------------------------------------


def _flag(text: str) -> Parameter:
    return Parameter(help=text, show_default=False)


Traceback = Annotated[bool, _flag("Show the whole of an error.")]
ZoneName = Annotated[str, Parameter(help="The zone's name.")]

_ACCOUNT: Final = Group("Account", sort_key=1)
_OUTPUT: Final = Group("Output", sort_key=2)


@Parameter(name="*", group=_ACCOUNT)
@attrs.frozen(kw_only=True)
class Account:
    """Where to ask, and as whom."""

    url: Annotated[
        str | None,
        Parameter(help="The address of the API, or emulator:?zones=25&seed=7. Otherwise CFCLIENT_URL or a profile."),
    ] = None
    email: Annotated[
        str | None, Parameter(help="The account's e-mail address. Otherwise CFCLIENT_EMAIL or a profile.")
    ] = None
    token_file: Annotated[
        str | None,
        Parameter(
            allow_leading_hyphen=True,  # "-" is one
            help="A file with the account's key, - for standard input. Otherwise CFCLIENT_TOKEN or a profile. "
            "There is no option for the key itself, because every user of the machine can see a process's options.",
        ),
    ] = None
    profile: Annotated[
        str | None, Parameter(help="The name of a profile in config.toml. Otherwise CFCLIENT_PROFILE.")
    ] = None
    allow_plain_http: Annotated[bool, _flag("Send the key unencrypted to an http address on another machine.")] = False
    demo: Annotated[bool, _flag("The built-in demo account: no network, no settings.")] = False

    def connect(self) -> AbstractAsyncContextManager[Client]:
        """The block in which the client is open; settings are found now, before any file is touched."""
        if self.demo:
            if self.url or self.email or self.token_file or self.profile:
                raise Usage("--demo is an account of its own: leave out --url, --email, --token-file and --profile")
            return connect(emulator().connect)
        token = self.token_file and _token(self.token_file)
        try:
            found = found_settings(self.url, email=self.email, token=token, profile=self.profile)
        except ConfigurationError as error:
            raise Usage(f"{error}; on the command line --url, --email and --token-file; or try --demo") from error
        return connect(
            found.url,
            email=found.credentials.email,
            token=found.credentials.token,
            profile=self.profile,
            allow_plain_http=self.allow_plain_http,
        )


def _token(name: str) -> str:
    try:
        token = (sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Usage(f"--token-file {name} cannot be read: {error}") from None
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


Level = Literal["info", "low", "medium", "high", "critical"]

_DEFAULT_ACCOUNT: Final = Account()
_DEFAULT_OUTPUT: Final = Output()

# -- the commands ------------------------------------------------------------------------------------

_HELP = """CloudFlare's Client Interface API, version 1, from the command line.

For example:

    cfclient audit --demo
    cfclient audit --format jsonl -o findings.jsonl --fail-on high
    cfclient records example.com --format csv
    cfclient call rec_new z=example.com type=A name=www content=192.0.2.1
    cfclient serve --demo --port 8080

Exit codes:

    0    done; of an audit: nothing was found
    1    an audit found something at or above --fail-on
    2    wrong usage, or a setting that is missing or wrong
    3    the service refused or did not answer; of an audit: not every
         zone could be read
    130  interrupted (Ctrl-C)
"""

app = App(
    name="cfclient",
    help=_HELP,
    help_format="plaintext",
    version=__version__,
    default_parameter=Parameter(negative=()),
)


@app.command
def audit(
    *zones: Annotated[str, Parameter(help="The zones' names; without any, all zones of the account.")],
    fail_on: Annotated[Level, Parameter(help="The mildest finding that makes the exit code 1.")] = "info",
    concurrency: Annotated[int, Parameter(help="How many zones are read at a time.")] = 16,
    account: Account = _DEFAULT_ACCOUNT,
    output: Output = _DEFAULT_OUTPUT,
) -> int:
    """Read zones whole, settings and records, and report what is wrong with them.

    For example:

        cfclient audit --demo
        cfclient audit example.com example.net --fail-on medium
        cfclient audit --format jsonl -o findings.jsonl

    The exit code is 0 where nothing was found, 1 where something was,
    2 for wrong usage, 3 where a zone could not be read, 130 when
    interrupted; what was read until then is reported all the same.
    """
    connection = account.connect()
    with destination(output.output, output.format) as stream:
        shown = sys.stderr.isatty() and not (output.format in {"jsonl", "csv"} and stream.isatty())
        report = reporter(output.format, stream, console=console(stream) if output.format == "table" else None)
        with Progress(shown=shown, what="reading zones") as progress:
            job = _Audit(report, progress)
            try:
                summary = anyio.run(job.run, connection, zones, concurrency)
            except KeyboardInterrupt:
                # Left like any other error, this block would throw away what was read.
                if job.summary is None:
                    raise
                _say(f"interrupted: {job.summary.zones_read:,} of {job.summary.zones_expected:,} zones were read")
                return INTERRUPTED
    return _verdict(summary, Severity(fail_on))


class _Audit:
    """One audit, reported also where it is interrupted."""

    def __init__(self, report: Report, progress: Progress) -> None:
        self._report = report
        self._progress = progress
        #: None until the zones are known
        self.summary: Summary | None = None

    async def run(
        self, connection: AbstractAsyncContextManager[Client], zones: tuple[str, ...], concurrency: int
    ) -> Summary:
        async with connection as client, audited(client, zones or None, concurrency=concurrency) as zone_audits:
            self._progress.begin(zone_audits.total)
            try:
                async for zone in zone_audits:
                    self._report.zone(zone)
                    self._progress.step()
            finally:
                self._progress.stop()
                self.summary = zone_audits.summary
                self._report.finish(self.summary)
        return self.summary


def _verdict(summary: Summary, fail_on: Severity) -> int:
    if not summary.complete:
        zone, reason = next(iter(summary.zones_failed.items()))
        missing = summary.zones_expected - summary.zones_read
        more = f" (and {missing - 1:,} more)" if missing > 1 else ""
        _say(
            f"error: incomplete: {missing:,} of {summary.zones_expected:,} zones could not be read: "
            f"{zone}: {reason}{more}"
        )
        return INCOMPLETE
    return FOUND if summary.worst is not None and summary.worst >= fail_on else 0


@app.command
def zones(*, account: Account = _DEFAULT_ACCOUNT, output: Output = _DEFAULT_OUTPUT) -> int:
    """List the zones of the account, however many pages they fill.

    For example:

        cfclient zones --demo
        cfclient zones --format csv -o zones.csv
    """
    return _list(account, output, Zone, lambda client: client.zones())


@app.command
def records(zone: ZoneName, /, *, account: Account = _DEFAULT_ACCOUNT, output: Output = _DEFAULT_OUTPUT) -> int:
    """List all records of a zone, however many pages they fill.

    For example:

        cfclient records example.com
        cfclient records example.com --format jsonl | jq .content
    """
    return _list(account, output, Record, lambda client: client.records(zone))


def _list(account: Account, output: Output, kind: type[T], listing: Callable[[Client], Listing[T]]) -> int:
    connection = account.connect()

    async def listed(entries: Entries) -> None:
        async with connection as client, listing(client).ahead() as found:
            async for entry in found:
                entries.add(entry)

    with destination(output.output, output.format) as stream:
        entries = Entries(output.format, stream, kind)
        anyio.run(listed, entries)
        entries.finish()
    return 0


@app.command
def settings(zone: ZoneName, /, *, account: Account = _DEFAULT_ACCOUNT, output: Output = _DEFAULT_OUTPUT) -> int:
    """Show all settings of a zone; what the service did not report is "-", which is not "off".

    For example:

        cfclient settings example.com
        cfclient settings example.com --format json
    """
    return _perform(account, output, lambda: ZoneSettings(zone))


@app.command
def call(
    action: Annotated[str, Parameter(help="The action's name on the wire, such as rec_new.")],
    /,
    *parameters: Annotated[
        str, Parameter(help="name=value each; the names are the wire's (z) or the Python method's (zone).")
    ],
    account: Account = _DEFAULT_ACCOUNT,
    output: Output = _DEFAULT_OUTPUT,
) -> int:
    """Carry out any of the 22 actions of the API.

    For example:

        cfclient call stats z=example.com interval=20
        cfclient call sec_lvl zone=example.com value=help
        cfclient call rec_new z=example.com type=A name=www content=192.0.2.1
        cfclient call ban key=192.0.2.1
    """
    return _perform(account, output, lambda: _action(action, parameters))


def _perform(account: Account, output: Output, make: Callable[[], Action[Any]]) -> int:
    action, connection = make(), account.connect()

    async def performed() -> Any:
        async with connection as client:
            return await client.perform(action)

    with destination(output.output, output.format) as stream:
        write(output.format, stream, anyio.run(performed))
    return 0


def _action(name: str, words: Sequence[str]) -> Action[Any]:
    """The action of this name, from `name=value` words."""
    name = "async" if name == "async_" else name
    if name not in ACTIONS:
        raise Usage(f"there is no action {name!r}{_near(name, ACTIONS)}; the actions are {', '.join(ACTIONS)}")
    cls = ACTIONS[name]
    fields = {field.metadata["wire"]: field.name for field in attrs.fields(cls)}
    names = {attribute: wire_name for wire_name, attribute in fields.items()} | {key: key for key in fields}
    given: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise Usage(f"{word!r} is no parameter: expected name=value, such as z=example.com")
        if cls.fixed.get(key) == value:
            continue
        if key not in names:
            offer = ", ".join(key if key == attribute else f"{key} ({attribute})" for key, attribute in fields.items())
            raise Usage(f"{name} has no parameter {key!r}{_near(key, names)}; it takes {offer}")
        if names[key] in given:
            raise Usage(f"the parameter {key!r} of {name} is given twice")
        given[names[key]] = value
    return wire.parse({"a": name, **given})


def _near(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


@app.command
def serve(
    *,
    demo: Annotated[bool, _flag("Serve the demo account, as is done without this too.")] = False,  # noqa: ARG001  all there is to serve so far
    zones: Annotated[int, Parameter(help="How many zones the account has.")] = 25,
    seed: Annotated[int, Parameter(help="The same seed makes the same account.")] = 1,
    page_size: Annotated[int, Parameter(help="How many zones or records one reply lists.")] = 180,
    latency: Annotated[int, Parameter(help="Milliseconds that each call takes.")] = 0,
    limit: Annotated[str, Parameter(help="How many calls in how many seconds, or none.")] = "1200/300",
    host: Annotated[str, Parameter(help="The name or address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Parameter(help="The port; 0 takes a free one.")] = 8080,
    echo: Annotated[bool, _flag("Repeat each request in its reply, key included, as the service did.")] = False,
    traceback: Traceback = False,  # noqa: ARG001  `run` looks for it
) -> int:
    """Serve the demo account as version 1 of the API, in memory, until Ctrl-C.

    One line on standard output says the whole address, once connections
    are accepted. The account's e-mail is demo@example.com, its key demo-key.

    For example:

        cfclient serve --demo
        cfclient serve --demo --zones 1000 --limit none --port 0
    """
    try:
        from cfclient import serving
    except ModuleNotFoundError as error:
        if error.name != "uvicorn":
            raise
        raise Usage('serve needs one more package: pip install "cfclient-async[server]"') from None
    options = {"zones": zones, "seed": seed, "page_size": page_size, "latency": latency, "limit": limit}
    address = f"emulator:?{urlencode(options, safe='/')}"
    try:
        account = emulator_at(address)
    except ConfigurationError as error:
        raise Usage(str(error).removeprefix(f"{address}: ")) from error

    def announce(url: str) -> None:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()

    async def served() -> None:
        await serving.serve(gateway(account.connect, echo=echo), host=host, port=port, path=PATH, announce=announce)

    anyio.run(served)
    return 0


# -- errors ------------------------------------------------------------------------------------------


def _say(text: str) -> None:
    """One line on standard error."""
    sys.stderr.write(f"cfclient: {harmless(' '.join(text.split()))}\n")


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
        _say("interrupted")
        return INTERRUPTED
    except Exception as error:
        if "--traceback" in arguments:
            sys.stderr.write("".join(traceback.format_exception(error)))
        words, code = _explained(error)
        _say(f"error: {words}")
    return code
