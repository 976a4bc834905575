"""What stands beyond a zone, in other zones of the same account: where its records lead, and who is above it.

A rule sees one zone. So before a zone is judged, the names that it points to in the account's other zones are looked
up there, and `ZoneData.beyond` says of each what stands there:

    zone ──CNAME──► name in another zone ──CNAME──► name in a third one ...     as far as they lead
    zone ──MX, NS, SRV──► name in another zone                                  that name
    zone ──► _dmarc.ZONE for each zone that it is a part of                     that name

Each zone's outcome thus depends on its own reading and on nothing that was gathered before: its line is whole
when it is written, and an audit that was interrupted and resumed tells the same as one that was not. It costs
one more reading of each zone that is looked into. Of those the names are kept, and nothing else: up to
`KEPT` names together from one zone to the next, and besides, while a zone is judged, those of the zones that it
leads into, whatever their number of names. The zones that nobody leads into cost neither calls nor memory, and
nothing is looked up that no rule asks for.

What is followed is bounded for each zone by `MOST` other zones, and what is beyond that is said to be so.
A zone that is known not to be answered for by the service (not active, or set up through a partner) is not
looked into: the world sees other records there. Zones that are given by name are not listed, so their status is
not known. They are looked into all the same: whoever names them together wants to know how they hang together,
and what is found then is true of the records in them, which the world sees where the zone is active.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Final, NamedTuple

import anyio

from cfclient.errors import ApiError, CloudflareError, RateLimited
from cfclient.models import Record, RecordType
from cfclient.shapes import canonical

from .model import FOLLOWED, Beyond, ZoneData
from .rules._common import above, is_dmarc, target_of

__all__ = ["KEPT", "MOST", "Entry", "Names", "Neighbours"]

#: how many names of other zones are kept for the zones to come; the zone that came last is kept, however large
KEPT: Final = 20_000
#: into how many other zones the CNAMEs of one zone are followed
MOST: Final = 100

_CNAME: Final = RecordType.CNAME
_ADDRESSING: Final = frozenset({RecordType.A, RecordType.AAAA, _CNAME})
_NOTHING: Final[frozenset[RecordType]] = frozenset()


class Entry(NamedTuple):
    """All that is kept of a record."""

    name: str
    type: RecordType
    #: where a CNAME leads, else nothing
    target: str
    #: whether the proxy answers for it
    proxied: bool
    #: whether it is a DMARC policy
    policy: bool = False

    @classmethod
    def of(cls, record: Record) -> Entry:
        """That of a record."""
        target = canonical(record.content) if record.type == _CNAME else ""
        policy = record.type == RecordType.TXT and is_dmarc(record.content)
        return cls(canonical(record.name), record.type, target, bool(record.service_mode), policy)


class Names:
    """The names of one zone, which types stand there, and where its CNAMEs lead."""

    def __init__(self, zone: str, entries: Iterable[Entry]) -> None:
        self._zone = zone
        self._types: dict[str, frozenset[RecordType]] = {}
        self._leads: dict[str, str] = {}
        self._proxied = set[str]()
        self._policies = set[str]()
        alike: dict[frozenset[RecordType], frozenset[RecordType]] = {}
        for name, type_, target, proxied, policy in entries:
            types = self._types.get(name, _NOTHING) | {type_}
            self._types[name] = alike.setdefault(types, types)
            if type_ == _CNAME:
                self._leads[name] = min(target, self._leads.get(name, target))
            if proxied:
                self._proxied.add(name)
            if policy:
                self._policies.add(name)
        self._hollow = self._between()

    def __len__(self) -> int:
        """How many names there are."""
        return len(self._types)

    def _between(self) -> frozenset[str]:
        """The names without records that exist because of names below them (RFC 4592 §2.2.2)."""
        found = {self._zone} - self._types.keys()
        for name in self._types:
            above = name.partition(".")[2]
            while above and above not in self._types and above not in found:
                found.add(above)
                above = above.partition(".")[2]
        return frozenset(found)

    def _source(self, name: str) -> str:
        """Where the records stand that a resolver finds at a name: there, or at a wildcard (RFC 4592 §3.3)."""
        if name in self._types or name in self._hollow:
            return name
        encloser = name
        while encloser and encloser not in self._types and encloser not in self._hollow:
            encloser = encloser.partition(".")[2]
        return f"*.{encloser}"

    def _delegated(self, name: str) -> bool:
        while name != self._zone and name:
            if RecordType.NS in self._types.get(name, _NOTHING):
                return True
            name = name.partition(".")[2]
        return False

    def at(self, name: str) -> Beyond:
        """What stands at one of the zone's names."""
        if self._delegated(name):
            return Beyond(zone=self._zone)
        source = self._source(name)
        return Beyond(
            zone=self._zone,
            # Of the apex the service's own records are not listed, and are there.
            there=name == self._zone or source in self._types,
            address=not _ADDRESSING.isdisjoint(self._types.get(source, _NOTHING)),
            policy=source in self._policies,
            leads=self._leads.get(source),
            hidden=source in self._proxied or name == self._zone,
        )


class Neighbours:
    """The account's zones, each read for others when they lead into it."""

    def __init__(
        self,
        zones: Collection[str],
        read: Callable[[str], Awaitable[tuple[Entry, ...]]],
        *,
        kinds: frozenset[str] = FOLLOWED,
        kept: int = KEPT,
        most: int = MOST,
    ) -> None:
        self._kinds = kinds
        self._zones = zones
        self._read = read
        self._kept = kept
        self._most = most
        self._known: OrderedDict[str, Names | str] = OrderedDict()
        #: how many names those are together
        self._size = 0
        self._turns: weakref.WeakValueDictionary[str, anyio.Lock] = weakref.WeakValueDictionary()

    def _zone_of(self, name: str, own: str) -> str | None:
        """The zone that a name belongs to: the innermost one of the account, the one that is judged among them."""
        while name and name != own and name not in self._zones:
            name = name.partition(".")[2]
        return name or None

    async def beyond(self, data: ZoneData) -> dict[str, Beyond]:
        """What stands at each name of another zone that this one's records lead to, CNAMEs over however many others."""
        found: dict[str, Beyond] = {}
        others: dict[str, Names | str] = {}
        for start in self._starts(data):
            name: str | None = start
            passed = set[str]()
            while name is not None and name not in found and name not in passed:
                passed.add(name)
                zone = self._zone_of(name, data.zone)
                # The CNAMEs of this zone are all starts themselves, those of a wildcard included.
                if zone is None or zone == data.zone:
                    break
                await self._look(name, zone, found, others)
                name = found[name].leads
        # Behind those, so that none of these names is taken for one whose way was gone to its end.
        for name in self._ends(data):
            zone = self._zone_of(name, data.zone)
            if zone is not None and zone != data.zone and name not in found:
                await self._look(name, zone, found, others)
        return found

    def _starts(self, data: ZoneData) -> list[str]:
        """Where CNAMEs lead to."""
        records = data.by_type.get(_CNAME, ()) if "CNAME" in self._kinds else ()
        return sorted({canonical(record.content) for record in records})

    def _ends(self, data: ZoneData) -> list[str]:
        """The names that are looked up, and whose CNAMEs are not followed."""
        found = {
            target_of(record)
            for type_ in (RecordType.MX, RecordType.NS, RecordType.SRV)
            if type_.value in self._kinds
            for record in data.by_type.get(type_, ())
        }
        own = data.answers(f"_dmarc.{data.zone}", RecordType.TXT)
        if "DMARC" in self._kinds and not any(is_dmarc(record.content) for record in own):
            found.update(f"_dmarc.{zone}" for zone in above(data.zone) if zone in self._zones)
        return sorted(found)

    async def _look(self, name: str, zone: str, found: dict[str, Beyond], others: dict[str, Names | str]) -> None:
        if zone not in others:
            others[zone] = await self._names(zone) if len(others) < self._most else self._too_many
        names = others[zone]
        found[name] = names.at(name) if isinstance(names, Names) else Beyond(zone=zone, failure=names)

    @property
    def _too_many(self) -> str:
        return f"{self._most} other zones at most are looked into for a zone"

    async def _names(self, zone: str) -> Names | str:
        """The names of a zone, or why they cannot be read; one asks, and the others wait for it."""
        turn = self._turns.get(zone)
        if turn is None:
            turn = self._turns[zone] = anyio.Lock()
        async with turn:
            if zone in self._known:
                self._known.move_to_end(zone)
                return self._known[zone]
            try:
                names: Names | str = Names(zone, await self._read(zone))
            except CloudflareError as error:
                names = str(error) or type(error).__name__
                if not isinstance(error, ApiError) or isinstance(error, RateLimited):
                    return names  # it may well be answered the next time
            self._keep(zone, names)
            return names

    def _keep(self, zone: str, names: Names | str) -> None:
        self._known[zone] = names
        self._size += _size(names)
        while self._size > self._kept and len(self._known) > 1:
            self._size -= _size(self._known.popitem(last=False)[1])


def _size(names: Names | str) -> int:
    return len(names) if isinstance(names, Names) else 1
