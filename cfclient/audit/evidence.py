"""An audit of one account or many into a folder that proves itself; what is in it says `manifest.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import attrs

from cfclient.errors import ConfigurationError, InvalidInput

from .accounts import AccountsAudit, AuditAccount, Step, audit_accounts
from .journal import Identity, Journal, account_name, replay
from .manifest import LINES, MANIFEST, OVERALL, Entry, fingerprint, write
from .model import Exemption, Rule, Summary
from .report import reporter
from .rules import RULES

__all__ = ["FORMS", "Evidence"]

#: the forms in which a report can be had beside JSON, and how its file ends
FORMS: Final[Mapping[str, str]] = {"csv": "csv", "html": "html", "markdown": "md", "sarif": "sarif"}

_NOT_LISTED: Final = "the audit ended before its zones were listed"


@attrs.frozen
class _Account:
    account: AuditAccount
    identity: Identity
    journal: Journal


class Evidence:
    """The folder of an audit; a block, at whose end its files are closed.

        with Evidence(folder, accounts) as evidence:
            await evidence.gather()
        print(evidence.digest)

    Args:
        folder: where to; it is made where it is not there, and empty unless `resume` is set.
        accounts: which are audited.
        rules: what to check.
        exemptions: what is known and is no finding.
        forms: in which of the `FORMS` each account's report is written beside JSON.
        resume: continue what an earlier run has left there.
        with_records: write each zone's settings and records too.
        now: what says the time.
    """

    def __init__(
        self,
        folder: Path,
        accounts: Iterable[AuditAccount],
        *,
        rules: Iterable[Rule] = RULES,
        exemptions: Iterable[Exemption] = (),
        forms: Iterable[str] = (),
        resume: bool = False,
        with_records: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._folder = folder
        self._rules = tuple(rules)
        self._exemptions = tuple(exemptions)
        self._forms = tuple(forms)
        if unknown := sorted(set(self._forms) - FORMS.keys()):
            raise InvalidInput.of("forms", unknown[0], f"any of {', '.join(FORMS)}")
        self._with_records = with_records
        self._now = now
        self._started = now()
        #: what became of each account, when all are done
        self.entries: tuple[Entry, ...] = ()
        #: that of the manifest, when it is written
        self.digest: str | None = None
        self._make_room(resume=resume)
        with ExitStack() as stack:
            self._accounts = {account.name: self._opened(stack, account, resume=resume) for account in tuple(accounts)}
            self._stack = stack.pop_all()

    def _make_room(self, *, resume: bool) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            there = sorted(path.name for path in self._folder.iterdir())
        except OSError as error:
            raise ConfigurationError(f"{self._folder} cannot be a folder for evidence: {error.strerror}") from None
        if there and not resume:
            raise ConfigurationError(
                f"{self._folder} is not empty ({there[0]}): name another folder, or continue what is in it (resume)"
            )
        # They are of the earlier run, or of one that was killed while it wrote them.
        for leftover in [*self._folder.rglob(".cfclient-*.tmp"), *self._folder.rglob(f".{LINES}.resumed")]:
            leftover.unlink()
        for name in (MANIFEST, OVERALL):
            (self._folder / name).unlink(missing_ok=True)

    def _opened(self, stack: ExitStack, account: AuditAccount, *, resume: bool) -> _Account:
        whose = account_name(account.url if isinstance(account.url, str) else "memory:", account.credentials)
        identity = Identity.of(
            whose,
            self._rules,
            account.zones or (),
            exemptions=self._exemptions,
            with_records=self._with_records,
        )
        place = self._folder / account.name
        place.mkdir(exist_ok=True)
        journal = stack.enter_context(Journal(place / LINES, identity, self._rules, resume=resume))
        return _Account(account, identity, journal)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    async def gather(
        self,
        *,
        concurrency: int = 16,
        seen: Callable[[AccountsAudit, Step], None] = lambda _, __: None,
        **connecting: Any,
    ) -> None:
        """Audits all accounts; what was read is written also where this is cancelled.

        Args:
            concurrency: how many zones of each account are read at a time.
            seen: is called with each step, after it was written.
            connecting: options of `connect`.
        """
        accounts = [one.account for one in self._accounts.values()]
        skip = {name: one.journal.done for name, one in self._accounts.items()}
        async with audit_accounts(
            accounts,
            concurrency=concurrency,
            rules=self._rules,
            exemptions=self._exemptions,
            skip=skip,
            all_settings=self._with_records,
            **connecting,
        ) as run:
            try:
                async for step in run:
                    if step.zone is not None:
                        self._accounts[step.account].journal.zone(step.zone)
                    seen(run, step)
            finally:
                self._finish(run)

    def _finish(self, run: AccountsAudit) -> None:
        summaries, owners = run.summaries, run.owners
        entries = []
        for name, one in self._accounts.items():
            known = summaries.get(name)
            summary = one.journal.summary if known is None else one.journal.finish(known)
            entries.append(
                Entry(
                    name=name,
                    identity=one.identity,
                    fingerprint=fingerprint(one.account.credentials),
                    summary=summary,
                    owners=tuple(sorted(owners.get(name, ()))),
                    failure=run.failures.get(name, _NOT_LISTED) if known is None else None,
                )
            )
            if known is not None:
                self._report(name, summary)
        self.entries = tuple(entries)
        self.digest = write(self._folder, entries, self._rules, started=self._started, ended=self._now())

    def _report(self, name: str, summary: Summary) -> None:
        place = self._folder / name
        for form, suffix in [("json", "json"), *((form, FORMS[form]) for form in self._forms)]:
            with (place / f"report.{suffix}").open("w", encoding="utf-8") as stream:
                report = reporter(form, stream, rules=self._rules)
                for zone in replay(place / LINES, self._rules):
                    report.zone(zone)
                report.finish(summary)
