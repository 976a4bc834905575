"""Listings of several pages: as they were at one moment, or an error; never half of one, never a mixture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfclient import actions as act
from cfclient.actions import Action
from cfclient.audit import audit
from cfclient.audit.reading import READINGS, whole
from cfclient.backends.emulator import DEMO, Emulator
from cfclient.errors import UnexpectedAnswer
from cfclient.models import Page, Record

pytestmark = pytest.mark.anyio

T = TypeVar("T")
ZONE = "a.example"
Write = Callable[[Emulator], None]


def emulator(records: int, page_size: int) -> Emulator:
    """One zone with so many records, whose ids are 1, 2, ..., and small pages."""
    entries = [
        {"rec_id": str(index), "type": "TXT", "name": f"n{index}", "content": f"text {index}"}
        for index in range(1, records + 1)
    ]
    accounts = [{"email": DEMO.email, "key": DEMO.token, "zones": [{"zone_name": ZONE, "records": entries}]}]
    return Emulator.from_json({"accounts": accounts}, page_size=page_size, limit=None)


def insert(content: str) -> Write:
    """Adds a record at the end."""

    def write(service: Emulator) -> None:
        service.perform(DEMO, act.RecNew(ZONE, "TXT", "new", content))

    return write


def delete(place: int) -> Write:
    """Takes away the record at this place."""

    def write(service: Emulator) -> None:
        records = service.site(ZONE).records
        if records:
            service.perform(DEMO, act.RecDelete(ZONE, records[place % len(records)].rec_id))

    return write


def edit(place: int, content: str) -> Write:
    """Changes the record at this place."""

    def write(service: Emulator) -> None:
        records = service.site(ZONE).records
        if records:
            service.perform(DEMO, act.RecEdit(ZONE, records[place % len(records)].rec_id, "TXT", "edited", content))

    return write


class Busy:
    """The emulator, written to after each page that it gives; it remembers every state that it had."""

    def __init__(self, service: Emulator, writes: Iterator[Write | None]) -> None:
        self.service = service
        self.writes = writes
        self.asked: list[int] = []
        self.states = [service.site(ZONE).records]

    async def perform(self, action: Action[T], /) -> T:
        answer = self.service.perform(DEMO, action)
        if isinstance(action, act.RecLoadAll):
            self.asked.append(action.offset)
            write = next(self.writes, None)
            if write is not None:
                write(self.service)
                self.states.append(self.service.site(ZONE).records)
        return answer


async def read(busy: Busy) -> tuple[Record, ...]:
    """The zone's records."""
    return await whole(
        lambda offset: busy.perform(act.RecLoadAll(ZONE, offset=offset)),
        lambda record: record.rec_id,
        "the records",
        keep=iter,
    )


async def test_a_quiet_listing_costs_its_pages_and_a_second_look() -> None:
    """At all pages but the last; a single page is whole by itself."""
    one, three = Busy(emulator(3, 3), iter([])), Busy(emulator(7, 3), iter([]))

    assert (one.states[0], [0]) == (await read(one), one.asked)
    assert (three.states[0], [0, 3, 6, 0, 3]) == (await read(three), three.asked)


@pytest.mark.parametrize(
    "write",
    [delete(0), edit(0, "other"), delete(3), edit(3, "other")],
    ids=["delete before", "edit before", "delete among those to come", "edit among those to come"],
)
@pytest.mark.parametrize("after", [1, 2])
async def test_a_write_between_two_pages_is_noticed(write: Write, after: int) -> None:
    """The zone is read again, or was read as it is now; never a mixture."""
    busy = Busy(emulator(7, 3), iter([*[None] * (after - 1), write]))

    found = await read(busy)

    assert busy.states[-1] == found


async def test_an_insert_at_the_beginning_shows_an_id_twice() -> None:
    """A service that sorts moves the entries; the one that is pushed onto the next page is seen twice."""
    entries = ["b", "c", "d", "e"]
    asked: list[int] = []

    async def fetch(offset: int) -> Page[str]:
        asked.append(offset)
        page = Page(objs=tuple(entries[offset : offset + 2]), has_more=offset + 2 < len(entries))
        if len(asked) == 1:
            entries.insert(0, "a")
        return page

    found = await whole(fetch, str, "the letters", keep=iter)

    assert (("a", "b", "c", "d", "e"), [0, 2, 0, 2, 4, 0, 2]) == (found, asked)


@pytest.mark.parametrize("pages", [["aba"], ["ab", "cdc"], ["aba", "cd"]])
async def test_an_id_that_comes_twice_on_one_page_is_noticed(pages: list[str]) -> None:
    """Of two records with one id, one would be lost."""

    async def fetch(offset: int) -> Page[str]:
        before = [sum(map(len, pages[:number])) for number in range(len(pages))]
        number = before.index(offset)
        return Page(objs=tuple(pages[number]), has_more=number + 1 < len(pages))

    with pytest.raises(UnexpectedAnswer, match=f"not whole: id [ac] came twice.*read {READINGS} times"):
        await whole(fetch, str, "the letters", keep=iter)


@pytest.mark.parametrize("before", ["", "ab"])
async def test_a_listing_that_announces_more_and_gives_none_is_an_error(before: str) -> None:
    """It is not asked for ever, also where it gives nothing from the beginning."""
    asked: list[int] = []

    async def fetch(offset: int) -> Page[str]:
        asked.append(offset)
        assert len(asked) < 100
        return Page(objs=tuple(before[offset:]), has_more=True)

    with pytest.raises(UnexpectedAnswer, match=f"gave {len(before)}, announces more and gives none"):
        await whole(fetch, str, "the letters", keep=iter)


async def test_a_listing_that_never_holds_still_is_an_error() -> None:
    """After so many readings; the reason says what was seen last."""
    busy = Busy(emulator(7, 3), (edit(0, f"text number {number}") for number in range(1000)))

    with pytest.raises(UnexpectedAnswer) as caught:
        await read(busy)

    assert "the records are not whole: what stood behind 0 entries changed meanwhile (read 4 times)" == str(
        caught.value
    )
    assert READINGS == busy.asked.count(6)


writes = st.one_of(
    st.none(),
    st.uuids().map(lambda text: insert(str(text))),
    st.integers(0, 20).map(delete),
    st.tuples(st.integers(0, 20), st.uuids()).map(lambda pair: edit(pair[0], str(pair[1]))),
)


@given(st.integers(0, 9), st.integers(1, 4), st.lists(writes, max_size=30))
def test_what_is_read_was_there_at_one_moment(records: int, page_size: int, sequence: list[Any]) -> None:
    """Whatever is written between pages: a state that the emulator had, or an error."""
    busy = Busy(emulator(records, page_size), iter(sequence))
    try:
        found = anyio.run(read, busy)
    except UnexpectedAnswer:
        found = None

    # It is given up only where each of the readings met a write.
    assert found in busy.states if found is not None else len(busy.states) > READINGS


async def test_a_zone_that_changes_is_read_again_by_an_audit() -> None:
    """And one that never holds still has failed, with its reason and no findings."""
    calm = Busy(emulator(7, 3), iter([delete(0)]))
    restless = Busy(emulator(7, 3), (edit(0, f"text number {number}") for number in range(1000)))

    async with audit(calm, [ZONE]) as run:
        (found,) = [zone async for zone in run]
    async with audit(restless, [ZONE]) as run:
        (failed,) = [zone async for zone in run]

    assert (calm.states[-1], None) == (found.records, found.failure)
    assert ((), (), False) == (failed.records, failed.findings, run.summary.complete)
    assert str(failed.failure).startswith(f"the records of {ZONE} are not whole: what stood behind")


async def test_a_zone_that_vanishes_between_two_pages_has_failed() -> None:
    """By the service's own words."""
    service, gone = (
        emulator(7, 3),
        Emulator.from_json({"accounts": [{"email": DEMO.email, "key": DEMO.token, "zones": []}]}),
    )

    class Vanishing:
        async def perform(self, action: Action[T], /) -> T:
            return (gone if getattr(action, "offset", 0) else service).perform(DEMO, action)

    async with audit(Vanishing(), [ZONE]) as run:
        (failed,) = [zone async for zone in run]

    assert ((), "rec_load_all: Invalid zone.") == (failed.records, failed.failure)
