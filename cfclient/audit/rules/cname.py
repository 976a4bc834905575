"""CNAMEs: where they lead within the zone, and what stands beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cfclient.audit.model import Fault, Rule, Severity, ZoneData
from cfclient.models import Record
from cfclient.shapes import canonical

from ._common import CNAME, delegated, inside, target_of

__all__ = ["RULES"]


def _chain(data: ZoneData, record: Record) -> list[str]:
    """The names from a CNAME on, as far as this zone knows them; the last is one of the others in a loop."""
    names = [canonical(record.name), target_of(record)]
    while names[-1] not in names[:-1]:
        further = data.answers(names[-1], CNAME) if inside(data, names[-1]) else ()
        if not further:
            break
        names.append(min(target_of(one) for one in further))
    return names


def _cnames(data: ZoneData) -> Iterator[Record]:
    yield from sorted(data.by_type.get(CNAME, ()), key=lambda record: (canonical(record.name), record.content))


def _loop(data: ZoneData) -> Iterator[Fault]:
    """Told once, by the loop's first name in the alphabet, and not by the names that lead into it."""
    told: set[frozenset[str]] = set()
    for record in _cnames(data):
        names = _chain(data, record)
        if names[-1] in names[:-1]:
            ring = frozenset(names[names.index(names[-1]) :])
            if ring not in told:
                told.add(ring)
                yield Fault(f"the CNAMEs {' -> '.join(names)} lead in a circle", tuple(dict.fromkeys(names)))


def _dangling(data: ZoneData) -> Iterator[Fault]:
    for record in _cnames(data):
        target = target_of(record)
        if inside(data, target) and target != data.zone and not delegated(data, target) and not _known(data, target):
            yield Fault(f"{record.name} is a CNAME to {target}, which this zone does not have", (record.name, target))


def _known(data: ZoneData, name: str) -> bool:
    """Whether there is any record at a name, also through a wildcard."""
    return bool(data.answers(name, *data.by_type))


def _long_chain(data: ZoneData) -> Iterator[Fault]:
    for record in _cnames(data):
        names = _chain(data, record)
        if len(names) > 2 and names[-1] not in names[:-1]:
            yield Fault(f"{' -> '.join(names)} is a chain of {len(names) - 1} CNAMEs", tuple(names[:-1]))


def _beside_data(data: ZoneData) -> Iterator[Fault]:
    """The apex aside, at which the service answers with what the CNAME leads to."""
    for name, records in sorted(data.by_name.items()):
        if name == data.zone or not data.at(name, CNAME):
            continue
        others = sorted({record.type.value for record in records} - {CNAME.value})
        if others:
            yield Fault(f"{name} has a CNAME and beside it {', '.join(others)}", (name,))
        targets = sorted({target_of(record) for record in data.at(name, CNAME)})
        if len(targets) > 1:
            yield Fault(f"{name} has {len(targets)} CNAMEs: {', '.join(targets)}", (name,))


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        id="cname-loop",
        severity=Severity.HIGH,
        title="CNAMEs lead in a circle",
        why="None of the names resolves.",
        mend="Let one of them lead to an address or out of the circle: cf.rec_edit.",
        source="RFC 1034 §3.6.2, §5.2.2",
        check=_loop,
    ),
    Rule(
        id="cname-dangling",
        severity=Severity.MEDIUM,
        title="A CNAME leads to a name that the zone does not have",
        why="The name does not resolve; who is allowed to create the missing one takes over both.",
        mend="await cf.rec_delete(zone, record.rec_id), or create what it leads to with cf.rec_new",
        source="RFC 1912 §2.4; CWE-1188",
        check=_dangling,
    ),
    Rule(
        id="cname-chain",
        severity=Severity.INFO,
        title="A CNAME leads to another CNAME",
        why="Each one may cost a resolver another question, and some give up after a few.",
        mend="Let the first lead to the last one's target: cf.rec_edit.",
        source="RFC 1034 §3.6.2",
        check=_long_chain,
    ),
    Rule(
        id="cname-beside-data",
        severity=Severity.HIGH,
        title="A CNAME that is not alone at its name",
        why="Resolvers follow the CNAME and never see the rest, or see only the rest, as their caches have it.",
        mend="Decide for one: await cf.rec_delete(zone, record.rec_id) for the others.",
        source="RFC 1034 §3.6.2; RFC 2181 §10.1",
        check=_beside_data,
    ),
)
