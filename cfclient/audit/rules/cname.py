"""CNAMEs: where they lead, within the zone and through other zones of the account, and what stands beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from cfclient.audit.model import Fault, Rule, Severity, Unseen, ZoneData
from cfclient.models import Record
from cfclient.shapes import canonical

from ._common import CNAME, delegated, inside, target_of, unseen

__all__ = ["RULES"]

#: how many names of a way are shown; a hostile zone has one of thousands
_SHOWN: Final = 8

Follow = Callable[[str], str | None]


def _shown(names: list[str]) -> str:
    return " -> ".join(names if len(names) <= _SHOWN + 1 else [*names[:_SHOWN], "...", names[-1]])


def _cnames(data: ZoneData) -> Iterator[Record]:
    yield from sorted(data.by_type.get(CNAME, ()), key=lambda record: (canonical(record.name), record.content))


def _leads(data: ZoneData) -> Follow:
    """Where the CNAME at a name leads, as far as the account's zones know."""

    def follow(name: str) -> str | None:
        if name in data.beyond:
            return data.beyond[name].leads
        further = data.answers(name, CNAME) if inside(data, name) else ()
        return min(map(target_of, further), default=None)

    return follow


def _shows(data: ZoneData) -> Follow:
    """The same, as a resolver sees it: for the proxy and at the apex the service answers with addresses."""
    leads = _leads(data)

    def follow(name: str) -> str | None:
        if name in data.beyond:
            return None if data.beyond[name].hidden else data.beyond[name].leads
        if name == data.zone or any(record.service_mode for record in data.answers(name, CNAME)):
            return None
        return leads(name)

    return follow


def _unseen(data: ZoneData) -> Iterator[Unseen]:
    return unseen(data, map(target_of, _cnames(data)), "CNAMEs lead into")


def _rings(data: ZoneData) -> Iterator[tuple[str, list[str]]]:
    """Each circle once, with the name from which it was come to first."""
    follow, done = _leads(data), set[str]()
    for record in _cnames(data):
        name: str | None = canonical(record.name)
        path: dict[str, None] = {}
        while name is not None and name not in done:
            done.add(name)
            path[name] = None
            name = follow(name)
        if name in path:
            names = list(path)
            yield names[0], names[names.index(name) :]


def _loop(data: ZoneData) -> Iterator[Fault | Unseen]:
    """Told once, by the loop's first name in the alphabet, and not by the names that lead into it.

    One that goes through several zones is told in each of them, and one that lies elsewhere only there.
    """
    for first, ring in _rings(data):
        own = [name for name in ring if inside(data, name) and name not in data.beyond]
        starts = [name for name in own if data.at(name, CNAME)]
        if starts:
            begin = ring.index(min(starts))
            names = [*ring[begin:], *ring[:begin], ring[begin]]
        elif own:  # a wildcard's
            names = [first, *ring, ring[0]]
        else:
            continue
        yield Fault(f"the CNAMEs {_shown(names)} lead in a circle", tuple(dict.fromkeys(names)))
    yield from _unseen(data)


def _dangling(data: ZoneData) -> Iterator[Fault | Unseen]:
    for record in _cnames(data):
        target = target_of(record)
        other = data.beyond.get(target)
        if other is not None:
            if other.failure is None and not other.there:
                yield Fault(
                    f"{record.name} is a CNAME to {target}, which the zone {other.zone} does not have",
                    (record.name, target),
                )
        elif inside(data, target) and target != data.zone and not delegated(data, target) and not _known(data, target):
            yield Fault(f"{record.name} is a CNAME to {target}, which this zone does not have", (record.name, target))
    yield from _unseen(data)


def _known(data: ZoneData, name: str) -> bool:
    """Whether there is any record at a name, also through a wildcard."""
    return bool(data.answers(name, *data.by_type))


def _lengths(follow: Follow, starts: Iterator[str]) -> dict[str, int | None]:
    """How many CNAMEs lead on from each name; None where they never end."""
    lengths: dict[str, int | None] = {}
    for start in starts:
        path: dict[str, None] = {}
        name: str | None = start
        while name is not None and name not in lengths and name not in path:
            path[name] = None
            name = follow(name)
        # From the end on, so that each name is passed once: a chain of thousands has thousands of beginnings.
        length = -1 if name is None else lengths.get(name)
        for passed in reversed(path):
            length = None if length is None else length + 1
            lengths[passed] = length
    return lengths


def _long_chain(data: ZoneData) -> Iterator[Fault | Unseen]:
    follow = _shows(data)
    lengths = _lengths(follow, (target_of(record) for record in _cnames(data)))
    for record in _cnames(data):
        name = canonical(record.name)
        further = lengths[target_of(record)]
        if not further or record.service_mode or name == data.zone:
            continue
        names = [name, target_of(record)]
        while len(names) <= _SHOWN and (then := follow(names[-1])) is not None:
            names.append(then)
        shown = " -> ".join([*names, *(["..."] if further + 2 > len(names) else [])])
        yield Fault(f"{shown} is a chain of {further + 1} CNAMEs", tuple(names[:-1]))
    yield from _unseen(data)


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
        follows={"CNAME"},
    ),
    Rule(
        id="cname-dangling",
        severity=Severity.MEDIUM,
        title="A CNAME leads to a name that its zone does not have",
        why="The name does not resolve; who is allowed to create the missing one takes over both.",
        mend="await cf.rec_delete(zone, record.rec_id), or create what it leads to with cf.rec_new",
        source="RFC 1912 §2.4; CWE-1188",
        check=_dangling,
        follows={"CNAME"},
    ),
    Rule(
        id="cname-chain",
        severity=Severity.INFO,
        title="A CNAME leads to another CNAME",
        why="Each one may cost a resolver another question, and some give up after a few.",
        mend="Let the first lead to the last one's target: cf.rec_edit.",
        source="RFC 1034 §3.6.2",
        check=_long_chain,
        follows={"CNAME"},
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
