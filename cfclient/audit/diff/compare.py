"""The comparison of two snapshots; no I/O.

Laws, which the tests hold:

1. `compare(x, x)` is empty.
2. `compare(a, b).mirrored() == compare(b, a)`.
3. What was not read on one side is not compared: it is neither gone nor new, and it is said. That holds for zones,
   for settings that were not reported, and for the findings of rules that were not checked there.

Of the records with one name and type, those that are equal are set aside. Of the rest, those with the same
content are one record that changed; what still remains changed its content, in alphabetical order, and the
surplus was added or removed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Final, TypeAlias, TypeVar

import attrs

from .snapshot import Entry, Found, Snapshot, State

__all__ = ["Changed", "Difference", "NotKnown", "ZoneDifference", "compare"]

T = TypeVar("T")
H = TypeVar("H", Entry, Found)

#: the rules that OLD, and those that NEW, did not look for
_Rules: TypeAlias = tuple[frozenset[str], frozenset[str]]


@attrs.frozen(order=True)
class Changed:
    """A record before and after."""

    old: Entry
    new: Entry

    def mirrored(self) -> Changed:
        """The change back."""
        return Changed(self.new, self.old)


_MIRRORED: Final[Mapping[str, str]] = {"added": "removed", "removed": "added", "changed": "changed"}


@attrs.frozen(kw_only=True)
class ZoneDifference:
    """What changed in one zone."""

    zone: str
    #: "added", "removed" or "changed"
    status: str = "changed"
    records_added: tuple[Entry, ...] = ()
    records_removed: tuple[Entry, ...] = ()
    records_changed: tuple[Changed, ...] = ()
    #: setting, before and after, where both sides were told
    settings: tuple[tuple[str, Any, Any], ...] = attrs.field(default=(), hash=False)
    findings_new: tuple[Found, ...] = ()
    findings_gone: tuple[Found, ...] = ()

    @property
    def count(self) -> int:
        """How many differences there are; a zone that came or went is one by itself."""
        parts = (
            self.records_added,
            self.records_removed,
            self.records_changed,
            self.settings,
            self.findings_new,
            self.findings_gone,
        )
        return sum(map(len, parts)) + (self.status != "changed")

    def mirrored(self) -> ZoneDifference:
        """The change back."""
        return ZoneDifference(
            zone=self.zone,
            status=_MIRRORED[self.status],
            records_added=self.records_removed,
            records_removed=self.records_added,
            records_changed=tuple(sorted(changed.mirrored() for changed in self.records_changed)),
            settings=tuple((name, new, old) for name, old, new in self.settings),
            findings_new=self.findings_gone,
            findings_gone=self.findings_new,
        )


@attrs.frozen(kw_only=True, order=True)
class NotKnown:
    """What one side tells of zones, and the other cannot."""

    #: the side that cannot: "old" or "new"
    side: str
    #: "setting" or "rule"
    kind: str
    name: str
    #: in how many zones
    zones: int = 1

    def mirrored(self) -> NotKnown:
        """The same the other way round."""
        return attrs.evolve(self, side="new" if self.side == "old" else "old")


@attrs.frozen(kw_only=True)
class Difference:
    """What changed, by zone; zones without a change are left out."""

    zones: tuple[ZoneDifference, ...] = ()
    #: zones that one side did not read, with the reason
    not_compared: Mapping[str, str] = attrs.field(factory=dict, hash=False)
    #: zones of which only the findings were compared, because a side carries no records
    findings_only: tuple[str, ...] = ()
    #: settings and rules that one side does not tell of, so that they were not compared
    not_known: tuple[NotKnown, ...] = ()
    #: whether both sides had read all of their zones
    complete: bool = True

    @property
    def count(self) -> int:
        """How many differences there are."""
        return sum(zone.count for zone in self.zones)

    def mirrored(self) -> Difference:
        """The change back."""
        return attrs.evolve(
            self,
            zones=tuple(zone.mirrored() for zone in self.zones),
            not_known=tuple(sorted(one.mirrored() for one in self.not_known)),
        )


def compare(old: Snapshot, new: Snapshot) -> Difference:
    """What changed from one snapshot to another."""
    unread = {**_unread(old, new), **_unread(new, old)}
    names = sorted((old.zones.keys() | new.zones.keys()) - unread.keys())
    unknown: Counter[tuple[str, str, str]] = Counter()
    both_say = old.rules and new.rules
    unlooked = (new.rules - old.rules, old.rules - new.rules) if both_say else (frozenset(), frozenset())
    zones = [_zone(name, old.zones.get(name), new.zones.get(name), unlooked, unknown) for name in names]
    both = [name for name in names if name in old.zones and name in new.zones]
    return Difference(
        zones=tuple(zone for zone in zones if zone.count),
        not_compared=dict(sorted(unread.items())),
        findings_only=tuple(
            name for name in both if old.zones[name].records is None or new.zones[name].records is None
        ),
        not_known=tuple(
            NotKnown(side=side, kind=kind, name=name, zones=count)
            for (side, kind, name), count in sorted(unknown.items())
        ),
        complete=old.complete and new.complete,
    )


def _unread(one: Snapshot, other: Snapshot) -> dict[str, str]:
    """The zones that this side failed to read, or may have: absent here, and it is not complete."""
    absent = other.zones.keys() - one.zones.keys() if not one.complete else ()
    return {**dict.fromkeys(absent, "one side is not complete, and does not have it"), **one.failures}


def _zone(
    name: str, old: State | None, new: State | None, unlooked: _Rules, unknown: Counter[tuple[str, str, str]]
) -> ZoneDifference:
    """What changed in a zone; what could not be compared is counted."""
    status = "changed" if old and new else "added" if new else "removed"
    # A zone that is on one side only has all of its records there, if that side carries records.
    before = old or State(records=(), settings={})
    after = new or State(records=(), settings={})
    removed, added, changed = _records(before.records, after.records)
    gone, come = _surplus(before.findings, after.findings)
    settings: tuple[tuple[str, Any, Any], ...] = ()
    if status == "changed":
        settings = _settings(before.settings, after.settings, unknown)
        come = _looked_for(come, before.not_checked | unlooked[0], "old", unknown)
        gone = _looked_for(gone, after.not_checked | unlooked[1], "new", unknown)
    return ZoneDifference(
        zone=name,
        status=status,
        records_added=added,
        records_removed=removed,
        records_changed=changed,
        settings=settings,
        findings_new=come,
        findings_gone=gone,
    )


def _settings(
    old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, unknown: Counter[tuple[str, str, str]]
) -> tuple[tuple[str, Any, Any], ...]:
    if old is None or new is None:
        return ()
    unknown.update(("old", "setting", name) for name in new.keys() - old.keys())
    unknown.update(("new", "setting", name) for name in old.keys() - new.keys())
    return tuple((name, old[name], new[name]) for name in sorted(old.keys() & new.keys()) if old[name] != new[name])


def _looked_for(
    found: tuple[Found, ...], blind: frozenset[str], side: str, unknown: Counter[tuple[str, str, str]]
) -> tuple[Found, ...]:
    """The findings without those of rules to which a side was blind."""
    unknown.update((side, "rule", rule) for rule in {one.rule for one in found} & blind)
    return tuple(one for one in found if one.rule not in blind)


def _surplus(old: Iterable[H], new: Iterable[H]) -> tuple[tuple[H, ...], tuple[H, ...]]:
    """What only the one and only the other has, in order; a thing that is there twice counts twice."""
    before, after = Counter(old), Counter(new)
    return tuple(sorted((before - after).elements())), tuple(sorted((after - before).elements()))


def _records(
    old: tuple[Entry, ...] | None, new: tuple[Entry, ...] | None
) -> tuple[tuple[Entry, ...], tuple[Entry, ...], tuple[Changed, ...]]:
    if old is None or new is None:
        return (), (), ()
    removed, added = _surplus(old, new)
    changed: list[Changed] = []
    for key in (_same_but_for_the_proxy, _same_content, _same_set):
        removed, added, pairs = _paired(removed, added, key)
        # A proxy that one side was not told of is no change; beside another change, it is nobody's news.
        changed += [pair for pair in pairs if key is not _same_but_for_the_proxy or (pair.old.proxy and pair.new.proxy)]
    return removed, added, tuple(sorted(changed))


def _same_but_for_the_proxy(entry: Entry) -> Hashable:
    return attrs.evolve(entry, proxy="")


def _same_content(entry: Entry) -> Hashable:
    return entry.name, entry.type, entry.content


def _same_set(entry: Entry) -> Hashable:
    return entry.name, entry.type


def _paired(
    old: tuple[Entry, ...], new: tuple[Entry, ...], key: Callable[[Entry], Hashable]
) -> tuple[tuple[Entry, ...], tuple[Entry, ...], list[Changed]]:
    """Pairs those with the same key, in their order; what is left of each side, and the pairs."""
    waiting: dict[Hashable, list[Entry]] = {}
    for entry in new:
        waiting.setdefault(key(entry), []).append(entry)
    left: list[Entry] = []
    pairs: list[Changed] = []
    for entry in old:
        partners = waiting.get(key(entry))
        if partners:
            pairs.append(Changed(entry, partners.pop(0)))
        else:
            left.append(entry)
    return tuple(left), tuple(sorted(entry for partners in waiting.values() for entry in partners)), pairs
