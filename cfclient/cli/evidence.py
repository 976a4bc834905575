"""An audit into a folder that proves itself, of one account or many; and the command `verify`."""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl, urlencode

import anyio
import attrs
from cyclopts import Parameter

from cfclient.audit.accounts import AccountsAudit, AuditAccount, Step, read_accounts
from cfclient.audit.evidence import FORMS, Evidence
from cfclient.audit.manifest import Entry, beside
from cfclient.audit.manifest import verify as verified
from cfclient.audit.model import Rule, Severity, Summary
from cfclient.audit.report import HtmlReport
from cfclient.audit.report.plain import count
from cfclient.connect import Settings, is_v4
from cfclient.errors import ConfigurationError
from cfclient.harmless import harmless
from cfclient.output import Progress, destination, standard_output
from cfclient.pace import Pace

from .ending import Ending, ending, in_loop
from .options import FOUND, INCOMPLETE, Account, ReportOutput, Traceback, Usage, say
from .overall import FILES, show
from .rules import Choice


def exit_code(summary: Summary, fail_on: Severity) -> int:
    """3 where a zone was not read, 1 where something was found, else 0."""
    if not summary.complete:
        return INCOMPLETE
    return FOUND if summary.worst is not None and summary.worst >= fail_on else 0


@attrs.frozen(kw_only=True)
class Many:
    """Which accounts are audited, as the options say it."""

    file: Path | None
    profiles: tuple[str, ...]
    zones: tuple[str, ...]
    account: Account

    def single(self) -> Settings | None:
        """The settings of the one account that is asked, found once: a terminal may be asked for the key."""
        return self.account.found() if self.file is None and not self.profiles else None

    def found(self, single: Settings | None) -> tuple[tuple[AuditAccount, ...], Settings | None]:
        """The accounts, and whose pace counts for all; settings are found now, before any folder is touched."""
        if single is not None:
            return (self._one(self.account, self.account.profile or "account", single),), single
        if self.zones:
            raise Usage("zones are named in the file of accounts; with many accounts they cannot be named here")
        if self.account != Account(allow_plain_http=self.account.allow_plain_http, pace=self.account.pace):
            raise Usage("--accounts and --profiles say whom to ask: leave out the options of a single account")
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            accounts = read_accounts(self.file) if self.file is not None else ()
        for warning in told:
            say(f"warning: {warning.message}")
        several = [(name, Account(profile=name)) for name in self.profiles]
        settings = [one.found() for _, one in several]
        if len({found.pace for found in settings}) > 1 and not self.account.pace:
            raise Usage("the profiles name different places for pace: give --pace")
        ours = (self._one(one, name, found) for (name, one), found in zip(several, settings, strict=True))
        return (*accounts, *ours), next(iter(settings), None)

    def _one(self, account: Account, name: str, found: Settings) -> AuditAccount:
        url, only = found.url, account.account or found.account
        if only is not None:
            if not is_v4(url):
                raise Usage("account= narrows today's Cloudflare, whose address ends in /client/v4, only")
            # An address has one account at most; the option counts before it.
            path, _, query = url.partition("?")
            url = f"{path}?{urlencode({**dict(parse_qsl(query)), 'account': only})}"
        return AuditAccount(name=name, url=url, credentials=found.credentials, zones=self.zones or None)


@attrs.frozen
class Reading:
    """How the accounts are read."""

    choice: Choice
    concurrency: int = attrs.field(kw_only=True)
    resume: bool = attrs.field(kw_only=True)


def is_one_report(output: ReportOutput) -> bool:
    """Whether many accounts make one report: on standard output, or in a file, as its name's ending says."""
    path = output.output
    return path is None or (path.suffix.lower() in FILES and not path.is_dir()) or path.is_char_device()


def of_many(many: Many, output: ReportOutput, reading: Reading, fail_on: Severity) -> int:
    """Audits the accounts and writes one report over all; the exit code is that of the worst of them."""
    if reading.resume:
        raise Usage("--resume continues a folder: name it by -o FOLDER")
    if output.manifest:
        raise Usage("--manifest stands beside a file: name it by -o FILE; of many accounts, a folder -o has one")
    if output.with_records or output.format == "parquet":
        what = "--with-records" if output.with_records else "--format parquet"
        raise Usage(f"{what} does not go with one report over many accounts: audit each of them by itself")
    if "{zone}" not in output.files:
        raise Usage("--files needs {zone} in the place of the zone's name, such as zones/{zone}.zone")
    if output.output is None:
        standard_output("name a file or a folder with -o")
    elif not output.output.parent.is_dir():
        raise Usage(f"{output.output} cannot be written: there is no folder {output.output.parent}")
    elif (manifest := beside(output.output)).exists():
        raise Usage(f"{output.output} has a manifest, {manifest}: name another file")
    # The same as with a folder, so that nothing is kept in memory meanwhile.
    with tempfile.TemporaryDirectory(prefix="cfclient-") as place:
        return _audited(many, Path(place), output, reading, fail_on, over_all=True)


def into_folder(many: Many, output: ReportOutput, reading: Reading, fail_on: Severity) -> int:
    """Audits the accounts into the folder; the exit code is that of the worst of them."""
    folder = output.output
    if folder is None:
        raise Usage("name the folder for the evidence: -o FOLDER")
    if output.format not in {"table", "json", "jsonl", *FORMS}:
        raise Usage(f"--format {output.format} is no form of evidence: {', '.join(('json', *FORMS))}")
    return _audited(many, folder, output, reading, fail_on, over_all=False)


def _audited(
    many: Many, folder: Path, output: ReportOutput, reading: Reading, fail_on: Severity, *, over_all: bool
) -> int:
    single = many.single()
    accounts, paced = many.found(single)
    many.account.policy(found=paced)  # refused now, before any folder is touched
    if output.format == "html":
        HtmlReport(io.StringIO())  # a package that is missing is told now, and not when all is read
    rules, exemptions = reading.choice.made()
    proof = Evidence(
        folder,
        accounts,
        rules=rules,
        exemptions=exemptions,
        forms=[output.format] if output.format in FORMS and not over_all else [],
        resume=reading.resume,
        with_records=output.with_records,
    )
    with (
        ending() as end,
        proof as evidence,
        Progress(shown=sys.stderr.isatty(), what="reading zones") as progress,
    ):
        report = None
        if over_all:
            end.leaving = partial(shutil.rmtree, folder, ignore_errors=True)
            report = partial(_over_all, folder, rules, output)
        job = _Job(evidence, progress, end, fail_on, report)
        pace = many.account.policy(progress.waits, found=paced)
        try:
            in_loop(job.run, reading.concurrency, pace, many.account.allow_plain_http)
        except KeyboardInterrupt:
            if not end.said:
                raise
            return end.code
    if not over_all:
        say(f"the manifest's digest is {evidence.digest}")
    return max(_code(entry, fail_on) for entry in evidence.entries)


def _over_all(folder: Path, rules: tuple[Rule, ...], output: ReportOutput, entries: tuple[Entry, ...]) -> None:
    # Not in lines, whatever the format: it is written when all accounts are done.
    with destination(output.output, "" if output.format == "jsonl" else output.format) as stream:
        show(folder, entries, rules, stream=stream, output=output)


def _code(entry: Entry, fail_on: Severity) -> int:
    return INCOMPLETE if entry.failure is not None else exit_code(entry.summary, fail_on)


class _Job:
    """The run, and a line for each account when all are done."""

    def __init__(
        self,
        evidence: Evidence,
        progress: Progress,
        end: Ending,
        fail_on: Severity,
        report: Callable[[tuple[Entry, ...]], None] | None,
    ) -> None:
        self._evidence = evidence
        #: prints what was found, where it is not in a folder
        self._report = report
        self._progress = progress
        self._end = end
        self._fail_on = fail_on

    async def run(self, concurrency: int, pace: Pace | None, allow_plain_http: bool) -> None:
        try:
            await self._evidence.gather(
                concurrency=concurrency, seen=self._seen, pace=pace, allow_plain_http=allow_plain_http
            )
        except anyio.get_cancelled_exc_class():
            self._say()
            self._end.soon("" if self._report is not None else "; --resume continues the folder")
            raise
        self._say()

    def _seen(self, run: AccountsAudit, step: Step) -> None:
        self._progress.begin(run.total)
        if step.zone is not None:
            self._progress.step()

    def _say(self) -> None:
        self._progress.stop()
        for entry in self._evidence.entries:
            code, summary = _code(entry, self._fail_on), entry.summary
            if entry.failure is not None:
                words = f"could not be listed: {entry.failure}"
            else:
                zones = count(summary.zones_expected, "zone", "zones")
                words = f"{summary.zones_read:,} of {zones} read, {count(summary.findings, 'finding', 'findings')}"
            say(f"{entry.name}: {words} (exit code {code})")
        # Where it was interrupted before any account was opened, there is nothing to tell.
        if self._report is not None and self._evidence.entries:
            self._report(self._evidence.entries)


def verify(
    path: Annotated[Path, Parameter(help="The folder of an audit; or a report that has a manifest beside it.")],
    /,
    *,
    digest: Annotated[
        str | None, Parameter(help="The manifest's digest, where it was kept elsewhere: this one must have it.")
    ] = None,
    traceback: Traceback = False,  # noqa: ARG001  `run` looks for it
) -> int:
    """Prove that an audit is as it was written, and that every zone was read.

    For example:

        cfclient verify evidence
        cfclient verify report.html
        cfclient verify evidence --digest sha256:0123...

    The exit code is 0 where both hold, 1 where anything was changed, added or
    taken away, and 3 where zones are missing, or where no manifest can be read.
    """
    try:
        verdict = verified(path)
    except ConfigurationError as error:
        say(f"error: {error}")
        return INCOMPLETE
    changed = list(verdict.changed)
    if digest is not None and digest != verdict.digest:
        changed.append(f"the manifest's digest is {verdict.digest}, not {digest}")
    out = [f"changed: {line}" for line in changed] + [f"missing: {line}" for line in verdict.missing]
    if not out:
        zones = count(verdict.zones, "zone", "zones")
        out = [f"complete and as it was written: {zones} in {count(verdict.files, 'file', 'files')}"]
    for line in [*out, f"digest: {verdict.digest}"]:
        sys.stdout.write(harmless(line) + "\n")
    return FOUND if changed else INCOMPLETE if verdict.missing else 0
