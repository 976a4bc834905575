"""The command `audit`."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Protocol

import anyio
from cyclopts import Parameter

from cfclient.actions import SETTINGS
from cfclient.audit import Audit, Rule, Severity, Summary, ZoneAudit
from cfclient.audit import audit as audited
from cfclient.audit.accounts import AuditAccount
from cfclient.audit.journal import Identity, Journal, account_name, is_journal, replay
from cfclient.audit.manifest import OVERALL, Entry, Told, beside, fingerprint, write_beside
from cfclient.audit.model import followed, wanted
from cfclient.audit.report import HtmlReport, ParquetReport, Report, reporter
from cfclient.backend import Credentials
from cfclient.client import Client
from cfclient.connect import connect
from cfclient.output import Progress, console, destination, standard_output

from .ending import Ending, ending, in_loop
from .evidence import Many, Reading, exit_code, into_folder, is_one_report, of_many
from .options import (
    DEFAULT_ACCOUNT,
    DEFAULT_REPORT,
    INCOMPLETE,
    Account,
    Level,
    ReportOutput,
    Usage,
    flag,
    say,
    table_said,
)
from .rules import DEFAULT_CHOICE, Choice


def audit(
    *zones: Annotated[str, Parameter(help="The zones' names or ids; without any, all zones of the account.")],
    fail_on: Annotated[Level, Parameter(help="The mildest finding that makes the exit code 1.")] = "info",
    concurrency: Annotated[int, Parameter(help="How many zones are read at a time.")] = 16,
    resume: Annotated[bool, flag("Continue what a run has left that was interrupted or killed.")] = False,
    estimate: Annotated[
        bool, flag("Print how many calls it takes, whose, and the expected end (table or json); audit nothing.")
    ] = False,
    evidence: Annotated[
        bool, flag("-o is a folder, also one that is not there yet: reports, and a manifest that proves them.")
    ] = False,
    accounts: Annotated[
        Path | None,
        Parameter(
            help="A file of many accounts, all audited in one run: into the folder -o; or one report over all, into "
            "the file -o (report.html) or on standard output."
        ),
    ] = None,
    profiles: Annotated[
        tuple[str, ...],
        Parameter(
            help="Profiles of config.toml, audited in one run like those of --accounts.",
            negative=(),
            show_default=False,
        ),
    ] = (),
    choice: Choice = DEFAULT_CHOICE,
    account: Account = DEFAULT_ACCOUNT,
    output: ReportOutput = DEFAULT_REPORT,
) -> int:
    """Read zones whole, settings and records, and report what is wrong with them.

    For example:

        cfclient audit --demo
        cfclient audit example.com example.net --fail-on medium
        cfclient audit --select mail,high --ignore dmarc-none
        cfclient audit --format jsonl -o findings.jsonl --resume
        cfclient audit --format html -o report.html --manifest
        cfclient audit --format jsonl --with-records -o snapshot.jsonl
        cfclient audit --accounts accounts.toml
        cfclient audit --accounts accounts.toml --format html -o all.html
        cfclient audit --accounts accounts.toml -o evidence
        cfclient audit --accounts accounts.toml --estimate

    The exit code is 0 where nothing was found, 1 where something was,
    2 for wrong usage, 3 where a zone could not be read, 130 when
    interrupted; what was read until then is reported all the same.
    """
    many = Many(file=accounts, profiles=profiles, zones=zones, account=account)
    if estimate:
        return _estimated(many, choice, output, resume=resume)
    how = Reading(choice, concurrency=concurrency, resume=resume)
    if (accounts or profiles) and not evidence and is_one_report(output):
        return of_many(many, output, how, Severity(fail_on))
    if evidence or accounts or profiles or _is_folder(output):
        return into_folder(many, output, how, Severity(fail_on))
    _check(output, resume=resume)
    rules, exemptions = choice.made()
    found = account.found()
    account.policy(found=found)  # refused now, before any file is touched
    whose = account_name(found.url, found.credentials, account.account or found.account)
    identity = Identity.of(whose, rules, zones, exemptions=exemptions, with_records=output.with_records)
    proved = _Proved(output, identity, found.credentials, rules) if output.manifest else None
    with ending() as end, ExitStack() as stack:
        if proved is not None:
            stack.push(proved.written)  # first, so that it comes last: when the report has taken its place
        into = _into(stack, output, identity, rules, resume=resume)
        if proved is not None:
            into = proved.over(into)
        progress = stack.enter_context(Progress(shown=_is_shown(output), what="reading zones"))
        reading = partial(
            audited, rules=rules, exemptions=exemptions, concurrency=concurrency, all_settings=is_whole(output)
        )
        connection = account.connect(progress.waits, found=found)
        job = _Audit(into, progress, stack, end)
        try:
            summary = in_loop(job.run, connection, zones, reading)
        except KeyboardInterrupt:
            if not end.said:
                raise
            return end.code
    if proved is not None:
        say(f"the manifest's digest is {proved.digest}")
    return verdict(summary, Severity(fail_on))


def _estimated(many: Many, choice: Choice, output: ReportOutput, *, resume: bool) -> int:
    """Prints what it would take, on standard output: no file is written or looked at."""
    from .estimating import estimate, show

    if resume:
        raise Usage("--estimate counts all zones, also those that are done: leave out --resume")
    rules, _ = choice.made()
    only = frozenset(SETTINGS) if is_whole(output) else wanted(rules)
    out = standard_output("that is where an estimate goes")
    single = many.single()
    found, paced = many.found(single)
    pace = many.account.policy(found=paced)

    def opened(one: AuditAccount) -> AbstractAsyncContextManager[Client]:
        if single is not None:
            return many.account.connect(found=single)
        return connect(
            one.url,
            email=one.credentials.email,
            token=one.credentials.token,
            pace=pace,
            allow_plain_http=many.account.allow_plain_http,
        )

    counting = partial(estimate, found, opened, only=only, follows=followed(rules), pace=pace)
    show(in_loop(counting), out, as_json=output.format == "json")
    return 0


def _is_folder(output: ReportOutput) -> bool:
    """Whether -o is a folder that is there, and not one for Parquet's files: what goes into it is evidence."""
    return output.output is not None and output.output.is_dir() and output.format != "parquet"


# -- where it goes -----------------------------------------------------------------------------------


class _Into(Protocol):
    """Takes an audit, and may know zones of it from an earlier run."""

    @property
    def done(self) -> Collection[str]: ...

    def earlier(self) -> Iterable[ZoneAudit]:
        """Those zones."""
        ...

    @property
    def hint(self) -> str:
        """What is said behind the words for an interruption."""
        ...

    def zone(self, audit: ZoneAudit) -> None: ...

    def finish(self, summary: Summary) -> Summary:
        """Writes what is left to be written; the summary of all zones, those of earlier runs included."""
        ...


def _check(output: ReportOutput, *, resume: bool) -> None:
    """Refuses options that do not go together."""
    if resume and output.output is None:
        raise Usage("--resume continues a file: name it by -o FILE")
    if resume and output.output is not None and output.output.exists() and not output.output.is_file():
        raise Usage(f"--resume continues a file, and {output.output} is none (a folder goes with --evidence)")
    if resume and output.output is not None and output.format != "jsonl" and is_journal(output.output):
        raise Usage(f"{output.output} is an audit in lines, which goes on with --format jsonl; or name another file")
    if resume and (output.format == "parquet" or (output.with_records and output.format != "jsonl")):
        raise Usage("--resume goes with --format jsonl where records are written, which no other file keeps on the way")
    _check_manifest(output)
    if output.with_records and output.format not in {"json", "jsonl"}:
        raise Usage(f"--with-records goes with --format json or jsonl, not with {output.format}")
    if "{zone}" not in output.files:
        raise Usage("--files needs {zone} in the place of the zone's name, such as zones/{zone}.zone")
    if output.format == "parquet" and output.output is None:
        raise Usage("--format parquet writes three files: name a folder for them with -o")
    table_said(output.format, output.output)


def _check_manifest(output: ReportOutput) -> None:
    """A report that has a manifest is not left with one that tells of another report."""
    path = output.output
    if path is None:
        if output.manifest:
            raise Usage("--manifest stands beside a file: name it by -o FILE")
        return
    if not output.manifest:
        if beside(path).exists():
            raise Usage(f"{path} has a manifest, {beside(path)}: give --manifest for a new one, or name another file")
    elif output.format == "parquet":
        if (path / OVERALL).exists():
            raise Usage(f"{path} is a folder of evidence, with a manifest of its own: name another one")
    elif path.exists() and not path.is_file():
        raise Usage(f"--manifest stands beside a file, and {path} is none")


def _into(
    stack: ExitStack, output: ReportOutput, identity: Identity, rules: tuple[Rule, ...], *, resume: bool
) -> _Into:
    """The place for the report; it is completed when the stack is closed."""
    path = output.output
    if path is not None and output.format == "jsonl" and (path.is_file() or not path.exists()):
        return _InJournal(stack.enter_context(Journal(path, identity, rules, resume=resume)), path)
    if path is not None and resume:
        part = path.with_name(f"{path.name}.part.jsonl")
        journal = stack.enter_context(Journal(part, identity, rules, resume=True))
        return _FromJournal(journal, part, path, output, rules)
    return _Straight(stack.enter_context(reporting(output, rules)))


class _Proved:
    """Any of these whose report gets a manifest, when it is complete and stands in its place.

    A manifest never stands beside a report that is still written: where a file is written line by line, the earlier
    one goes first; where a file is replaced, the manifest is replaced right behind it.
    """

    def __init__(
        self, output: ReportOutput, identity: Identity, credentials: Credentials, rules: tuple[Rule, ...]
    ) -> None:
        assert output.output is not None  # noqa: S101  `_check` has refused that
        self._path = output.output
        self._format = output.format
        self._identity = identity
        self._credentials = credentials
        self._rules = rules
        self._started = datetime.now(UTC)
        self._told = Told()
        self._summary: Summary | None = None
        #: the ids of the accounts as the service names them
        self.owners: frozenset[str] = frozenset()
        #: that of the manifest, when it is written
        self.digest: str | None = None

    def over(self, into: _Into) -> _Proved:
        """This one, over the place for the report, now that it is open."""
        self._into = into
        if isinstance(into, _InJournal) and not isinstance(into, _FromJournal):
            beside(self._path).unlink(missing_ok=True)
        for zone in into.earlier():
            self._told.add(zone)
        self.done, self.hint, self.earlier = into.done, into.hint, into.earlier
        return self

    def zone(self, audit: ZoneAudit) -> None:
        self._into.zone(audit)
        self._told.add(audit)

    def finish(self, summary: Summary) -> Summary:
        self._summary = self._into.finish(summary)
        return self._summary

    def written(self, kind: type[BaseException] | None, *_: object) -> None:
        """Writes it, where nothing went wrong until here."""
        if kind is None and self._summary is not None:
            entry = Entry(
                name="account",
                identity=self._identity,
                fingerprint=fingerprint(self._credentials),
                summary=self._summary,
                owners=tuple(sorted(self.owners)),
            )
            self.digest = write_beside(
                self._path,
                entry,
                self._told,
                self._rules,
                format=self._format,
                started=self._started,
                ended=datetime.now(UTC),
            )


@contextmanager
def reporting(output: ReportOutput, rules: tuple[Rule, ...]) -> Iterator[Report]:
    """The report on what these rules found, over where it is written to."""
    if output.format == "parquet" and output.output is not None:
        with closing(ParquetReport(output.output, rules=rules)) as report:
            yield report
        return
    with destination(output.output, output.format) as stream:
        if output.format == "html":
            yield HtmlReport(stream, rules=rules, made=datetime.now(UTC))
        else:
            yield reporter(
                output.format,
                stream,
                rules=rules,
                console=console(stream) if output.format == "table" else None,
                with_records=output.with_records,
                files=output.files,
            )
        stream.flush()


class _Straight:
    """A report that is made while zones are read."""

    done: Collection[str] = frozenset()
    earlier = staticmethod(tuple[ZoneAudit, ...])
    hint = ""

    def __init__(self, report: Report) -> None:
        self._report = report
        self.zone = report.zone

    def finish(self, summary: Summary) -> Summary:
        self._report.finish(summary)
        return summary


class _InJournal:
    """JSON Lines in a file that can be continued."""

    def __init__(self, journal: Journal, path: Path, lines: Path | None = None) -> None:
        self._lines = lines or path
        self._journal = journal
        self.zone = journal.zone
        self.done: Collection[str] = journal.done
        self.hint = f"; --resume continues {path}"

    def earlier(self) -> Iterable[ZoneAudit]:
        return replay(self._lines, ()) if self.done else ()

    def finish(self, summary: Summary) -> Summary:
        return self._journal.finish(summary)


class _FromJournal(_InJournal):
    """Any other format, made at the end from JSON Lines that can be continued until then."""

    def __init__(self, journal: Journal, part: Path, path: Path, output: ReportOutput, rules: tuple[Rule, ...]) -> None:
        self._rules = rules
        super().__init__(journal, path, part)
        self._part = part
        self._output = output

    def finish(self, summary: Summary) -> Summary:
        summary = super().finish(summary)
        with reporting(self._output, self._rules) as report:
            for zone in replay(self._part, self._rules):
                report.zone(zone)
            report.finish(summary)
        if summary.complete:
            self._part.unlink()
        return summary


def is_whole(output: ReportOutput) -> bool:
    """Whether all settings are written, also those that no rule looks at."""
    return output.with_records or output.format == "parquet"


def _is_shown(output: ReportOutput) -> bool:
    """Whether a progress bar is: on a terminal to which no lines are written meanwhile."""
    lines = output.format in {"jsonl", "csv"} and output.output is None and sys.stdout.isatty()
    return sys.stderr.isatty() and not lines


# -- the run -----------------------------------------------------------------------------------------


_Auditing = AbstractAsyncContextManager[Audit]


class _Audit:
    """One audit, reported also where it is interrupted."""

    def __init__(self, into: _Into, progress: Progress, stack: ExitStack, end: Ending) -> None:
        self._into = into
        self._progress = progress
        self._stack = stack
        self._end = end
        #: None until the zones are known
        self._summary: Summary | None = None

    async def run(
        self, connection: AbstractAsyncContextManager[Client], zones: tuple[str, ...], reading: partial[_Auditing]
    ) -> Summary:
        try:
            async with (
                connection as client,
                reading(client, zones or None, skip=self._into.done) as zone_audits,
            ):
                self._progress.begin(zone_audits.total)
                if isinstance(self._into, _Proved):
                    self._into.owners = zone_audits.owners
                try:
                    async for zone in zone_audits:
                        self._into.zone(zone)
                        self._progress.step()
                finally:
                    self._progress.stop()
                    self._summary = self._into.finish(zone_audits.summary)
        except anyio.get_cancelled_exc_class():
            self._over()
            raise
        return self._summary

    def _over(self) -> None:
        """Completes what was read; where nothing was, the old file stays."""
        if self._summary is None:
            self._stack.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
            self._end.soon("")
        else:
            self._stack.close()
            done, expected = self._summary.zones_read, self._summary.zones_expected
            self._end.soon(f": {done:,} of {expected:,} zones were read{self._into.hint}")


def verdict(summary: Summary, fail_on: Severity) -> int:
    """The exit code, and a line where zones are missing."""
    code = exit_code(summary, fail_on)
    if code == INCOMPLETE:
        zone, reason = next(iter(summary.zones_failed.items()))
        missing = summary.zones_expected - summary.zones_read
        more = f" (and {missing - 1:,} more)" if missing > 1 else ""
        say(
            f"error: incomplete: {missing:,} of {summary.zones_expected:,} zones could not be read: "
            f"{zone}: {reason}{more}"
        )
    return code
