"""From the records that a zone has to those that a file wants: a plan, and its steps; no I/O but `carry_out`.

    make_plan(zone, have, want) -> Plan --shown, asked for--> carry_out(backend, plan)

Four laws:

1. Only what differs is written: a plan for what is already so has no steps.
2. No name that has records before and after is empty in between: what is new comes before what goes.
3. A plan that was broken off is made anew, and has only the steps that are left.
4. A plan that deletes much, or replaces much, is held back by `Plan.brake` unless so much of it is allowed.

A CNAME stands alone at its name, so it cannot come before the last other record there has gone, nor the other way
round: the last one is turned into the first new one, by one edit that changes the type. A service that does not
change types (version 1) refuses that; there the new one is created beside the old one, which is then deleted.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, Final, cast

import attrs

from . import actions as act
from .actions import PROXIABLE, Action, RecDelete, RecEdit, RecNew
from .audit.reading import whole
from .backend import Backend
from .errors import ApiError, InvalidInput
from .models import Record, RecordType
from .shapes import canonical
from .zonefile import Entry, as_entry, is_ours, stored, value

__all__ = ["Kind", "Plan", "Step", "carry_out", "make_plan", "records_of"]

_CNAME: Final = RecordType.CNAME


class Kind(enum.Enum):
    """What a step does."""

    CREATE = "create"
    EDIT = "edit"
    SWAP = "replace"
    DELETE = "delete"


@attrs.frozen(kw_only=True)
class Step:
    """One change."""

    kind: Kind
    #: None for what is created
    before: Record | None = None
    #: None for what is deleted
    after: Entry | None = None

    @property
    def name(self) -> str:
        """The name that is concerned."""
        if self.after is not None:
            return self.after.name
        return "" if self.before is None else self.before.name

    def words(self) -> str:
        """What is done, in a line."""
        parts = [_shown(one) for one in (self.before, self.after) if one is not None]
        return f"{self.kind.value} {self.name} {' -> '.join(parts)}"


def _shown(one: Record | Entry) -> str:
    parts = [one.type.value, "" if one.prio is None else str(one.prio), one.content]
    if one.ttl not in {None, 1}:
        parts.append(f"(ttl {one.ttl})")
    if one.service_mode:
        parts.append("(proxied)")
    return " ".join(filter(None, parts))


@attrs.frozen(kw_only=True)
class Plan:
    """What has to be done, in this order."""

    zone: str
    steps: tuple[Step, ...] = ()
    #: how many records stay as they are
    kept: int = 0
    #: how many records the zone has that are the user's to write
    had: int = 0
    #: what is wanted and cannot be written, each with the reason
    refused: tuple[tuple[Entry, str], ...] = ()

    def count(self, kind: Kind) -> int:
        """How many steps are of this kind."""
        return sum(step.kind is kind for step in self.steps)

    @property
    def replaced(self) -> int:
        """How many records lose what they say: they get another type or content, and not only a ttl or a proxy."""
        pairs = [(step.before, step.after) for step in self.steps]
        return sum(
            before is not None and after is not None and (before.type, value(before)) != (after.type, value(after))
            for before, after in pairs
        )

    def brake(self, allowed: int | None = None, *, replaced: int | None = None) -> str | None:
        """Why the plan should not be carried out without more ado, None where nothing speaks against it.

        Args:
            allowed: how many deletions are all right; None for ten, or a fifth of the records if that is more,
                and never all of them.
            replaced: how many records may get another content; None for ten, or a fifth of the records if that is
                more.
        """
        usual = max(10, self.had // 5)
        deleted, changed = self.count(Kind.DELETE), self.replaced
        if deleted > (usual if allowed is None else allowed) or (allowed is None and deleted and deleted == self.had):
            return f"the plan deletes {deleted:,} of {self.had:,} records"
        if changed > (usual if replaced is None else replaced):
            return f"the plan replaces the content of {changed:,} of {self.had:,} records"
        return None


# -- making one --------------------------------------------------------------------------------------


def _final(entry: Entry, before: Record) -> Entry:
    """The entry with what the file does not say taken from the record, so that an edit does not change it."""
    proxied = before.service_mode if entry.service_mode is None else entry.service_mode
    return attrs.evolve(
        entry,
        ttl=before.ttl if entry.ttl is None else entry.ttl,
        service_mode=proxied if entry.type in PROXIABLE else None,
    )


def _is_same(entry: Entry, record: Record) -> bool:
    """Whether the record already is what the entry wants, given the same content."""
    wanted = _final(entry, record)
    if wanted.type in PROXIABLE and bool(wanted.service_mode) != bool(record.service_mode):
        return False
    # Behind the proxy, every ttl is the service's own.
    return bool(wanted.service_mode) or (wanted.ttl or 1) == (record.ttl or 1)


def _key(one: Entry | Record) -> tuple[str, int]:
    return value(one), (one.prio or 0) if one.type in {RecordType.MX, RecordType.SRV} else 0


def _matched(
    have: list[Record], want: list[Entry], *, delete: bool
) -> tuple[list[tuple[Record, Entry]], list[Record], list[Entry]]:
    """Of one name and type: which record becomes which entry; what is left over on either side.

    First what is already so, then what differs in its lifetime or the proxy, then any one with any other,
    unless what is not wanted stays; but there is one CNAME at a name, so that one becomes the other all the same.
    """
    pairs: list[tuple[Record, Entry]] = []
    tests: tuple[Callable[[Record, Entry], bool], ...] = (
        lambda record, entry: _key(record) == _key(entry) and _is_same(entry, record),
        lambda record, entry: _key(record) == _key(entry),
        lambda _record, _entry: True,
    )
    if not (delete or {one.type for one in want} == {_CNAME}):
        tests = tests[:2]
    for fits in tests:
        for entry in list(want):
            record = next((one for one in have if fits(one, entry)), None)
            if record is not None:
                pairs.append((record, entry))
                have.remove(record)
                want.remove(entry)
    return pairs, have, want


def _steps_of_name(have: list[Record], want: list[Entry], *, delete: bool) -> tuple[list[Step], int]:
    """The steps of one name in their order, and how many records stay as they are."""
    steps: list[Step] = []
    gone: list[Record] = []
    new: list[Entry] = []
    kept = 0
    everything: list[Record | Entry] = [*have, *want]
    for type_ in sorted({one.type for one in everything}):
        pairs, old, fresh = _matched(
            [one for one in have if one.type == type_], [one for one in want if one.type == type_], delete=delete
        )
        for record, entry in pairs:
            if _key(record) == _key(entry) and _is_same(entry, record):
                kept += 1
            else:
                steps.append(Step(kind=Kind.EDIT, before=record, after=_final(entry, record)))
        gone += old if delete else ()
        new += fresh
    proxied = [record.service_mode for record in have if record.type in PROXIABLE]
    if proxied and all(proxied):
        # A new record beside the proxy would show the origin that the others hide.
        new = [_hidden(entry) for entry in new]
    alias_comes = any(entry.type == _CNAME for entry in new)
    alias_goes = any(record.type == _CNAME for record in gone)
    if gone and new and (alias_comes or alias_goes):
        # The CNAME is the one that has to be the last to go.
        gone.sort(key=lambda record: record.type == _CNAME)
        *first, last = gone
        steps += [Step(kind=Kind.DELETE, before=record) for record in first]
        steps.append(Step(kind=Kind.SWAP, before=last, after=new[0]))
        return steps + [Step(kind=Kind.CREATE, after=entry) for entry in new[1:]], kept
    steps += [Step(kind=Kind.CREATE, after=entry) for entry in new]
    return steps + [Step(kind=Kind.DELETE, before=record) for record in gone], kept


def _hidden(entry: Entry) -> Entry:
    """The entry behind the proxy, unless the file says that it is not."""
    said = entry.service_mode is not None or entry.type not in PROXIABLE
    return entry if said else attrs.evolve(entry, service_mode=True)


# What others point to comes before them, and goes after them.
_FIRST: Final = {RecordType.A: 0, RecordType.AAAA: 0, _CNAME: 1}


def _rank(group: list[Step]) -> tuple[int, int]:
    """Names that get something come before names that only lose something."""
    after = [step.after.type for step in group if step.after is not None]
    return (0, min(_FIRST.get(type_, 2) for type_ in after)) if after else (1, 0)


def _writable(zone: str, steps: list[Step]) -> tuple[list[Step], list[tuple[Entry, str]]]:
    """The steps without those that no service would take, and what those were to write."""
    kept: list[Step] = []
    refused: list[tuple[Entry, str]] = []
    for step in steps:
        try:
            list(_actions(zone, step))
        except InvalidInput as error:
            refused.extend((entry, error.msg) for entry in [step.after] if entry is not None)
        else:
            kept.append(step)
    return kept, refused


def make_plan(zone: str, have: Iterable[Record], want: Iterable[Entry], *, delete: bool = True) -> Plan:
    """What makes a zone's records those that are wanted.

    Args:
        zone: the zone's name.
        have: all of its records.
        want: those that it is to have.
        delete: whether records that are not wanted are deleted, or become others; else they stay as they are,
            also where a CNAME is wanted in their place, which the service then refuses.
    """
    zone = canonical(zone)
    ours = [record for record in have if is_ours(record.type, record.name, zone)]
    names: dict[str, tuple[list[Record], list[Entry]]] = {}
    for record in ours:
        names.setdefault(as_entry(record, zone).name, ([], []))[0].append(record)
    for entry in want:
        names.setdefault(canonical(entry.name), ([], []))[1].append(entry)
    groups: list[list[Step]] = []
    refused: list[tuple[Entry, str]] = []
    kept = 0
    for records, entries in names.values():
        steps, same = _steps_of_name(records, entries, delete=delete)
        steps, lost = _writable(zone, steps)
        refused += lost
        kept += same
        # What stands where an entry cannot be written is not taken away.
        if lost:
            steps = [step for step in steps if step.kind is not Kind.DELETE]
        if steps:
            groups.append(steps)
    groups.sort(key=_rank)
    return Plan(
        zone=zone,
        steps=tuple(step for group in groups for step in group),
        kept=kept,
        had=len(ours),
        refused=tuple(refused),
    )


# -- the actions -------------------------------------------------------------------------------------


def _parameters(zone: str, entry: Entry) -> dict[str, Any]:
    """What an action says of a record; an SRV is said by its parts."""
    given: dict[str, Any] = {"ttl": entry.ttl or 1}
    if entry.type in PROXIABLE:
        given["service_mode"] = entry.service_mode
    if entry.type in {RecordType.MX, RecordType.SRV}:
        given["prio"] = entry.prio or 0
    if entry.type == RecordType.SRV:
        labels = entry.name.removesuffix(f".{zone}").split(".")
        words = entry.content.split()
        if len(labels) < 2 or len(words) != 3:
            raise InvalidInput.of("content", entry.content, "weight, port and target, at a name such as _sip._tcp")
        given |= {
            "service": labels[0],
            "protocol": labels[1],
            "srvname": ".".join(labels[2:]) or "@",
            "weight": words[0],
            "port": words[1],
            "target": words[2],
        }
    return given


def _creation(zone: str, entry: Entry) -> RecNew:
    return RecNew(zone, entry.type, entry.name, stored(entry), **_parameters(zone, entry))


def _edit(zone: str, record: Record, entry: Entry) -> RecEdit:
    return RecEdit(zone, record.rec_id, entry.type, entry.name, stored(entry), **_parameters(zone, entry))


def _actions(zone: str, step: Step) -> Iterator[tuple[Action[Any], ...]]:
    """What carries a step out; where the first fails, the next is tried."""
    before, after = step.before, step.after
    if before is not None and after is not None:
        yield (_edit(zone, before, after),)
        if step.kind is Kind.SWAP:
            yield _creation(zone, after), RecDelete(zone, before.rec_id)
    elif after is not None:
        yield (_creation(zone, after),)
    else:
        yield (RecDelete(zone, cast("Record", before).rec_id),)


async def carry_out(backend: Backend, plan: Plan, *, done: Callable[[Step], None] | None = None) -> None:
    """Carries the steps out, one after the other, and stops at the first that fails.

    Args:
        backend: a client, or any backend.
        plan: what is to be done; what it refuses is left alone.
        done: is told each step that is done.

    Raises:
        CloudflareError: a step failed; what was done stays done, and a plan made anew has the rest.
    """
    for step in plan.steps:
        await _step(backend, list(_actions(plan.zone, step)))
        if done is not None:
            done(step)


async def _step(backend: Backend, ways: list[tuple[Action[Any], ...]]) -> None:
    *others, last = ways
    for way in others:
        # Only a refusal says that nothing was done.
        with suppress(ApiError):
            await _performed(backend, way)
            return
    await _performed(backend, last)


async def _performed(backend: Backend, actions: Iterable[Action[Any]]) -> None:
    for action in actions:
        await backend.perform(action)


async def records_of(backend: Backend, zone: str) -> tuple[Record, ...]:
    """All records of a zone as they were at one moment: what is not seen would be created again.

    Raises:
        CloudflareError: they cannot be had whole.
    """
    records = await whole(
        lambda offset: backend.perform(act.RecLoadAll(zone, offset=offset)),
        lambda record: record.rec_id,
        f"the records of {zone}",
        keep=lambda record: record,
    )
    return tuple(records)
