"""An audit in a file that survives: JSON Lines that a killed run leaves behind, and that the next one continues.

    {"kind": "audit", "schema_version": 1, ...}     what the audit is of; written first
    {"kind": "zone", ...}                           one zone that was read whole, as `report` describes it
    {"kind": "failure", ...}                        one that could not be read
    {"kind": "summary", ...}                        written last

Four laws:

1. A line goes into the file by one write, when its zone is done, so that a process that is killed leaves
   whole lines and at most one half line, the last one.
2. Continuing begins by cutting the half line and the summary off; zones that failed are read anew, and
   their lines are taken out by replacing the file. No zone is there twice.
3. Only a file of the same audit is continued: same version, rules, account and zones. Anything else is an
   error that names what differs, and the file is left as it is.
4. Nothing in the file depends on when or how often it was continued.

Killing the process loses nothing that was written. Against a power failure the file is forced onto the
disk (fsync) at its beginning, at its end, and in between once a second at most: what is lost then is what
came within that second, and it is read again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self, TextIO, cast
from urllib.parse import parse_qsl, urlsplit

import attrs

from cfclient._version import __version__
from cfclient.backend import Credentials
from cfclient.errors import ConfigurationError

from .model import Excepted, Exemption, Finding, Rule, Severity, Summary, Tally, ZoneAudit
from .report import SCHEMA_VERSION, JsonLinesReport
from .report.plain import Plain, rule_out

__all__ = ["Identity", "Journal", "account_name", "is_journal", "replay", "rules_digest"]

#: seconds between two times that the file is forced onto the disk
SYNCED_EVERY: Final = 1.0


def rules_digest(rules: Iterable[Rule], exemptions: Iterable[Exemption] = ()) -> str:
    """The same text for the same rules, all that they say of themselves and what they need, and the same exceptions."""
    said: list[Plain] = [
        {**rule_out(rule), "needs": list(rule.needs), "follows": sorted(rule.follows)} for rule in rules
    ]
    said += [{**attrs.asdict(one), "until": one.until.isoformat()} for one in exemptions]
    return f"sha256:{hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()}"


@attrs.frozen(kw_only=True)
class Identity:
    """What an audit is of; two runs of the same one may share a file."""

    #: where and as whom it asks, without a key
    account: str
    #: as `rules_digest` gives it
    rules: str
    #: None for all zones of the account
    zones: tuple[str, ...] | None = None
    #: whether each zone's settings and records are written too
    with_records: bool = False
    cfclient: str = __version__
    schema_version: int = SCHEMA_VERSION

    @classmethod
    def of(
        cls,
        account: str,
        rules: Iterable[Rule],
        zones: Iterable[str] = (),
        *,
        exemptions: Iterable[Exemption] = (),
        with_records: bool = False,
    ) -> Identity:
        """That of an audit by these rules; of all zones where none is named."""
        named = tuple(sorted(set(zones))) or None
        return cls(account=account, rules=rules_digest(rules, exemptions), zones=named, with_records=with_records)

    @property
    def line(self) -> Plain:
        """The first line of the file."""
        zones = None if self.zones is None else list(self.zones)
        return {"kind": "audit", **attrs.asdict(self), "zones": zones}

    def check(self, line: Plain, path: Path) -> None:
        """Refuses the first line of another audit."""
        differ = [name for name, value in self.line.items() if line.get(name) != value]
        if differ:
            shown = "; ".join(
                "other rules, severities or exceptions than here"
                if name == "rules"
                else f"{name}: {_short(line.get(name))} there, {_short(self.line[name])} here"
                for name in differ
            )
            raise ConfigurationError(f"{path} is of another audit, and stays as it is ({shown}); name another file")


def account_name(url: str, credentials: Credentials, account: str | None = None) -> str:
    """Where and as whom somebody asks, without a key.

    What the address has of user, password and query is left out, but for the only account that counts: `account`,
    or the address's own.
    """
    parts = urlsplit(url)
    if not parts.netloc:
        return f"{credentials.principal} at {url}"
    place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    only = account or dict(parse_qsl(parts.query)).get("account")
    return f"{credentials.principal} at {place}{f'?account={only}' if only else ''}"


def is_journal(path: Path) -> bool:
    """Whether a file begins as one of these does."""
    try:
        with path.open("rb") as stream:
            _, line = next(_lines(stream), (0, None))
    except OSError:
        return False
    return line is not None and line["kind"] == "audit"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


# -- lines -------------------------------------------------------------------------------------------


def _lines(stream: BinaryIO) -> Iterator[tuple[int, Plain | None]]:
    """Each line with the offset behind it; what is no whole line is None, and the last."""
    end = 0
    for raw in stream:
        try:
            line = json.loads(raw) if raw.endswith(b"\n") else None
        except ValueError:
            line = None
        if not isinstance(line, dict) or not isinstance(line.get("kind"), str):
            yield end, None
            return
        end += len(raw)
        yield end, line


def zone_in(line: Plain, rules: Iterable[Rule]) -> ZoneAudit:
    """The zone that a line of kind `zone` or `failure` tells of, with the number of its records instead of them."""
    if line["kind"] == "failure":
        return ZoneAudit(zone=line["zone"], failure=line["reason"])
    said = {rule.id: rule for rule in rules}
    return ZoneAudit(
        zone=line["zone"],
        counted=line["records"],
        findings=tuple(_finding_in(line["zone"], entry, said) for entry in line["findings"]),
        not_checked=tuple((entry["rule"], entry["reason"]) for entry in line["not_checked"]),
        excepted=tuple(
            Excepted(
                finding=_finding_in(line["zone"], entry, said),
                exemption=_exemption_in(line["zone"], entry["rule"], entry["exception"]),
            )
            for entry in line.get("excepted", ())
        ),
    )


def _exemption_in(zone: str, rule: str, entry: Plain) -> Exemption:
    until = date.fromisoformat(entry["until"])
    return Exemption(zone=zone, rule=rule, reason=entry["reason"], until=until, record=entry["record"])


def _finding_in(zone: str, entry: Plain, rules: dict[str, Rule]) -> Finding:
    rule = rules.get(entry["rule"])
    return Finding(
        rule=entry["rule"],
        severity=Severity(entry["severity"]),
        zone=zone,
        message=entry["message"],
        records=tuple(entry["records"]),
        why=rule.why if rule else "",
        mend=rule.mend if rule else "",
        note=entry.get("note", ""),
    )


def replay(path: Path, rules: Iterable[Rule]) -> Iterator[ZoneAudit]:
    """The zones of a file by name, one at a time: what any report can be made from."""
    rules = tuple(rules)
    with path.open("rb") as stream:
        begin, places = 0, list[tuple[str, int]]()
        for end, line in _lines(stream):
            if line is not None and line["kind"] in {"zone", "failure"}:
                places.append((line["zone"], begin))
            begin = end
        for _, place in sorted(places):
            stream.seek(place)
            yield zone_in(json.loads(stream.readline()), rules)


# -- the file ----------------------------------------------------------------------------------------


class Journal:
    """A report into a file that survives; a block, at whose end the file is closed.

    Args:
        path: the file.
        identity: what the audit is of.
        rules: those of the audit.
        resume: continue what is there, instead of beginning anew.
        clock: seconds, for how often the file is forced onto the disk.
    """

    def __init__(
        self,
        path: Path,
        identity: Identity,
        rules: Iterable[Rule],
        *,
        resume: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        rules = tuple(rules)
        self._path = path
        self._clock = clock
        self._synced = clock()
        self._tally = Tally(0)
        #: the names of the zones that were read whole before
        self.done: set[str] = set()
        self._file = self._opened()
        try:
            if resume:
                self._continue(identity, rules)
            else:
                self._file.truncate(0)
            self._end = self._file.seek(0, os.SEEK_END)
            if not self._end:
                self.write(json.dumps(identity.line) + "\n")
            self._sync()
        except BaseException:
            self._file.close()
            raise
        self._lines = JsonLinesReport(cast("TextIO", self), rules=rules, with_records=identity.with_records)

    def _opened(self) -> BinaryIO:
        try:
            file = open(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0)  # noqa: SIM115  closed by `close`
        except OSError as error:
            raise ConfigurationError(f"{self._path} cannot be written: {error.strerror}") from None
        if not _locked(file) or not _bears(self._path, file):
            file.close()
            raise ConfigurationError(f"{self._path} is being written by another process")
        return cast("BinaryIO", file)

    def _continue(self, identity: Identity, rules: tuple[Rule, ...]) -> None:
        """Takes in what is there, and leaves in the file the first line and the zones that were read whole."""
        keep, good, cut = list[tuple[int, int]](), 0, False
        with open(self._path, "rb") as stream:
            for end, line in _lines(stream):
                if good == 0:
                    self._check_first(line, identity)
                if line is None:
                    break
                if line["kind"] == "audit" or (line["kind"] == "zone" and line["zone"] not in self.done):
                    if line["kind"] == "zone":
                        self._take_in(line, rules)
                    if keep and keep[-1][1] == good:
                        keep[-1] = (keep[-1][0], end)
                    else:
                        keep.append((good, end))
                        cut = good > 0
                good = end
        if cut or (keep and keep[-1][0] > 0):
            self._rewrite(keep)
        else:
            self._file.truncate(keep[-1][1] if keep else 0)

    def _check_first(self, line: Plain | None, identity: Identity) -> None:
        if line is not None:
            identity.check(line, self._path)
            return
        begun = self._path.read_bytes()
        if not (json.dumps(identity.line) + "\n").encode().startswith(begun):
            raise ConfigurationError(f"{self._path} is no audit that can be continued, and stays as it is")

    def _take_in(self, line: Plain, rules: tuple[Rule, ...]) -> None:
        try:
            self._tally.add(zone_in(line, rules))
        except (KeyError, TypeError, ValueError):
            raise ConfigurationError(
                f"{self._path}: the line of {line.get('zone')!r} is not as cfclient writes it"
            ) from None
        self.done.add(line["zone"])

    def _rewrite(self, keep: list[tuple[int, int]]) -> None:
        """Replaces the file by these pieces of it."""
        # A fixed name: what a killed process leaves behind is used up by the next one.
        fresh = self._path.with_name(f".{self._path.name}.resumed")
        file = open(os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666), "r+b", buffering=0)  # noqa: SIM115
        try:
            _locked(file)
            with open(self._path, "rb") as stream:
                for begin, end in keep:
                    stream.seek(begin)
                    file.write(stream.read(end - begin))
            os.fsync(file.fileno())
            fresh.replace(self._path)
        except BaseException:
            file.close()
            raise
        self._file.close()
        self._file = cast("BinaryIO", file)

    # -- writing -------------------------------------------------------------------------------------

    def write(self, text: str) -> None:
        """One line, whole or not at all."""
        data = text.encode()
        try:
            written = 0
            while written < len(data):
                written += self._file.write(data[written:])
        except OSError:
            # Where the disk is full, what follows must not be glued to half a line.
            with contextlib.suppress(OSError):
                self._file.truncate(self._end)
                self._file.seek(self._end)
            raise
        self._end += len(data)
        if self._clock() - self._synced >= SYNCED_EVERY:
            self._sync()

    def flush(self) -> None:
        """Nothing is held back."""

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._synced = self._clock()

    def zone(self, audit: ZoneAudit) -> None:
        """Writes the zone's line."""
        self._lines.zone(audit)
        self._tally.add(audit)

    @property
    def summary(self) -> Summary:
        """The numbers of the zones in the file."""
        return self._tally.summary

    def finish(self, summary: Summary) -> Summary:
        """Writes the last line; the summary of all zones in the file.

        Args:
            summary: that of this run, which says what it expected beside the zones that were read before.
        """
        self._tally.expect(len(self.done) + summary.zones_expected)
        whole = attrs.evolve(self._tally.summary, zones_left=summary.zones_left)
        self._lines.finish(whole)
        self._sync()
        return whole

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _bears(path: Path, file: Any) -> bool:
    """Whether it is this file that bears the name: another process may have replaced it before it was locked."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _locked(file: Any) -> bool:
    """Locks the file against other processes until it is closed; False where another one has it."""
    if sys.platform == "win32":  # pragma: no cover  there is no such lock there, and nobody ran it there
        return True
    import fcntl

    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
