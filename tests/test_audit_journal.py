"""An audit in a file: killed at any moment and continued, it ends up the same as without the interruption."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import attrs
import pytest

from cfclient.actions import RecNew
from cfclient.audit import Excepted, Exemption, Fault, Finding, Rule, Severity, Summary, ZoneAudit, audit, journal
from cfclient.audit.journal import Identity, Journal, account_name, replay, rules_digest
from cfclient.backend import Backend, Credentials
from cfclient.backends.emulator import DEMO, Emulator
from cfclient.errors import ConfigurationError

pytestmark = pytest.mark.anyio

RULE = Rule(
    id="size",
    severity=Severity.LOW,
    title="T",
    why="W",
    mend="M",
    source="S",
    check=lambda data: [Fault(f"{len(data.records)} records", ("é.example",))] if len(data.records) % 2 else [],
)
NEEDY = attrs.evolve(RULE, id="needy", needs=("hsts",))
RULES = [RULE, NEEDY]


def service(zones: int = 4) -> Emulator:
    """So many zones, with 0, 1, 2, ... records in them."""
    return Emulator.from_json(
        {
            "accounts": [
                {
                    "email": DEMO.email,
                    "key": DEMO.token,
                    "zones": [
                        {
                            "zone_name": f"z{index}.example",
                            "records": [
                                {"type": "TXT", "name": f"n{number}", "content": "x"} for number in range(index)
                            ],
                        }
                        for index in range(zones)
                    ],
                }
            ]
        },
        limit=None,
    )


def identity(account: str = "a", rules: Iterable[Rule] = RULES, zones: Iterable[str] = ()) -> Identity:
    return Identity.of(account, rules, zones)


async def run(path: Path, backend: Backend, *, resume: bool = True, stop_after: int | None = None) -> Summary:
    """An audit into the file, broken off after so many zones."""
    with Journal(path, identity(), RULES, resume=resume) as journal:
        async with audit(backend, rules=RULES, skip=journal.done, concurrency=1) as zones:
            async for zone in zones:
                journal.zone(zone)
                if stop_after is not None:
                    stop_after -= 1
                    if not stop_after:
                        break
            return journal.finish(zones.summary)


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_a_file_says_what_it_is_of_and_what_was_found(tmp_path: Path) -> None:
    """First what the audit is of, then a line for each zone, last the summary."""
    path = tmp_path / "f.jsonl"
    summary = await run(path, service(2).connect())

    first, one, two, last = lines(path)
    assert {"kind": "audit", **attrs.asdict(identity())} == first
    assert ["zone", "zone", "summary"] == [line["kind"] for line in (one, two, last)]
    assert (2, True, 2) == (last["summary"]["zones_read"], last["summary"]["complete"], summary.zones_read)


async def test_a_file_that_is_cut_at_any_byte_is_continued_to_the_same_end(
    tmp_path: Path, anyio_backend_name: str
) -> None:
    """Order aside: no zone twice, none missing, no half line, and the same summary."""
    path, emulator = tmp_path / "f.jsonl", service(3)
    expected = await run(path, emulator.connect())
    whole = path.read_bytes()

    for cut in range(0, len(whole) + 1, 1 if anyio_backend_name == "asyncio" else 13):
        path.write_bytes(whole[:cut])
        summary = await run(path, emulator.connect())

        assert sorted(whole.splitlines()) == sorted(path.read_bytes().splitlines()), cut
        assert whole.splitlines()[-1] == path.read_bytes().splitlines()[-1]
        assert expected == summary


async def test_what_was_read_is_not_asked_for_again(tmp_path: Path) -> None:
    """Only the zones that are missing are; of a complete file, only the list of zones."""
    path, emulator = tmp_path / "f.jsonl", service()
    part = await run(path, emulator.connect(), stop_after=3)
    calls = [emulator.calls.total()]
    whole = await run(path, emulator.connect())
    calls.append(emulator.calls.total())
    await run(path, emulator.connect())
    calls.append(emulator.calls.total())

    assert (3, ("z3.example",)) == (part.zones_read, part.zones_left)
    assert (4, ()) == (whole.zones_read, whole.zones_left)
    assert [3, 1] == [calls[1] - calls[0], calls[2] - calls[1]]


async def test_without_resume_a_file_begins_anew(tmp_path: Path) -> None:
    """Whatever was in it."""
    path = tmp_path / "f.jsonl"
    path.write_text("something else\n")
    await run(path, service().connect(), resume=False)

    assert ["audit", *["zone"] * 4, "summary"] == [line["kind"] for line in lines(path)]


async def test_a_zone_that_failed_is_read_anew(tmp_path: Path) -> None:
    """Its line goes; one that vanished meanwhile goes with it, and what was read before stays."""
    path, emulator = tmp_path / "f.jsonl", service(3)
    with Journal(path, identity(), RULES) as journal:
        journal.zone(ZoneAudit(zone="z0.example", failure="No answer."))
        journal.zone(ZoneAudit(zone="gone.example", failure="No answer."))
        journal.zone(ZoneAudit(zone="old.example", counted=7))
        journal.zone(ZoneAudit(zone="old.example", counted=8))
        journal.finish(Summary(zones_expected=3))
    summary = await run(path, emulator.connect())

    found = {line["zone"]: line["records"] for line in lines(path)[1:-1]}
    assert {"old.example": 7, "z0.example": 0, "z1.example": 1, "z2.example": 2} == found
    assert (4, 4, True, 10) == (summary.zones_expected, summary.zones_read, summary.complete, summary.records)
    assert [path.name] == os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (identity(account="b"), 'account: "b" there, "a" here'),
        (identity(rules=[RULE]), "other rules, severities or exceptions than here"),
        (identity(zones=["z0.example"]), r'zones: \["z0.example"\] there, null here'),
        (attrs.evolve(identity(), with_records=True), "with_records: true there, false here"),
        (attrs.evolve(identity(), cfclient="0.0.1"), 'cfclient: "0.0.1" there'),
        (attrs.evolve(identity(), schema_version=0), "schema_version: 0 there"),
        (attrs.evolve(identity(), account="b" * 100), 'account: "b{56}... there'),
    ],
)
def test_a_file_of_another_audit_is_refused(other: Identity, words: str, tmp_path: Path) -> None:
    """The error names what differs, and the file stays as it is."""
    path = tmp_path / "f.jsonl"
    with Journal(path, other, RULES) as journal:
        journal.zone(ZoneAudit(zone="z0.example", counted=1))
    before = path.read_bytes()

    with pytest.raises(ConfigurationError, match=f"f.jsonl is of another audit, and stays as it is .*{words}"):
        Journal(path, identity(), RULES, resume=True)
    assert before == path.read_bytes()


@pytest.mark.parametrize("text", ["zone,rule\n", '["audit"]\n', '{"kind": 1}\n', '{"kind": "other"', "\xff\n"])
def test_a_file_that_is_no_audit_is_refused(text: str, tmp_path: Path) -> None:
    """And stays as it is."""
    path = tmp_path / "f.jsonl"
    path.write_bytes(text.encode("latin-1"))

    with pytest.raises(ConfigurationError, match="is no audit that can be continued, and stays as it is"):
        Journal(path, identity(), RULES, resume=True)
    assert text.encode("latin-1") == path.read_bytes()


def test_a_line_of_another_shape_is_refused(tmp_path: Path) -> None:
    """It was written by nobody we know: it is no half line, so it is not cut off in silence."""
    path = tmp_path / "f.jsonl"
    path.write_text(json.dumps(identity().line) + '\n{"kind": "zone", "zone": "z0.example"}\n')

    with pytest.raises(ConfigurationError, match=r"the line of 'z0.example' is not as cfclient writes it"):
        Journal(path, identity(), RULES, resume=True)


async def test_what_a_power_failure_garbled_is_read_anew(tmp_path: Path) -> None:
    """From the first line that is none: zeros where a disk had no time to write."""
    path, emulator = tmp_path / "f.jsonl", service()
    await run(path, emulator.connect())
    whole = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*whole[:2], b"\0" * 50 + b"\n", *whole[3:]]))
    await run(path, emulator.connect())

    assert sorted(whole) == sorted(path.read_bytes().splitlines(keepends=True))


def test_two_processes_do_not_write_one_file(tmp_path: Path) -> None:
    """The second one is told so."""
    path = tmp_path / "f.jsonl"
    with (
        Journal(path, identity(), RULES),
        pytest.raises(ConfigurationError, match="is being written by another process"),
    ):
        Journal(path, identity(), RULES, resume=True)
    Journal(path, identity(), RULES, resume=True).close()


def test_two_processes_do_not_continue_one_file(tmp_path: Path) -> None:
    """Also where what failed is taken out of it first, so that another file has its name."""
    path = tmp_path / "f.jsonl"
    with Journal(path, identity(), RULES) as first:
        first.zone(ZoneAudit(zone="a.example", failure="gone"))
        first.zone(ZoneAudit(zone="b.example"))
    before = path.stat().st_ino

    with (
        Journal(path, identity(), RULES, resume=True) as second,
        pytest.raises(ConfigurationError, match="is being written by another process"),
    ):
        Journal(path, identity(), RULES, resume=True)

    assert {"b.example"} == second.done
    assert before != path.stat().st_ino


def test_a_file_that_was_replaced_while_it_was_opened_is_another_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who continues it puts another one in its place; lines that go into the old one are in no file."""
    path = tmp_path / "f.jsonl"
    Journal(path, identity(), RULES).close()
    locked = journal._locked

    def late(file: Any) -> bool:
        fresh = tmp_path / "fresh"
        fresh.write_bytes(path.read_bytes())
        fresh.replace(path)
        return locked(file)

    monkeypatch.setattr(journal, "_locked", late)
    with pytest.raises(ConfigurationError, match="is being written by another process"):
        Journal(path, identity(), RULES, resume=True)


def test_a_file_that_is_removed_while_it_is_opened_is_another_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that was replaced."""
    path = tmp_path / "f.jsonl"

    def late(_: Any) -> bool:
        path.unlink()
        return True

    monkeypatch.setattr(journal, "_locked", late)
    with pytest.raises(ConfigurationError, match="is being written by another process"):
        Journal(path, identity(), RULES)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    """The reason, before anything is asked."""
    with pytest.raises(ConfigurationError, match="cannot be written: Is a directory"):
        Journal(tmp_path, identity(), RULES)


def test_a_rewriting_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the next run continues it."""
    path = tmp_path / "f.jsonl"
    with Journal(path, identity(), RULES) as journal:
        journal.zone(ZoneAudit(zone="a.example", failure="No."))
        journal.zone(ZoneAudit(zone="b.example", counted=1))
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space left"):
            Journal(path, identity(), RULES, resume=True)
    assert before == path.read_bytes()

    with Journal(path, identity(), RULES, resume=True) as journal:
        assert {"b.example"} == journal.done


def test_a_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    """Half a line is taken back, so that nothing can be glued to it."""
    path = tmp_path / "f.jsonl"
    with Journal(path, identity(), RULES) as journal:
        file = journal._file

        class Full:
            written = 0

            def write(self, data: bytes) -> int:
                if self.written:
                    raise OSError(errno.ENOSPC, "No space left on device")
                self.written = file.write(data[:10])
                return self.written

            def __getattr__(self, name: str) -> Any:
                return getattr(file, name)

        journal._file = Full()  # type: ignore[assignment]  # all of a file that is used here
        with pytest.raises(OSError, match="No space left"):
            journal.zone(ZoneAudit(zone="a.example", counted=1))

    assert [identity().line] == lines(path)


def test_the_file_is_forced_onto_the_disk_once_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the beginning, at the end, and in between not for every line."""
    synced, now = [], [0.0]
    monkeypatch.setattr(os, "fsync", lambda _: synced.append(now[0]))
    with Journal(tmp_path / "f.jsonl", identity(), RULES, clock=lambda: now[0]) as journal:
        for index in range(25):
            now[0] = index / 10
            journal.zone(ZoneAudit(zone=f"z{index}.example", counted=1))
        journal.finish(Summary(zones_expected=25))

    assert [0.0, 1.0, 2.0, 2.4] == synced


async def test_zones_are_read_back_as_they_were(tmp_path: Path) -> None:
    """By name, so that a report made of them does not depend on which zone was done first."""
    path, emulator = tmp_path / "f.jsonl", service(3)
    given: list[ZoneAudit] = []
    with Journal(path, identity(), RULES) as journal:
        async with audit(emulator.connect(), rules=RULES) as zones:
            async for zone in zones:
                given.append(zone)
        given.append(ZoneAudit(zone="a.example", failure="No."))
        for zone in given:
            journal.zone(zone)
    given.sort(key=lambda zone: zone.zone)
    back = list(replay(path, RULES))

    assert [attrs.evolve(zone, settings=None, records=(), counted=None) for zone in given] == [
        attrs.evolve(zone, counted=None) for zone in back
    ]
    assert [zone.size for zone in given] == [zone.size for zone in back]


def test_exceptions_are_read_back(tmp_path: Path) -> None:
    """And the note of one that has run out."""
    path = tmp_path / "f.jsonl"
    finding = Finding(
        rule="size", severity=Severity.LOW, zone="a.example", message="M", why="W", mend="M", note="it ran out"
    )
    exemption = Exemption(zone="a.example", rule="size", reason="Known.", until=date(2027, 1, 31))
    zone = ZoneAudit(
        zone="a.example", findings=(finding,), excepted=(Excepted(finding=finding, exemption=exemption),), counted=1
    )
    with Journal(path, identity(), RULES) as journal:
        journal.zone(zone)

    assert [zone] == list(replay(path, RULES))


def test_half_a_line_is_not_read_back(tmp_path: Path) -> None:
    """What is whole before it is."""
    path = tmp_path / "f.jsonl"
    with Journal(path, identity(), RULES) as journal:
        journal.zone(ZoneAudit(zone="a.example", counted=1))
        journal.zone(ZoneAudit(zone="b.example", counted=1))
    path.write_bytes(path.read_bytes()[:-9])

    assert ["a.example"] == [zone.zone for zone in replay(path, RULES)]


def test_a_finding_of_a_rule_that_is_no_more(tmp_path: Path) -> None:
    """It is read back without what the rule said of it."""
    path = tmp_path / "f.jsonl"
    finding = Finding(rule="old", severity=Severity.LOW, zone="a.example", message="M")
    with Journal(path, identity(), RULES) as journal:
        journal.zone(ZoneAudit(zone="a.example", findings=(finding,), counted=1))

    assert [finding] == [found for zone in replay(path, []) for found in zone.findings]


async def test_a_zone_that_came_meanwhile_is_read(tmp_path: Path) -> None:
    """What changed in a zone that was read before is not: the line is as of then."""
    path, emulator = tmp_path / "f.jsonl", service(2)
    await run(path, service(1).connect())
    emulator.perform(DEMO, RecNew("z0.example", "TXT", "new", "x"))
    summary = await run(path, emulator.connect())

    assert {"z0.example": 0, "z1.example": 1} == {line["zone"]: line["records"] for line in lines(path)[1:-1]}
    assert (2, 2) == (summary.zones_expected, summary.zones_read)


def test_the_digest_of_rules_follows_what_they_say() -> None:
    """Their functions are those of the version."""
    assert rules_digest(RULES) == rules_digest([attrs.evolve(rule, check=lambda _: ()) for rule in RULES])
    assert rules_digest(RULES) != rules_digest([attrs.evolve(RULE, severity=Severity.HIGH), NEEDY])
    assert rules_digest(RULES) != rules_digest([attrs.evolve(RULE, needs=("ssl",)), NEEDY])
    exemption = Exemption(zone="a.example", rule="size", reason="Known.", until=date(2027, 1, 31))
    assert rules_digest(RULES) != rules_digest(RULES, [exemption])


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:secret@v1.example.net:8443/api.html?key=secret#x", "https://v1.example.net:8443/api.html"),
        ("https://api.example.net/client/v4?lists=0&account=abc", "https://api.example.net/client/v4?account=abc"),
        ("emulator:?zones=2", "emulator:?zones=2"),
    ],
)
def test_an_account_s_name_holds_no_secret(url: str, shown: str) -> None:
    """Where and as whom."""
    assert f"me@example.com at {shown}" == account_name(url, Credentials("me@example.com", "secret"))


def test_the_account_that_is_named_counts_before_the_address_s() -> None:
    """As it does for what is asked."""
    credentials, address = Credentials("me@example.com", "secret"), "https://api.example.net/client/v4"

    named = {account_name(f"{address}{query}", credentials, "b") for query in ("", "?account=a")}

    assert {f"me@example.com at {address}?account=b"} == named
