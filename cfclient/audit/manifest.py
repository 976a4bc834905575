"""Evidence: a folder with what was found, and a manifest by which anybody can check that it is all of it.

    FOLDER/manifest.json           what was audited, when and by what; each file's size and SHA-256
    FOLDER/overall.json            the numbers of all accounts
    FOLDER/ACCOUNT/audit.jsonl     the zones of one account, as `journal.py` writes them
    FOLDER/ACCOUNT/report.json     the same as one report, and in what other form was asked for

A single report has its manifest beside it, where it was asked for one:

    REPORT                         in whatever format
    REPORT.manifest.json           the same as of a folder, of this report and nothing else

`verify` proves two things. Integrity: every file is as it was written, and none was added to the folder.
Completeness: the lines of each account are exactly the zones that were expected, each once, and say what the
manifest says. So do the zones of a report in JSON; what stands in a report of another format only its digest
tells. Whoever can change the files can change the manifest too: keep its digest elsewhere, and compare.

The manifest names whose key it was by a fingerprint (scrypt), from which no key can be had.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import attrs

from cfclient._version import __version__
from cfclient.backend import Credentials
from cfclient.errors import ConfigurationError

from .journal import Identity, replay, zone_in
from .model import Rule, Summary, Tally, ZoneAudit
from .report.plain import SCHEMA_VERSION, Plain, summary_out

__all__ = [
    "MANIFEST",
    "MANIFEST_VERSION",
    "Entry",
    "Told",
    "Verdict",
    "beside",
    "fingerprint",
    "overall",
    "verify",
    "write",
    "write_beside",
]

MANIFEST: Final = "manifest.json"
OVERALL: Final = "overall.json"
LINES: Final = "audit.jsonl"

#: the version of the manifest's shape; it grows as that of reports does
MANIFEST_VERSION: Final = 1


def fingerprint(credentials: Credentials) -> str | None:
    """The same text for the same key, from which it cannot be had; None where a callable gives the key."""
    if not isinstance(credentials.token, str):
        return None
    key = credentials.token.encode(errors="surrogatepass")
    return "scrypt:" + hashlib.scrypt(key, salt=b"cfclient fingerprint", n=2**13, r=8, p=1, dklen=12).hex()


@attrs.frozen(kw_only=True)
class Entry:
    """What became of one account."""

    name: str
    identity: Identity
    fingerprint: str | None
    summary: Summary
    #: the ids of the accounts as the service names them
    owners: tuple[str, ...] = ()
    #: why its zones could not be listed
    failure: str | None = None

    @property
    def complete(self) -> bool:
        """Whether every zone was read whole."""
        return self.failure is None and self.summary.complete


# -- writing -----------------------------------------------------------------------------------------


def overall(entries: Iterable[Entry]) -> Plain:
    """The numbers of each account and of all; without times, so that two audits of the same state are the same."""
    entries = tuple(entries)
    sums = [summary_out(entry.summary) for entry in entries]
    counts = ("zones_expected", "zones_read", "zones_failed", "records", "findings")
    total: Plain = {"complete": all(entry.complete for entry in entries)}
    total |= {key: sum(one[key] for one in sums) for key in counts}
    for key in ("by_severity", "by_rule", "not_checked"):
        added: Counter[str] = Counter()
        for one in sums:
            added.update(one[key])
        total[key] = dict(added) if key == "by_severity" else dict(sorted(added.items()))
    accounts = [
        {"name": entry.name, "complete": entry.complete, "failure": entry.failure, "summary": one}
        for entry, one in zip(entries, sums, strict=True)
    ]
    return {"kind": "overall", "schema_version": SCHEMA_VERSION, "summary": total, "accounts": accounts}


@attrs.define
class Told:
    """What a manifest says of each zone: no more is kept of it."""

    zones: list[str] = attrs.field(factory=list)
    reasons: Counter[tuple[str, str]] = attrs.field(factory=Counter)

    def add(self, zone: ZoneAudit) -> None:
        """Takes one more zone."""
        self.zones.append(zone.zone)
        self.reasons.update(zone.not_checked)


def write(folder: Path, entries: Iterable[Entry], rules: Iterable[Rule], *, started: datetime, ended: datetime) -> str:
    """Writes `overall.json` and the manifest over all that is in the folder; the manifest's digest."""
    entries = tuple(entries)
    _replace(folder / OVERALL, overall(entries))
    accounts = []
    for entry in entries:
        told = Told()
        for zone in replay(folder / entry.name / LINES, ()):
            told.add(zone)
        accounts.append((entry, told))
    body = _body(accounts, rules, started=started, ended=ended)
    body["files"] = [_file(folder, path) for path in _files(folder)]
    return _sealed(folder / MANIFEST, body)


def beside(report: Path) -> Path:
    """Where the manifest of a single report stands: beside the file, or in the folder of Parquet's."""
    place = report.resolve()
    return place / MANIFEST if place.is_dir() else place.with_name(f"{place.name}.{MANIFEST}")


def write_beside(
    report: Path,
    entry: Entry,
    told: Told,
    rules: Iterable[Rule],
    *,
    format: str,  # noqa: A002  what the command line calls it
    started: datetime,
    ended: datetime,
) -> str:
    """Writes the manifest of a report that is complete, by one replacement; the manifest's digest.

    Args:
        report: the file, or the folder of Parquet's three.
        entry: what became of the account.
        told: the zones that are in the report.
        rules: those of the audit.
        format: that of the report.
        started: when the audit began.
        ended: when it was done.
    """
    manifest = beside(report)
    files = sorted(manifest.parent.glob("*.parquet")) if report.is_dir() else [report.resolve()]
    body = _body([(entry, told)], rules, started=started, ended=ended)
    body |= {"report": {"format": format}, "files": [_file(manifest.parent, path) for path in files]}
    return _sealed(manifest, body)


def _body(
    accounts: Iterable[tuple[Entry, Told]], rules: Iterable[Rule], *, started: datetime, ended: datetime
) -> Plain:
    accounts = tuple(accounts)
    return {
        "kind": "manifest",
        "schema_version": MANIFEST_VERSION,
        "report_schema_version": SCHEMA_VERSION,
        "cfclient": __version__,
        "python": platform.python_version(),
        "rules": {"digest": accounts[0][0].identity.rules, "ids": sorted(rule.id for rule in rules)},
        "started": _said(started),
        "ended": _said(ended),
        "complete": all(entry.complete for entry, _ in accounts),
        "accounts": [_account(entry, told) for entry, told in accounts],
    }


def _sealed(path: Path, body: Plain) -> str:
    body["digest"] = _digest(body)
    _replace(path, body)
    return str(body["digest"])


def _said(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _account(entry: Entry, told: Told) -> Plain:
    summary = entry.summary
    return {
        "name": entry.name,
        "account": entry.identity.account,
        "owners": list(entry.owners),
        "credential": entry.fingerprint,
        "failure": entry.failure,
        "zones_asked_for": None if entry.identity.zones is None else list(entry.identity.zones),
        "zones_expected": sorted({*told.zones, *summary.zones_left}),
        "zones_read": summary.zones_read,
        "zones_failed": [{"zone": zone, "reason": reason} for zone, reason in sorted(summary.zones_failed.items())],
        "zones_left": sorted(summary.zones_left),
        "not_checked": [
            {"rule": rule, "reason": reason, "zones": count} for (rule, reason), count in sorted(told.reasons.items())
        ],
    }


def _files(folder: Path) -> Iterator[Path]:
    """Every file of the folder but the manifest, in one order; links are told too."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        linked = [name for name in folders if (Path(place) / name).is_symlink()]
        for name in sorted([*names, *linked]):
            path = Path(place) / name
            if path != folder / MANIFEST:
                yield path


def _file(folder: Path, path: Path) -> Plain:
    size, digest = 0, hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            size += len(piece)
            digest.update(piece)
    return {"path": path.relative_to(folder).as_posix(), "size": size, "sha256": digest.hexdigest()}


def _digest(body: Plain) -> str:
    plain = json.dumps({key: value for key, value in body.items() if key != "digest"}, sort_keys=True)
    return f"sha256:{hashlib.sha256(plain.encode()).hexdigest()}"


def _replace(path: Path, body: Plain) -> None:
    fresh = path.with_name(f".cfclient-{secrets.token_hex(8)}.tmp")
    try:
        with fresh.open("x", encoding="utf-8") as stream:
            stream.write(json.dumps(body, indent=2) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


# -- verifying ---------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Verdict:
    """What a folder proves."""

    #: the manifest's digest, to be compared with one that was kept elsewhere
    digest: str
    #: what is not as it was written
    changed: tuple[str, ...] = ()
    #: what was not read or not listed, each with the reason
    missing: tuple[str, ...] = ()
    files: int = 0
    zones: int = 0


def verify(path: Path) -> Verdict:
    """What a folder proves, or a report with the manifest beside it; nothing is asked of any service.

    Args:
        path: the folder; or the report, or its manifest.

    Raises:
        ConfigurationError: there is no manifest that this version can read.
    """
    # By its name: what a file says of itself is what is to be proved.
    manifest = path.resolve() if path.name.endswith(MANIFEST) and not path.is_dir() else beside(path)
    body = _manifest(manifest)
    folder, digest = manifest.parent, _digest(body)
    changed: list[str] = []
    missing: list[str] = []
    try:
        if digest != body["digest"]:
            changed.append(f"{manifest.name} is not as it was written")
        listed = {entry["path"]: entry for entry in body["files"]}
        single = body["report"]["format"] if "report" in body else None
        there = _there(folder, listed) if single else {p.relative_to(folder).as_posix(): p for p in _files(folder)}
        changed += _altered(folder, listed, there)
        for account in body["accounts"]:
            if single == "json":
                changed += _summed(folder / next(iter(listed)), account)
            elif single in {None, "jsonl"}:
                name = f"{account['name']}/{LINES}" if single is None else next(iter(listed))
                changed += _told_apart(folder / name, name, account, body)
            missing += _missing(account)
        if not missing and not body["complete"]:
            changed.append(f"{manifest.name} says that something is missing, and not what")
        zones = sum(account["zones_read"] for account in body["accounts"])
    except (KeyError, TypeError, ValueError, AttributeError, StopIteration) as error:
        raise ConfigurationError(f"{manifest} is not of the shape of version {MANIFEST_VERSION}: {error!r}") from None
    return Verdict(digest=digest, changed=tuple(changed), missing=tuple(missing), files=len(listed), zones=zones)


def _manifest(path: Path) -> Plain:
    try:
        body = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        hint = "; cfclient audit writes one with --manifest or --evidence" if not path.exists() else ""
        raise ConfigurationError(f"{path} cannot be read: {reason}{hint}") from None
    if not isinstance(body, dict) or body.get("kind") != "manifest":
        raise ConfigurationError(f"{path} is no manifest of an audit")
    version = body.get("schema_version")
    if not isinstance(version, int) or not 1 <= version <= MANIFEST_VERSION:
        raise ConfigurationError(f"{path} is of version {version!r}; this cfclient reads up to {MANIFEST_VERSION}")
    return body


def _there(folder: Path, listed: dict[str, Plain]) -> dict[str, Path]:
    """The files of a single report, which may stand beside others; none from another place."""
    found = {name: folder / name for name in listed if Path(name).name == name}
    return {name: path for name, path in found.items() if os.path.lexists(path)}


def _altered(folder: Path, listed: dict[str, Plain], there: dict[str, Path]) -> Iterator[str]:
    for name in sorted(listed.keys() - there.keys()):
        yield f"{name} is gone"
    for name in sorted(there.keys() - listed.keys()):
        yield f"{name} was not there when the manifest was written"
    for name in sorted(listed.keys() & there.keys()):
        if there[name].is_symlink():
            yield f"{name} is a link to another file"
        elif _file(folder, there[name]) != listed[name]:
            yield f"{name} is not as it was written"


def _told_apart(path: Path, name: str, account: Plain, body: Plain) -> Iterator[str]:
    """Where an account's lines say something else than the manifest."""
    if not path.is_file():
        return  # told as gone
    with path.open("rb") as stream:
        first = _line(stream.readline())
    whose = (first.get("account"), first.get("rules"), first.get("zones"))
    if whose != (account["account"], body["rules"]["digest"], account["zones_asked_for"]):
        yield f"{name} is of another audit than the manifest"
        return
    try:
        yield from _counted(path, name, account)
    except (KeyError, TypeError, ValueError):
        yield f"{name} has a line that is not as cfclient writes it"


def _line(raw: bytes) -> Plain:
    try:
        line = json.loads(raw)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}


def _counted(path: Path, name: str, account: Plain) -> Iterator[str]:
    summary, faults = _held(replay(path, ()), name, account)
    yield from faults
    if account["failure"] is None:
        last = _line(path.read_bytes().splitlines()[-1])
        if last.get("kind") != "summary" or not _is_told(last["summary"], summary):
            yield f"{name} does not end with the summary of its zones"


def _summed(path: Path, account: Plain) -> Iterator[str]:
    """Where a report in JSON says something else than the manifest."""
    if not path.is_file():
        return  # told as gone
    try:
        body = json.loads(path.read_bytes())
        audits = [zone_in({"kind": "zone", **zone}, ()) for zone in body["zones"]]
        audits += [ZoneAudit(zone=one["zone"], failure=one["reason"]) for one in body["failures"]]
        summary, faults = _held(audits, path.name, account)
        yield from faults
        if not _is_told(body["summary"], summary):
            yield f"{path.name} has another summary than that of its zones"
    except (KeyError, TypeError, ValueError, RecursionError):
        yield f"{path.name} is not as cfclient writes it"


def _is_told(said: Plain, summary: Summary) -> bool:
    """Whether a file's own summary is that of its zones; which were left, only the manifest tells besides."""
    return said == summary_out(attrs.evolve(summary, zones_left=tuple((said or {}).get("zones_left", ()))))


def _held(audits: Iterable[ZoneAudit], name: str, account: Plain) -> tuple[Summary, list[str]]:
    """The numbers of these zones, and where they are others than the manifest tells of."""
    tally, zones, faults = Tally(len(account["zones_expected"])), list[str](), list[str]()
    for zone in audits:
        zones.append(zone.zone)
        tally.add(zone)
    if len(set(zones)) < len(zones):
        faults.append(f"{name} has a zone twice")
    if sorted({*zones, *account["zones_left"]}) != account["zones_expected"] or set(zones) & {*account["zones_left"]}:
        faults.append(f"{name} has other zones than the manifest")
    failed = [{"zone": zone, "reason": reason} for zone, reason in tally.summary.zones_failed.items()]
    if (tally.summary.zones_read, failed) != (account["zones_read"], account["zones_failed"]):
        faults.append(f"{name} tells of other failures than the manifest")
    return tally.summary, faults


def _missing(account: Plain) -> Iterator[str]:
    name = account["name"]
    if account["failure"] is not None:
        yield f"{name}: its zones could not be listed: {account['failure']}"
    for entry in account["zones_failed"]:
        yield f"{name}: {entry['zone']} could not be read: {entry['reason']}"
    for zone in account["zones_left"]:
        yield f"{name}: {zone} was not come to"
