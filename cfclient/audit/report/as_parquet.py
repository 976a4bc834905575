"""Parquet: three tables in a folder, for DuckDB, pandas, polars and data lakes (the extra `parquet`).

    records.parquet     a row per record
    settings.parquet    a row per zone, a column per setting, null where the service did not report it
    findings.parquet    a row per finding; a zone that could not be read is a row with the rule `not-read`

Rows are written in groups as zones finish, so a large account needs no more memory than a small one.
The files have other names until all is written: a folder never holds half a table under its own name.
What the service sent stands there as it came, as in JSON.
"""

from __future__ import annotations

import json
import types
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Union, get_args, get_origin, get_type_hints

import attrs

from cfclient import models
from cfclient.audit.model import Rule, Summary, ZoneAudit
from cfclient.audit.rules import RULES
from cfclient.errors import ConfigurationError
from cfclient.plain import natural

from .plain import LEFT, SCHEMA_VERSION, Plain, rule_out, said, summary_out

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = ["TABLES", "ParquetReport"]

#: the tables, each a file of this name with the suffix .parquet
TABLES: Final = ("records", "settings", "findings")

#: rows of a table that are kept until they are written as a group
_GROUP: Final = 20_000

_FINDINGS: Final = ("zone", "rule", "severity", "message", "records", "why", "mend")


class ParquetReport:
    """Three tables in a folder, which is made if need be; `close` throws an unfinished one away.

    Args:
        folder: where the files stand.
        rules: those of the audit, kept with the findings' table as metadata.
    """

    def __init__(self, folder: Path, *, rules: Iterable[Rule] = RULES) -> None:
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f'a report in Parquet needs the package {error.name}: pip install "cfclient-async[parquet]"'
            ) from None
        text = pa.string()
        arrow: Mapping[type, pa.DataType] = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: text}
        self._kinds = {"records": _kinds(models.Record), "settings": _kinds(models.ZoneSettings)}
        schemas = {
            table: pa.schema([("zone", text), *((name, arrow[kind]) for name, kind in kinds.items())])
            for table, kinds in self._kinds.items()
        }
        schemas["findings"] = pa.schema([(name, pa.list_(text) if name == "records" else text) for name in _FINDINGS])
        self._rules = [rule_out(rule) for rule in rules]
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._tables = {
                table: _Table(pq, pa, folder / f"{table}.parquet", schema) for table, schema in schemas.items()
            }
        except OSError as error:
            raise ConfigurationError(f"{folder} cannot be written: {error.strerror or error}") from None

    def zone(self, audit: ZoneAudit) -> None:
        """Takes the zone's rows."""
        if audit.failure is not None:
            self._finding(audit.zone, "not-read", None, audit.failure, (), None, None)
        for found in audit.findings:
            self._finding(
                audit.zone, found.rule, found.severity.value, said(found), found.records, found.why, found.mend
            )
        for record in audit.records:
            self._add("records", audit.zone, record)
        if audit.settings is not None:
            self._add("settings", audit.zone, audit.settings)

    def _finding(self, *values: Any) -> None:
        self._tables["findings"].add(dict(zip(_FINDINGS, map(_clean, values), strict=True)))

    def _add(self, table: str, zone: str, value: Any) -> None:
        plain, kinds = natural(value), self._kinds[table]
        cells = {name: _cell(plain[name], kind) for name, kind in kinds.items()}
        self._tables[table].add({"zone": zone, **cells})

    def finish(self, summary: Summary) -> None:
        """Writes what is left, and gives the files their names."""
        for zone in summary.zones_left:
            self._finding(zone, "not-read", None, LEFT, (), None, None)
        about = {"schema_version": SCHEMA_VERSION, "summary": summary_out(summary), "rules": self._rules}
        for table in self._tables.values():
            table.finish({"cfclient": json.dumps(about)})

    def close(self) -> None:
        """Removes what was not finished; nothing after `finish`."""
        for table in self._tables.values():
            table.close()


class _Table:
    """One file that grows in groups of rows."""

    def __init__(self, parquet: Any, arrow: Any, path: Path, schema: pa.Schema) -> None:
        self._arrow = arrow
        self._schema = schema
        self._path = path
        self._temporary = path.with_name(f".{path.name}.tmp")
        self._writer: pq.ParquetWriter | None = parquet.ParquetWriter(self._temporary, schema, compression="zstd")
        self._rows: list[Plain] = []

    def add(self, row: Plain) -> None:
        self._rows.append(row)
        if len(self._rows) >= _GROUP:
            self._write()

    def _write(self) -> None:
        assert self._writer is not None, "a report takes no zone after its end"  # noqa: S101
        self._writer.write_table(self._arrow.Table.from_pylist(self._rows, schema=self._schema))
        self._rows.clear()

    def finish(self, metadata: Mapping[str, str]) -> None:
        self._write()
        assert self._writer is not None  # noqa: S101  or _write would have failed
        self._writer.add_key_value_metadata(dict(metadata))
        self._writer.close()
        self._writer = None
        self._temporary.replace(self._path)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._temporary.unlink()


def _kinds(cls: type) -> dict[str, type]:
    """The kind of each field: bool, int, float, or text for everything else."""
    hints = get_type_hints(cls)
    return {field.name.rstrip("_"): _kind(hints[field.name]) for field in attrs.fields(cls)}


def _kind(hint: Any) -> type:
    if get_origin(hint) in {Union, types.UnionType}:
        inner = [arg for arg in get_args(hint) if arg is not types.NoneType]
        return _kind(inner[0]) if len(inner) == 1 else str
    if isinstance(hint, type):
        return next((kind for kind in (bool, int, float) if issubclass(hint, kind)), str)
    return str


def _clean(value: Any) -> Any:
    """A value as Arrow takes it: halves of surrogate pairs, which UTF-8 has no form for, become escapes."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return [_clean(item) for item in value] if isinstance(value, tuple) else value


def _cell(value: Any, kind: type) -> Any:
    """A plain value in a column of this kind; in one of text, what is no text is JSON, and a bool is on or off."""
    if value is None or kind is not str:
        return value
    if isinstance(value, bool):
        return "on" if value else "off"
    return _clean(value if isinstance(value, str) else json.dumps(value))
