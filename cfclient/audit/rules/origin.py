"""Whether the origin behind the proxy can be found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cfclient.audit.model import Fault, Rule, Severity, ZoneData
from cfclient.models import Record
from cfclient.shapes import canonical

from ._common import ADDRESSING, CNAME, comparable

__all__ = ["RULES"]


def _origins(data: ZoneData, record: Record) -> set[str]:
    """Where the proxy turns to for a record: addresses, and host names that this zone does not resolve."""
    found: set[str] = set()
    seen: set[str] = set()
    todo = [record]
    while todo:
        hop = todo.pop()
        value = comparable(hop)
        further = data.answers(value, *ADDRESSING) if hop.type == CNAME else ()
        if not further:
            found.add(value)
        elif value not in seen:
            seen.add(value)
            todo.extend(further)
    return found


def _origin_exposed(data: ZoneData) -> Iterator[Fault]:
    """An unproxied record whose own value is an origin of a proxied one.

    An unproxied CNAME to a name of this zone is no origin and gives nothing away itself: either that name
    is proxied, or it is unproxied and found by itself.
    """
    records = [record for type_ in ADDRESSING for record in data.by_type.get(type_, ())]
    # Which of several proxied names is told must not depend on the order in which they came.
    records.sort(key=lambda record: (canonical(record.name), record.name))
    hidden: dict[str, str] = {}
    for record in records:
        if record.service_mode is True:
            for origin in _origins(data, record):
                hidden.setdefault(origin, record.name)
    for record in records:
        value = comparable(record)
        if record.service_mode is False and value in hidden:
            yield Fault(
                f"{record.name} ({record.type.value}, not proxied) gives away {value}, "
                f"where the proxy for {hidden[value]} has its origin",
                (record.name, hidden[value]),
            )


# Documentation's own networks (RFC 5737, RFC 3849) are missing on purpose: they are not private.


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        id="origin-exposed",
        severity=Severity.HIGH,
        title="An unproxied record gives away an origin behind the proxy",
        why="Whoever finds the origin's address attacks it directly, past the firewall and the proxy.",
        mend="Proxy the record too: await cf.rec_edit(zone, record.rec_id, record.type, record.name, record.content, "
        "service_mode=True); or move that service to another address, and then the origin, whose address is known.",
        source="Client Interface API §5.2 (service_mode); CWE-200",
        check=_origin_exposed,
    ),
)
