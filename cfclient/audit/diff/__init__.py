"""What changed between two audits: records, settings and findings, zone by zone.

    old, new = read(Path("monday.jsonl")), read(Path("tuesday.jsonl"))
    difference = compare(old, new)
    write("table", sys.stdout, difference)

- `snapshot.py`: what an audit's JSON or JSON Lines hold, as values;
- `compare.py`: the comparison; no I/O;
- `written.py`: a difference as a table, JSON or Markdown.
"""

from __future__ import annotations

from .compare import Changed, Difference, NotKnown, ZoneDifference, compare
from .snapshot import Entry, Found, Snapshot, State, read
from .written import FORMATS, write

__all__ = [
    "FORMATS",
    "Changed",
    "Difference",
    "Entry",
    "Found",
    "NotKnown",
    "Snapshot",
    "State",
    "ZoneDifference",
    "compare",
    "read",
    "write",
]
