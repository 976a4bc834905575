"""Parquet: three tables as a database reads them, written in groups, whole or not at all."""

from __future__ import annotations

import builtins
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest

from cfclient.audit import Finding, Severity, Summary, Tally, ZoneAudit
from cfclient.audit.report import ParquetReport, as_parquet
from cfclient.errors import ConfigurationError
from cfclient.models import Hsts, Record, RecordType, RocketLoader, SslMode, ZoneSettings

pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is installed with Python 3.11 only")

ZONES = (
    ZoneAudit(
        zone="a.example",
        settings=ZoneSettings(
            ssl=SslMode.FULL,
            dev_mode=datetime(2026, 11, 24, tzinfo=UTC),
            bic=True,
            async_=RocketLoader.AUTOMATIC,
            hsts=Hsts(enabled=True),
        ),
        records=(
            Record(
                rec_id="1", name="www.a.example", type=RecordType.A, content="192.0.2.1", ttl=300, service_mode=True
            ),
            Record(rec_id="2", name="a.example", type=RecordType("NEW"), content="\ud800'\u202e=1"),
        ),
        findings=(
            Finding(rule="r", severity=Severity.LOW, zone="a.example", message="M.", records=("a.example",), why="W"),
        ),
    ),
    ZoneAudit(zone="b.example", failure="Invalid zone."),
    ZoneAudit(zone="c.example", settings=ZoneSettings(dev_mode=False)),
)


def write(folder: Path) -> dict[str, Any]:
    """The tables of a whole report."""
    report, tally = ParquetReport(folder, rules=()), Tally(len(ZONES))
    for zone in ZONES:
        report.zone(zone)
        tally.add(zone)
    report.finish(tally.summary)
    report.close()
    return {table: pq.read_table(folder / f"{table}.parquet") for table in as_parquet.TABLES}


def test_each_table_has_its_rows(tmp_path: Path) -> None:
    """Under the API's names, in Arrow's types; None is null, and other types of record are kept."""
    tables = write(tmp_path / "new" / "folder")

    first, second = tables["records"].to_pylist()
    assert ("a.example", "1", "A", "192.0.2.1", 300, True) == tuple(
        first[name] for name in ("zone", "rec_id", "type", "content", "ttl", "service_mode")
    )
    assert ("NEW", "\\ud800'\u202e=1", None) == (second["type"], second["content"], second["ttl"])
    settings = {row["zone"]: row for row in tables["settings"].to_pylist()}
    assert ["a.example", "c.example"] == sorted(settings)
    assert (2, "2026-11-24T00:00:00Z", True, "a", None) == tuple(
        settings["a.example"][name] for name in ("ssl", "dev_mode", "bic", "async", "minify")
    )
    assert True is json.loads(settings["a.example"]["hsts"])["enabled"]
    assert ("off", None) == (settings["c.example"]["dev_mode"], settings["c.example"]["bic"])
    assert [
        ("a.example", "r", "low", "M.", ["a.example"]),
        ("b.example", "not-read", None, "Invalid zone.", []),
    ] == [
        (row["zone"], row["rule"], row["severity"], row["message"], row["records"])
        for row in tables["findings"].to_pylist()
    ]


def test_zones_that_were_not_come_to_are_rows_too(tmp_path: Path) -> None:
    """As those that could not be read."""
    ParquetReport(tmp_path).finish(Summary(zones_expected=1, zones_left=("left.example",)))

    (row,) = pq.read_table(tmp_path / "findings.parquet").to_pylist()
    assert ("left.example", "not-read") == (row["zone"], row["rule"])


def test_every_field_has_a_column(tmp_path: Path) -> None:
    """A setting that a later version learns of is one without further ado."""
    tables = write(tmp_path)

    for table, cls in (("records", Record), ("settings", ZoneSettings)):
        names = {field.name.rstrip("_") for field in attrs.fields(cls)}
        assert names | {"zone"} == set(tables[table].column_names)


def test_the_files_carry_the_summary(tmp_path: Path) -> None:
    """As metadata: whether every zone was read, and what was looked for."""
    write(tmp_path)

    about = json.loads(pq.ParquetFile(tmp_path / "findings.parquet").metadata.metadata[b"cfclient"])

    assert (1, False, 2, []) == (
        about["schema_version"],
        about["summary"]["complete"],
        about["summary"]["zones_read"],
        about["rules"],
    )


def test_rows_are_written_in_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a large account needs no more memory than a small one."""
    monkeypatch.setattr(as_parquet, "_GROUP", 2)
    report, tally, written = ParquetReport(tmp_path), Tally(5), 0
    for number in range(5):
        zone = ZoneAudit(zone=f"z{number}.example", settings=ZoneSettings())
        report.zone(zone)
        tally.add(zone)
        written = (tmp_path / ".settings.parquet.tmp").stat().st_size

    report.finish(tally.summary)

    assert written > 1000
    assert [2, 2, 1] == [
        group.num_rows
        for group in (pq.ParquetFile(tmp_path / "settings.parquet").metadata.row_group(number) for number in range(3))
    ]


def test_what_is_not_finished_leaves_nothing(tmp_path: Path) -> None:
    """No half a table, and the one before stays."""
    write(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    report = ParquetReport(tmp_path)
    report.zone(ZONES[0])
    report.close()

    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert 3 == len(before)


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    """By its name."""
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigurationError, match="file/folder cannot be written: Not a directory"):
        ParquetReport(tmp_path / "file" / "folder")


def test_without_its_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is asked or written."""
    real = builtins.__import__

    def missing(name: str, *args: Any) -> Any:
        if name == "pyarrow":
            raise ModuleNotFoundError(name=name)
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", missing)

    with pytest.raises(ConfigurationError, match=r'needs the package pyarrow: pip install "cfclient-async\[parquet\]"'):
        ParquetReport(tmp_path / "folder")
    assert not (tmp_path / "folder").exists()
