"""Asking again, by meaning: faults injected around the emulator, whose own state says what was done how often."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

import anyio
import attrs
import pytest
import trio
from trio.testing import MockClock

import cfclient
from cfclient import actions as act
from cfclient import models, wire
from cfclient.actions import ACTIONS, Action, Kind
from cfclient.backend import Backend, Credentials, departed
from cfclient.backends.emulator import DEMO, Emulator
from cfclient.errors import (
    ApiError,
    CloudflareError,
    ConfigurationError,
    ConnectionFailed,
    InvalidInput,
    MisusedClient,
    OutcomeUnknown,
    RateLimited,
    Unauthorized,
    UnexpectedAnswer,
)
from cfclient.retry import REPEATABLE, Attempt, Fault, Holds, Retry, _Known, fault_of, retrying
from tests.samples import EXAMPLES

T = TypeVar("T")

ZONE = "example.com"
ACCOUNT = {
    "accounts": [{"zones": [{"zone_name": ZONE, "records": [{"type": "A", "name": "www", "content": "192.0.2.1"}]}]}]
}
NEW = act.RecNew(ZONE, "A", "new", "192.0.2.9")

REFUSED = ConnectionFailed("refused", maybe_carried_out=False)
BROKEN = ConnectionFailed("broken", maybe_carried_out=True)
HTML = UnexpectedAnswer("HTML", status=502, transient=True)
LIMITED = RateLimited("Enough.")
STRANGE = UnexpectedAnswer("strange")


class Flaky:
    """An emulator whose calls fail by a script: `before` they are carried out, or `after`; then all is well."""

    def __init__(self, *script: tuple[str, CloudflareError]) -> None:
        self.emulator = Emulator.from_json(ACCOUNT, limit=None)
        self.script = list(script)
        self.asked: list[str] = []
        self.times: list[float] = []

    def connect(self, credentials: Credentials = DEMO) -> Backend:
        outer, face = self, self.emulator.connect(credentials)

        class Face:
            async def perform(self, action: Action[T], /) -> T:
                outer.asked.append(action.wire_name)
                outer.times.append(anyio.current_time())
                when, error = outer.script.pop(0) if outer.script else ("never", None)
                if when == "before" and error is not None:
                    await anyio.lowlevel.checkpoint()
                    raise error
                departed()
                answer = await face.perform(action)
                if when == "after" and error is not None:
                    raise error
                if when == "stall":
                    await anyio.sleep_forever()
                return answer

        return Face()

    def contents(self, name: str) -> list[str]:
        """The contents of the records of this name, from the emulator's own state."""
        return [record.content for record in self.emulator.site(ZONE).records if record.name == f"{name}.{ZONE}"]


def quick(flaky: Flaky, **options: Any) -> Backend:
    """Asks again after pauses that are as long as they may be."""
    policy = Retry(**{"draw": lambda: 1.0, **options})
    return retrying(flaky.connect(), policy, holds=Holds(), account="demo@example.com")


def on_mock_clock(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """On a clock on which waiting takes no time."""
    return trio.run(main, clock=MockClock(autojump_threshold=0))


@pytest.fixture(autouse=True)
def loud() -> None:
    """The documents show how to silence the reads, and are run in this process as well."""
    logging.getLogger("cfclient.retry.reads").setLevel(logging.NOTSET)


# -- the table ----------------------------------------------------------------------------------------


def test_the_table_covers_every_kind() -> None:
    """Only a create is not asked again where nobody knows."""
    assert set(Kind) == set(REPEATABLE)
    assert {Kind.CREATE} == {kind for kind, faults in REPEATABLE.items() if Fault.UNKNOWN not in faults}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (REFUSED, Fault.NOT_SENT),
        (BROKEN, Fault.UNKNOWN),
        (HTML, Fault.UNKNOWN),
        (LIMITED, Fault.LIMITED),
        (STRANGE, None),
        (InvalidInput("Invalid zone."), None),
        (ApiError("No."), None),
    ],
    ids=str,
)
def test_faults(error: CloudflareError, expected: Fault | None) -> None:
    """What is known after each error."""
    assert expected is fault_of(error)


@pytest.mark.parametrize(
    ("status", "body", "transient"),
    [
        (200, b"<html>", True),
        (200, b'{"result":"succ', True),
        (502, b"<html>", True),
        (503, b"", True),
        (500, b'{"error":1}', True),
        (404, b"<html>", False),
        (301, b"", False),
        (200, b'{"error":1}', False),
    ],
)
def test_which_answers_are_worth_another_attempt(status: int, body: bytes, transient: bool) -> None:
    """Those that are no reply; not where the address is wrong, or something else answers there."""
    with pytest.raises(UnexpectedAnswer) as caught:
        wire.read(act.Stats(ZONE), body, status=status)

    assert transient is caught.value.transient


@pytest.mark.parametrize("name", [name for name in ACTIONS if name not in {"rec_new", "rec_edit", "rec_delete"}])
@pytest.mark.parametrize("fault", [("before", REFUSED), ("before", BROKEN), ("after", BROKEN), ("after", HTML)])
def test_reads_sets_and_purges_are_asked_again(name: str, fault: tuple[str, CloudflareError]) -> None:
    """Whatever is known of the first attempt."""
    flaky = Flaky(fault, fault)

    async def main() -> None:
        await quick(flaky).perform(EXAMPLES[name])

    on_mock_clock(main)

    assert [name] * 3 == flaky.asked


@pytest.mark.parametrize("error", [STRANGE, InvalidInput("Invalid zone.")])
def test_what_another_attempt_would_not_change_is_raised_at_once(error: CloudflareError) -> None:
    """A refusal stays a refusal."""
    flaky = Flaky(("before", error))

    async def main() -> None:
        with pytest.raises(type(error)) as caught:
            await quick(flaky).perform(act.Stats(ZONE))
        assert error is caught.value

    on_mock_clock(main)
    assert ["stats"] == flaky.asked


# -- how often and how long ---------------------------------------------------------------------------


def test_pauses_double_up_to_the_longest_and_attempts_are_counted() -> None:
    """Full jitter: drawn from 0 to that."""
    flaky = Flaky(*[("before", BROKEN)] * 9)

    async def main() -> None:
        with pytest.raises(ConnectionFailed):
            await quick(flaky, attempts=6, first=1, longest=5).perform(act.Stats(ZONE))

    on_mock_clock(main)

    gaps = [round(after - before, 6) for before, after in zip(flaky.times, flaky.times[1:], strict=False)]
    assert [1, 2, 4, 5, 5] == gaps
    assert 0.5 == Retry(first=1, draw=lambda: 0.5).pause(1)


def test_no_attempt_begins_after_the_total() -> None:
    """The pause that would pass it is not waited for."""
    flaky = Flaky(*[("before", BROKEN)] * 9)

    async def main() -> float:
        with pytest.raises(ConnectionFailed):
            await quick(flaky, attempts=9, first=4, longest=4, total=10).perform(act.Stats(ZONE))
        return trio.current_time() - flaky.times[0]

    assert 8 == round(on_mock_clock(main), 6)
    assert 3 == len(flaky.asked)


@pytest.mark.parametrize("name", ["attempts", "total", "first", "longest", "settle", "patience", "unsaid"])
def test_a_policy_s_numbers_are_positive(name: str) -> None:
    """Said by name."""
    with pytest.raises(ConfigurationError, match=f"retry: {name}=0 is not valid: expected more than 0"):
        Retry(**cast("dict[str, Any]", {name: 0}))


# -- the service's limit ------------------------------------------------------------------------------


def test_a_limit_holds_back_every_call_of_the_account() -> None:
    """Until the time that the service said, and nobody else's."""
    flaky, holds = Flaky(("before", RateLimited("Enough.", retry_after=100))), Holds()
    asked: list[tuple[str, float]] = []

    async def main() -> None:
        began = trio.current_time()

        async def ask(account: str) -> None:
            await retrying(flaky.connect(), Retry(), holds=holds, account=account).perform(act.Stats(ZONE))
            asked.append((account, round(trio.current_time() - began, 6)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, "a@example.com")
            await trio.sleep(1)
            nursery.start_soon(ask, "a@example.com")
            nursery.start_soon(ask, "b@example.com")

    on_mock_clock(main)

    assert [("b@example.com", 1), ("a@example.com", 100), ("a@example.com", 100)] == asked
    assert 4 == len(flaky.asked)


def test_where_no_time_is_said_a_settable_one_is_waited() -> None:
    """As often as the service insists, and those attempts do not count as failed ones."""
    flaky = Flaky(*[("before", LIMITED)] * 6)

    async def main() -> float:
        began = trio.current_time()
        await quick(flaky, attempts=1, unsaid=10).perform(NEW)
        return trio.current_time() - began

    assert 60 == round(on_mock_clock(main), 6)
    assert ["192.0.2.9"] == flaky.contents("new")


def test_a_limit_that_lasts_too_long_is_raised_with_the_time_to_wait() -> None:
    """At once for a long one; for a repeated one when the patience is used up."""
    long, repeated = Flaky(("before", RateLimited("Enough.", retry_after=500))), Flaky(*[("before", LIMITED)] * 9)

    async def main() -> float:
        backend = quick(long, patience=400)
        with pytest.raises(RateLimited) as first:
            await backend.perform(act.Stats(ZONE))
        with pytest.raises(RateLimited, match="waiting for it takes longer than allowed here") as held:
            await backend.perform(act.Stats(ZONE))
        assert (500, 500) == (first.value.retry_after, round(held.value.retry_after or 0, 6))
        began = trio.current_time()
        with pytest.raises(RateLimited):
            await quick(repeated, patience=35, unsaid=10).perform(act.Stats(ZONE))
        return trio.current_time() - began

    assert 30 == round(on_mock_clock(main), 6)
    assert (1, 4) == (len(long.asked), len(repeated.asked))


def test_a_hold_is_never_shortened_and_is_forgotten_when_it_is_over() -> None:
    """A later answer that says less does not let the others go early."""

    async def main() -> tuple[float, float, float]:
        holds = Holds()
        holds.hold("a", 100)
        holds.hold("a", 10)
        before = holds.left("a")
        await trio.sleep(101)
        holds.hold("b", 5)
        return before, holds.left("a"), holds.left("b")

    assert (100, 0, 5) == on_mock_clock(main)


# -- deleting and editing -----------------------------------------------------------------------------


def test_a_repeated_delete_that_finds_nothing_has_succeeded() -> None:
    """Where the first attempt's answer was lost."""
    flaky = Flaky(("after", BROKEN))
    (record,) = flaky.emulator.site(ZONE).records

    async def main() -> None:
        await quick(flaky).perform(act.RecDelete(ZONE, record.rec_id))

    on_mock_clock(main)

    assert ["rec_delete", "rec_delete"] == flaky.asked
    assert () == flaky.emulator.site(ZONE).records


@pytest.mark.parametrize("script", [(), (("before", REFUSED),)])
def test_a_delete_that_surely_was_not_carried_out_and_finds_nothing_is_refused(
    script: tuple[tuple[str, CloudflareError], ...],
) -> None:
    """Then the record was not there."""
    flaky = Flaky(*script)

    async def main() -> None:
        with pytest.raises(InvalidInput, match=r"Invalid record id\."):
            await quick(flaky).perform(act.RecDelete(ZONE, "999"))

    on_mock_clock(main)


def test_a_repeated_edit_edits_once() -> None:
    """It sets the same value again."""
    flaky = Flaky(("after", HTML))
    (record,) = flaky.emulator.site(ZONE).records

    async def main() -> models.Record:
        return await quick(flaky).perform(act.RecEdit(ZONE, record.rec_id, "A", "www", "192.0.2.2"))

    assert "192.0.2.2" == on_mock_clock(main).content
    assert ["192.0.2.2"] == flaky.contents("www")


# -- creating -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [REFUSED, LIMITED])
def test_a_create_that_surely_was_not_carried_out_is_asked_again(error: CloudflareError) -> None:
    """And makes one record."""
    flaky = Flaky(("before", error))

    async def main() -> models.Record:
        return await quick(flaky).perform(NEW)

    assert "192.0.2.9" == on_mock_clock(main).content
    assert ["192.0.2.9"] == flaky.contents("new")


@pytest.mark.parametrize(
    "action",
    [
        NEW,
        act.RecNew(ZONE, "MX", "@", "Mail.example.NET.", prio=7),
        act.RecNew(ZONE, "TXT", f"txt.{ZONE}", "some text"),
        act.RecNew(
            ZONE,
            "SRV",
            "x",
            "",
            prio=1,
            service="_sip",
            srvname="x",
            protocol="_tcp",
            weight=2,
            port=3,
            target="a.example",
        ),
        act.RecNew(
            ZONE,
            "SRV",
            "@",
            "",
            prio=1,
            service="_sip",
            srvname="@",
            protocol="_tcp",
            weight=2,
            port=3,
            target="a.example",
        ),
    ],
    ids=lambda action: action.type.value,
)
def test_a_create_whose_answer_was_lost_is_found(action: act.RecNew) -> None:
    """Where the zone was listed before: a record like it, whose id was not known, is the one."""
    flaky = Flaky(("never", BROKEN), ("after", BROKEN))

    async def main() -> models.Record:
        backend = quick(flaky)
        await backend.perform(act.RecLoadAll(ZONE))
        return await backend.perform(action)

    created = on_mock_clock(main)

    assert created == flaky.emulator.site(ZONE).records[-1]
    assert 2 == len(flaky.emulator.site(ZONE).records)


def test_a_create_that_arrives_late_is_found_by_the_second_look() -> None:
    """The request was still on its way when the first look saw nothing."""
    flaky = Flaky(("never", BROKEN), ("before", BROKEN))

    async def main() -> tuple[models.Record, models.Record]:
        backend = quick(flaky, settle=2)
        await backend.perform(act.RecLoadAll(ZONE))

        async def arrive_late() -> models.Record:
            await trio.sleep(1)
            return flaky.emulator.perform(DEMO, NEW)

        found: list[models.Record] = []
        async with trio.open_nursery() as nursery:

            async def create() -> None:
                found.append(await backend.perform(NEW))

            nursery.start_soon(create)
            late = await arrive_late()
        return found[0], late

    found, late = on_mock_clock(main)
    assert late == found


def test_looking_for_a_record_ends_where_the_service_says_for_ever_that_there_is_more() -> None:
    """A service that gives the same page again, whatever the offset, has nothing new to say."""

    async def main() -> tuple[OutcomeUnknown, int]:
        flaky = Flaky(("before", BROKEN))
        face = flaky.connect()

        class Stuck:
            async def perform(self, action: Action[T], /) -> T:
                assert len(flaky.asked) < 20
                if isinstance(action, act.RecLoadAll):
                    page = await face.perform(act.RecLoadAll(action.zone))
                    return cast("T", attrs.evolve(page, has_more=True))
                return await face.perform(action)

        with pytest.raises(OutcomeUnknown) as caught:
            await retrying(Stuck(), Retry(), holds=Holds(), account="me").perform(NEW)
        return caught.value, flaky.asked.count("rec_load_all")

    unknown, looked = on_mock_clock(main)

    assert ((), 4) == (unknown.seen, looked)


def test_a_create_that_is_not_there_is_unknown_and_not_asked_again() -> None:
    """It may still be on its way: never a guess."""
    flaky = Flaky(("never", BROKEN), ("before", BROKEN))

    async def main() -> OutcomeUnknown:
        backend = quick(flaky)
        await backend.perform(act.RecLoadAll(ZONE))
        with pytest.raises(OutcomeUnknown) as caught:
            await backend.perform(NEW)
        return caught.value

    error = on_mock_clock(main)

    expected = (
        "rec_new: no answer came, and it is not there; "
        "list the records of example.com and look for A 'new' before you create it again"
    )
    assert (expected, ()) == (str(error), error.seen)
    assert BROKEN is error.__cause__
    assert ["rec_load_all", "rec_new", "rec_load_all", "rec_load_all"] == flaky.asked


def test_a_record_that_may_have_been_there_before_proves_nothing() -> None:
    """Where the zone was never listed, what is seen is said, and not taken for the new one."""
    flaky = Flaky(("after", BROKEN))

    async def main() -> OutcomeUnknown:
        with pytest.raises(OutcomeUnknown) as caught:
            await quick(flaky).perform(NEW)
        return caught.value

    error = on_mock_clock(main)

    assert (flaky.emulator.site(ZONE).records[-1].rec_id,) == error.seen
    assert f"may have been there before (id {error.seen[0]})" in str(error)


def test_two_creates_of_the_same_record_at_once_prove_nothing() -> None:
    """One is lost, one is on its way: whose record it is, nobody can say."""
    flaky = Flaky(("never", BROKEN), ("before", BROKEN), ("stall", BROKEN))

    async def main() -> OutcomeUnknown:
        backend = quick(flaky)
        await backend.perform(act.RecLoadAll(ZONE))
        caught: list[OutcomeUnknown] = []

        async def create() -> None:
            try:
                await backend.perform(NEW)
            except OutcomeUnknown as error:
                caught.append(error)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(create)
            nursery.start_soon(create)
            await trio.sleep(10)
            nursery.cancel_scope.cancel()
        return caught[0]

    assert 1 == len(on_mock_clock(main).seen)


def test_a_lost_create_does_not_take_the_record_of_the_same_create_beside_it() -> None:
    """Which was answered meanwhile: each record is given to one caller only."""
    flaky = Flaky(("never", BROKEN), ("before", BROKEN))

    async def main() -> tuple[list[models.Record], list[OutcomeUnknown]]:
        backend = quick(flaky)
        await backend.perform(act.RecLoadAll(ZONE))
        made: list[models.Record] = []
        lost: list[OutcomeUnknown] = []

        async def create() -> None:
            try:
                made.append(await backend.perform(NEW))
            except OutcomeUnknown as error:
                lost.append(error)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(create)
            nursery.start_soon(create)
        return made, lost

    made, lost = on_mock_clock(main)

    assert (1, 1) == (len(made), len(lost))
    assert (made[0].rec_id,) == lost[0].seen


def test_a_text_that_differs_in_case_only_is_another_record() -> None:
    """Host names are compared as the DNS does; a challenge or a key is not a host name."""
    flaky = Flaky(("never", BROKEN), ("before", BROKEN))

    async def main() -> OutcomeUnknown:
        backend = quick(flaky)
        await backend.perform(act.RecLoadAll(ZONE))
        flaky.emulator.perform(DEMO, act.RecNew(ZONE, "TXT", "_acme-challenge", "abcdef"))
        with pytest.raises(OutcomeUnknown) as caught:
            await backend.perform(act.RecNew(ZONE, "TXT", "_acme-challenge", "AbCdEf"))
        return caught.value

    assert () == on_mock_clock(main).seen


class Strict(Flaky):
    """A service that refuses an exact duplicate of a record, with a code of its own."""

    def connect(self, credentials: Credentials = DEMO) -> Backend:
        inner, emulator = super().connect(credentials), self.emulator

        class Face:
            refuses_duplicates = frozenset({81058})

            async def perform(self, action: Action[T], /) -> T:
                if isinstance(action, act.RecNew):
                    name = f"{action.name}.{ZONE}"
                    here = [(record.name, record.content) for record in emulator.site(ZONE).records]
                    if (name, action.content) in here and not outer.script:
                        error = InvalidInput("An identical record already exists. (81058)")
                        error.numbers = (81058,)
                        raise error
                return cast("T", await inner.perform(cast("Action[Any]", action)))

        outer = self
        return Face()


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ([("before", BROKEN)], "made"),
        ([("after", BROKEN)], "made"),
        ([("before", BROKEN)] * 6, "rec_new: looking for it failed too (broken"),
        (
            [("before", BROKEN), ("never", BROKEN), ("never", BROKEN), ("after", BROKEN)],
            "rec_new: no answer came, twice",
        ),
        (
            [
                ("before", BROKEN),
                ("never", BROKEN),
                ("never", BROKEN),
                ("before", RateLimited("Enough.", retry_after=999)),
            ],
            "rec_new: no answer came, and asking once more failed (",
        ),
        ([("before", BROKEN), ("never", BROKEN), ("never", BROKEN), ("before", InvalidInput("No."))], "No."),
    ],
    ids=["not made", "made", "no look", "lost again", "limited", "refused"],
)
def test_a_service_that_refuses_duplicates_is_asked_once_more(
    script: list[tuple[str, CloudflareError]], expected: str
) -> None:
    """So that a lost create is there once, though the zone was never listed; its refusal says that it was made."""
    flaky = Strict(*script)

    async def main() -> str:
        try:
            record = await quick(flaky, attempts=2).perform(NEW)
        except CloudflareError as error:
            return str(error)
        assert record == flaky.emulator.site(ZONE).records[-1]
        return "made"

    assert expected == on_mock_clock(main)[: len(expected)]
    assert len(flaky.contents("new")) <= 1


@pytest.mark.parametrize("gone", [False, True])
def test_a_duplicate_of_what_was_there_before_is_refused(gone: bool) -> None:
    """The first attempt was refused too, only nobody heard it; where it has gone meanwhile, nobody knows."""
    flaky = Strict(("before", BROKEN), ("never", BROKEN), ("never", BROKEN))
    flaky.emulator.perform(DEMO, NEW)
    (old,) = [record for record in flaky.emulator.site(ZONE).records if record.content == NEW.content]

    async def main() -> CloudflareError:
        backend = quick(flaky)
        flaky.script.insert(0, ("never", BROKEN))
        await backend.perform(act.RecLoadAll(ZONE))
        if gone:
            cast("Any", backend)._alike = nothing
        with pytest.raises(CloudflareError) as caught:
            await backend.perform(NEW)
        return caught.value

    async def nothing(*_: Any) -> list[models.Record]:
        await anyio.lowlevel.checkpoint()
        flaky.script.clear()
        return []

    error = on_mock_clock(main)

    assert [old.content] == flaky.contents("new")
    assert (OutcomeUnknown if gone else InvalidInput) is type(error)


def test_looking_that_fails_is_unknown_too() -> None:
    """With the reason of both."""
    flaky = Flaky(*[("before", BROKEN)] * 20)

    async def main() -> OutcomeUnknown:
        with pytest.raises(OutcomeUnknown) as caught:
            await quick(flaky, attempts=2).perform(NEW)
        return caught.value

    assert "looking for it failed too (broken" in str(on_mock_clock(main))


def test_a_refused_create_is_refused() -> None:
    """Nothing is looked for."""
    flaky = Flaky()

    async def main() -> None:
        with pytest.raises(InvalidInput, match=r"Invalid zone\."):
            await quick(flaky).perform(act.RecNew("other.example", "A", "x", "192.0.2.1"))

    on_mock_clock(main)
    assert ["rec_new"] == flaky.asked


def test_what_is_known_comes_from_whole_listings_of_the_last_zones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that do not follow one another teach nothing; old zones are forgotten; own creates are remembered."""
    monkeypatch.setattr(_Known, "_IDS", 8 * 6)
    zones = [f"z{number}.example" for number in range(9)]
    account = {"accounts": [{"zones": [{"zone_name": name} for name in zones]}]}
    emulator = Emulator.from_json(account, page_size=2, limit=None)
    for zone in zones:
        for number in range(5):
            emulator.perform(DEMO, act.RecNew(zone, "A", f"r{number}", "192.0.2.1"))

    async def main() -> list[int | None]:
        backend: Any = retrying(emulator.connect(), Retry(), holds=Holds(), account="a")

        async def known(zone: str) -> int | None:
            ids = backend._holds.known.ids(("a", zone))
            return None if ids is None else len(ids)

        async def listed(zone: str, *offsets: int) -> int | None:
            for offset in offsets:
                await backend.perform(act.RecLoadAll(zone, offset=offset))
            return await known(zone)

        found = [await listed(zones[0], 0, 2), await listed(zones[0], 4), await listed(zones[1], 0, 4)]
        await backend.perform(act.RecNew(zones[0], "A", "more", "192.0.2.1"))
        found.append(await known(zones[0]))
        for zone in zones[1:]:
            found.append(await listed(zone, 0, 2, 4))
        return [*found, await known(zones[0])]

    assert [None, 5, None, 6, *[5] * 8, None] == on_mock_clock(main)


# -- what is seen of it -------------------------------------------------------------------------------


def test_the_hook_sees_every_attempt() -> None:
    """Action, number, outcome, error, duration, and how long is waited."""
    limited = RateLimited("Enough.")
    flaky, seen = Flaky(("before", BROKEN), ("before", limited)), list[Attempt]()

    async def main() -> None:
        await quick(flaky, first=1, hook=seen.append).perform(act.Stats(ZONE))

    on_mock_clock(main)

    assert [
        (act.Stats(ZONE), 1, "failed", BROKEN, 1.0),
        (act.Stats(ZONE), 2, "failed", limited, 30.0),
        (act.Stats(ZONE), 3, "answered", None, None),
    ] == [(one.action, one.number, one.outcome, one.error, one.wait) for one in seen]
    assert {0.0} == {round(one.duration, 6) for one in seen}


def test_attempts_are_logged_and_a_give_up_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """Each attempt at DEBUG; by the standard logging module."""
    caplog.set_level(logging.DEBUG, "cfclient.retry")
    flaky = Flaky(*[("before", BROKEN)] * 2)

    async def main() -> None:
        with pytest.raises(ConnectionFailed):
            await quick(flaky, attempts=2).perform(act.Stats(ZONE))

    on_mock_clock(main)

    assert [
        ("DEBUG", "stats: attempt 1 failed after 0.000 s: broken (the request may have been carried out)"),
        ("DEBUG", "stats: attempt 2 failed after 0.000 s: broken (the request may have been carried out)"),
        ("WARNING", "stats: given up after 2 attempts: broken (the request may have been carried out)"),
    ] == [(record.levelname, record.getMessage()) for record in caplog.records]


def unknown(action: Action[Any]) -> tuple[str, str]:
    """What is logged of a call that was cancelled on its way, and by which logger."""
    reads = action.kind is Kind.READ
    aside = " (a read: nothing was changed)" if reads else ""
    name = "cfclient.retry.reads" if reads else "cfclient.retry"
    return name, f"{action.wire_name}: cancelled on its way, outcome unknown{aside}: {action!r}"


@pytest.mark.anyio
@pytest.mark.parametrize("action", EXAMPLES.values(), ids=EXAMPLES)
async def test_a_cancelled_call_is_a_warning(action: Action[Any], caplog: pytest.LogCaptureFixture) -> None:
    """Once, with the action, whatever it does; of a read by a logger of its own. The hook sees it."""
    caplog.set_level(logging.WARNING, "cfclient.retry")
    seen: list[Attempt] = []
    departing = anyio.Event()

    class Stalls:
        async def perform(self, _: Action[Any], /) -> Any:
            departed()
            departing.set()
            await anyio.sleep_forever()

    backend = retrying(Stalls(), Retry(hook=seen.append), holds=Holds(), account="a")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(backend.perform, action)
        await departing.wait()
        tasks.cancel_scope.cancel()

    assert [(*unknown(action), "WARNING")] == [(one.name, one.getMessage(), one.levelname) for one in caplog.records]
    assert [(action, "cancelled")] == [(one.action, one.outcome) for one in seen]


def test_cancelled_reads_can_be_silenced_alone(caplog: pytest.LogCaptureFixture) -> None:
    """By the level of their logger; changes are still told of."""
    change, reads = act.SecLvl(ZONE, "high"), logging.getLogger("cfclient.retry.reads")

    async def main() -> None:
        for action in (act.Stats(ZONE), change):
            with trio.move_on_after(1):
                await quick(Flaky(("stall", BROKEN))).perform(action)

    reads.setLevel(logging.ERROR)
    try:
        on_mock_clock(main)
    finally:
        reads.setLevel(logging.NOTSET)

    assert [unknown(change)[1]] == [one.getMessage() for one in caplog.records]


def test_a_call_that_is_broken_off_by_control_c_in_the_main_task_is_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Under trio that is no cancellation."""
    action, seen = act.SecLvl(ZONE, "high"), list[Attempt]()

    class Interrupted:
        async def perform(self, _: Action[Any], /) -> Any:
            await anyio.lowlevel.checkpoint()
            departed()
            raise KeyboardInterrupt

    async def main() -> None:
        with pytest.raises(KeyboardInterrupt):
            await retrying(Interrupted(), Retry(hook=seen.append), holds=Holds(), account="a").perform(action)

    on_mock_clock(main)

    assert [unknown(action)[1]] == [one.getMessage() for one in caplog.records]
    assert ["cancelled"] == [one.outcome for one in seen]


def test_pages_that_are_fetched_ahead_and_wanted_by_nobody_are_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    """Guesses are thrown away in every long listing; one that somebody waits for is a call like any other."""
    pages: dict[int, anyio.Event] = {}

    class Slow:
        async def perform(self, action: act.RecLoadAll, /) -> Any:
            departed()
            await pages.setdefault(action.offset, anyio.Event()).wait()
            record = models.Record(rec_id=str(action.offset), type=models.RecordType.A, name="x", content="192.0.2.1")
            return models.Page(has_more=True, count=1, objs=(record,))

    async def main() -> list[list[str]]:
        cf = cfclient.Client(retrying(cast("Any", Slow()), Retry(), holds=Holds(), account="a"))
        told = list[list[str]]()
        for wanted in (False, True):
            pages.clear()
            caplog.clear()
            async with cf.records(ZONE).ahead() as items, anyio.create_task_group() as tasks:
                for offset in range(5):
                    pages.setdefault(offset, anyio.Event()).set()
                for _ in range(5):
                    await anext(items)
                await trio.testing.wait_all_tasks_blocked()
                assert len(pages) > 6
                if wanted:
                    tasks.start_soon(anext, items)
                    await trio.testing.wait_all_tasks_blocked()
                    tasks.cancel_scope.cancel()
            told.append([one.getMessage() for one in caplog.records])
        return told

    assert [[], [unknown(act.RecLoadAll(ZONE, offset=5))[1]]] == on_mock_clock(main)


@pytest.mark.anyio
@pytest.mark.parametrize("action", [act.SecLvl("example.com", "high"), act.Stats("example.com")])
async def test_a_call_that_is_cancelled_before_it_left_is_no_warning(
    action: Action[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """It surely was not carried out."""
    emulator = cfclient.emulator(zones=1, latency=60)
    backend = retrying(emulator.connect(), Retry(), holds=Holds(), account="a")

    with anyio.move_on_after(0.01) as scope:
        await backend.perform(action)

    assert scope.cancelled_caught
    assert [] == caplog.records


@pytest.mark.parametrize(
    ("action", "script"),
    [
        (act.Stats(ZONE), [("after", BROKEN)]),
        (act.Stats(ZONE), [("after", BROKEN), ("before", LIMITED)]),
        (act.SecLvl(ZONE, "high"), [("after", BROKEN)]),
        (act.SecLvl(ZONE, "high"), [("after", BROKEN), ("before", LIMITED)]),
        (NEW, [("after", BROKEN)]),
        (NEW, [("after", BROKEN), ("stall", BROKEN)]),
        (NEW, [("before", BROKEN), ("before", LIMITED)]),
    ],
    ids=[
        "between two reads",
        "a read held back",
        "between two attempts",
        "held back",
        "settling",
        "looking",
        "looking, held back",
    ],
)
def test_a_call_cancelled_while_its_outcome_is_unknown_is_a_warning(
    action: Action[Any], script: list[tuple[str, CloudflareError]], caplog: pytest.LogCaptureFixture
) -> None:
    """Wherever it was: once, with the action; and the hook sees it."""
    caplog.set_level(logging.WARNING, "cfclient.retry")
    seen: list[Attempt] = []

    async def main() -> None:
        with trio.move_on_after(1):
            await quick(Flaky(*script), first=9, settle=9, hook=seen.append).perform(action)

    on_mock_clock(main)

    assert [unknown(action)] == [(record.name, record.getMessage()) for record in caplog.records]
    assert ["cancelled"] == [one.outcome for one in seen if one.action == action and one.outcome != "failed"]


@pytest.mark.parametrize("action", [act.SecLvl(ZONE, "high"), act.Stats(ZONE)])
def test_a_call_cancelled_between_attempts_that_surely_failed_is_no_warning(
    action: Action[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing of it is unknown."""
    caplog.set_level(logging.WARNING, "cfclient.retry")

    async def main() -> None:
        with trio.move_on_after(1):
            await quick(Flaky(("before", REFUSED)), first=9).perform(action)

    on_mock_clock(main)

    assert [] == caplog.records


def test_the_hook_is_told_how_long_a_call_was_held_back() -> None:
    """Before each attempt, whoever met the limit."""
    flaky, seen = Flaky(("before", RateLimited("Enough.", retry_after=20))), list[Attempt]()

    async def main() -> None:
        backend = quick(flaky, hook=seen.append)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(backend.perform, act.Stats(ZONE))
            await trio.sleep(5)
            nursery.start_soon(backend.perform, act.IpLkup("192.0.2.1"))

    on_mock_clock(main)

    assert [("ip_lkup", 1, 15), ("stats", 1, 0), ("stats", 2, 20)] == sorted(
        (one.action.wire_name, one.number, round(one.held, 6)) for one in seen
    )


def test_a_hook_that_fails_costs_nobody_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    """The record is made by then, and must not be lost."""
    flaky = Flaky()

    def hook(attempt: Attempt) -> None:
        raise ZeroDivisionError

    async def main() -> models.Record:
        return await quick(flaky, hook=hook).perform(NEW)

    record = on_mock_clock(main)

    assert flaky.emulator.site(ZONE).records[-1] == record
    assert ["rec_new: the hook failed"] == [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ([BROKEN, REFUSED], "refused; an earlier attempt got no answer (the request may have been carried out)"),
        ([REFUSED, BROKEN], "broken (the request may have been carried out)"),
        ([REFUSED, REFUSED], "refused (the request was not carried out)"),
    ],
    ids=["unknown, refused", "refused, unknown", "refused, refused"],
)
def test_a_give_up_does_not_deny_what_an_earlier_attempt_may_have_done(
    script: list[ConnectionFailed], expected: str
) -> None:
    """The last attempt surely was not carried out, but the first may have been."""
    flaky = Flaky(*[("before", error) for error in script])

    async def main() -> ConnectionFailed:
        with pytest.raises(ConnectionFailed) as caught:
            await quick(flaky, attempts=2).perform(act.SecLvl(ZONE, "high"))
        return caught.value

    assert expected == str(on_mock_clock(main))


@pytest.mark.parametrize(
    "last",
    [MisusedClient("closed"), Unauthorized("No."), ConfigurationError("no key")],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize(("action", "notes"), [(act.SecLvl(ZONE, "high"), 1), (act.Stats(ZONE), 0)])
def test_what_ends_a_call_in_doubt_leaves_it_in_doubt(last: CloudflareError, action: Action[Any], notes: int) -> None:
    """A client that is closed meanwhile, a key that is no longer one: the first attempt may have been carried out."""
    flaky = Flaky(("after", BROKEN), ("before", last))

    async def main() -> CloudflareError:
        with pytest.raises(type(last)) as caught:
            await quick(flaky).perform(action)
        return caught.value

    last.__notes__ = []
    doubt = "An earlier attempt got no answer: it may have been carried out."

    assert [doubt] * notes == on_mock_clock(main).__notes__


@pytest.mark.parametrize("held", [False, True])
def test_giving_up_before_the_limit_is_a_warning_and_says_what_may_be_done_already(
    held: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether the service says it to this call, or said it to another."""
    caplog.set_level(logging.WARNING, "cfclient.retry")
    long = RateLimited("Enough.", retry_after=900)
    flaky, holds = Flaky(("after", BROKEN), ("before", long)), Holds()

    async def main() -> RateLimited:
        backend = retrying(flaky.connect(), Retry(first=9, draw=lambda: 1.0), holds=holds, account="a")
        raised: list[RateLimited] = []

        async def ask() -> None:
            with pytest.raises(RateLimited) as caught:
                await backend.perform(act.SecLvl(ZONE, "high"))
            raised.append(caught.value)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            if held:
                await trio.sleep(1)
                holds.hold("a", 900)
        return raised[0]

    error = on_mock_clock(main)

    assert ["An earlier attempt got no answer: it may have been carried out."] == error.__notes__
    assert [True] == [record.getMessage().startswith("sec_lvl: given up after") for record in caplog.records]


def test_a_service_that_says_in_no_time_for_ever_is_not_asked_for_ever() -> None:
    """Each hold takes a second at least, so that the patience comes to an end."""
    flaky = Flaky(*[("before", RateLimited("Enough.", retry_after=0)) for _ in range(99)])

    async def main() -> None:
        with pytest.raises(RateLimited):
            await quick(flaky, patience=10).perform(act.Stats(ZONE))

    on_mock_clock(main)

    assert 11 == len(flaky.asked)


def test_a_time_to_wait_in_another_answer_holds_back_too() -> None:
    """A service that is down for so long says so with 503; what waits for it does not count as asking."""
    down = UnexpectedAnswer("HTML", status=503, transient=True)
    down.retry_after = 100
    flaky = Flaky(("before", down), ("before", down))

    async def main() -> float:
        began = trio.current_time()
        await quick(flaky, total=20).perform(act.SecLvl(ZONE, "high"))
        return trio.current_time() - began

    assert 200 == round(on_mock_clock(main), 6)


def test_a_longer_time_to_wait_than_allowed_is_given_up_at_once() -> None:
    """The error carries it."""
    down = UnexpectedAnswer("HTML", status=503, transient=True)
    down.retry_after = 1000
    flaky = Flaky(("before", down))

    async def main() -> UnexpectedAnswer:
        with pytest.raises(UnexpectedAnswer) as caught:
            await quick(flaky).perform(act.SecLvl(ZONE, "high"))
        return caught.value

    assert 1000 == on_mock_clock(main).retry_after


def test_a_listing_on_its_way_while_a_record_is_made_does_not_make_it_unknown() -> None:
    """It was read before the record was there: a second create that is lost must not take the first one's record."""
    flaky = Flaky()

    async def main() -> OutcomeUnknown:
        backend = quick(flaky)
        page = flaky.emulator.perform(DEMO, act.RecLoadAll(ZONE))
        await backend.perform(NEW)
        cast("Any", backend)._holds.known.listed(("demo@example.com", ZONE), 0, page)
        flaky.script.append(("before", BROKEN))
        with pytest.raises(OutcomeUnknown) as caught:
            await backend.perform(NEW)
        return caught.value

    assert 1 == len(on_mock_clock(main).seen)


def test_what_is_no_longer_remembered_does_not_pass_for_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of very many creates the oldest zone's are forgotten: it counts as never listed."""
    monkeypatch.setattr(_Known, "_IDS", 9)
    known, page = _Known(), models.Page[models.Record](has_more=False, count=0, objs=())
    for zone in ("old", "new"):
        known.listed(("a", zone), 0, page)
        for number in range(5):
            known.created(("a", zone), f"{zone} {number}")

    assert (None, 5) == (known.ids(("a", "old")), len(known.ids(("a", "new")) or ()))


def test_two_clients_of_one_account_are_not_given_the_same_record() -> None:
    """A web app acts as a user in many requests at once: what one of them made is not what another one lost."""
    flaky, holds = Flaky(("never", BROKEN), ("before", BROKEN)), Holds()

    async def main() -> tuple[list[models.Record], list[OutcomeUnknown]]:
        made: list[models.Record] = []
        lost: list[OutcomeUnknown] = []
        await retrying(flaky.connect(), Retry(), holds=holds, account="a").perform(act.RecLoadAll(ZONE))

        async def create() -> None:
            try:
                made.append(await retrying(flaky.connect(), Retry(), holds=holds, account="a").perform(NEW))
            except OutcomeUnknown as error:
                lost.append(error)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(create)
            nursery.start_soon(create)
        return made, lost

    made, lost = on_mock_clock(main)

    assert (1, 1) == (len(made), len(lost))
    assert (made[0].rec_id,) == lost[0].seen


# -- as part of a client ------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_client_asks_again_unless_told_otherwise() -> None:
    """On by default, for every account."""
    patient, impatient = Flaky(("before", BROKEN), ("before", BROKEN)), Flaky(("before", BROKEN))

    async with cfclient.connect(patient.connect, retry=Retry(first=0.001)) as cf:
        await cf.stats(ZONE)
        await cf.acting_as(DEMO).stats(ZONE)
        shown = repr(cf)
    async with cfclient.connect(impatient.connect, retry=None) as cf:
        with pytest.raises(ConnectionFailed):
            await cf.stats(ZONE)

    assert ["stats"] * 4 == patient.asked
    assert "<Client of <Retrying " in shown


@pytest.mark.anyio
async def test_raw_is_asked_for_again_too() -> None:
    """Where the backend has a reply of its own to show."""

    class Raw:
        asked = 0

        async def perform(self, action: Action[T], /) -> T:
            raise NotImplementedError

        async def raw(self, action: Action[Any], /) -> dict[str, Any]:
            await anyio.lowlevel.checkpoint()
            self.asked += 1
            if self.asked < 3:
                raise BROKEN
            return {"result": "success"}

    raw = Raw()
    async with cfclient.connect(cast("Any", lambda _: raw), retry=Retry(first=0.001)) as cf:
        reply = await cf.raw(act.Stats(ZONE))

    assert ({"result": "success"}, 3) == (reply, raw.asked)


class LosesTheReply:
    """The emulator with replies of its own to show, whose first reply is lost after the call was carried out."""

    def __init__(self, error: CloudflareError) -> None:
        self.emulator = Emulator.from_json(ACCOUNT, limit=None)
        self.error: CloudflareError | None = error

    async def perform(self, action: Action[T], /) -> T:
        answer = await self.emulator.connect().perform(action)
        if self.error is not None and not isinstance(action, act.RecLoadAll):
            error, self.error = self.error, None
            raise error
        return answer

    async def raw(self, action: Action[Any], /) -> dict[str, Any]:
        return wire.write(action, await self.perform(action))


def test_raw_of_a_delete_that_was_carried_out_is_a_reply() -> None:
    """None is no dictionary."""
    backend: Any = LosesTheReply(BROKEN)
    (record,) = backend.emulator.site(ZONE).records

    async def main() -> dict[str, Any]:
        again: Any = retrying(backend, Retry(), holds=Holds(), account="a")
        return cast("dict[str, Any]", await again.raw(act.RecDelete(ZONE, record.rec_id)))

    assert wire.write(act.RecDelete(ZONE, record.rec_id), None) == on_mock_clock(main)


def test_raw_of_a_create_in_doubt_is_an_unknown_outcome() -> None:
    """As `perform` would say; and what it made does not pass for what a later create makes."""
    backend: Any = LosesTheReply(BROKEN)

    async def main() -> OutcomeUnknown:
        again: Any = retrying(backend, Retry(), holds=Holds(), account="a")
        await again.perform(act.RecLoadAll(ZONE))
        with pytest.raises(OutcomeUnknown, match=r"rec_new: no answer came \(broken"):
            await again.raw(NEW)
        backend.error = BROKEN
        with pytest.raises(OutcomeUnknown) as caught:
            await again.perform(NEW)
        return caught.value

    assert 2 == len(on_mock_clock(main).seen)


def test_raw_of_a_create_that_is_refused_is_refused() -> None:
    """Nothing of it is unknown."""
    backend: Any = LosesTheReply(InvalidInput("Invalid zone."))

    async def main() -> None:
        with pytest.raises(InvalidInput):
            await cast("Any", retrying(backend, Retry(), holds=Holds(), account="a")).raw(NEW)

    on_mock_clock(main)


@pytest.mark.anyio
async def test_a_fault_of_the_program_is_not_asked_again() -> None:
    """It passes through as it is."""

    class Faulty:
        asked = 0

        async def perform(self, action: Action[Any], /) -> Any:
            await anyio.lowlevel.checkpoint()
            self.asked += 1
            raise ZeroDivisionError

    faulty = Faulty()
    with pytest.raises(ZeroDivisionError):
        await retrying(faulty, Retry(), holds=Holds(), account="a").perform(act.Stats(ZONE))

    assert 1 == faulty.asked


def test_raw_that_is_cancelled_on_its_way_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """As `perform` says it."""
    caplog.set_level(logging.WARNING, "cfclient.retry")

    class Stalls(LosesTheReply):
        async def raw(self, action: Action[Any], /) -> dict[str, Any]:
            departed()
            await anyio.sleep_forever()
            return {}

    async def main() -> None:
        again: Any = retrying(Stalls(BROKEN), Retry(), holds=Holds(), account="a")
        with trio.move_on_after(1):
            await again.raw(act.SecLvl(ZONE, "high"))

    on_mock_clock(main)

    assert [unknown(act.SecLvl(ZONE, "high"))[1]] == [record.getMessage() for record in caplog.records]
