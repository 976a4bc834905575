"""Plans: only what differs, in an order that leaves no name empty, made anew after an interruption."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfclient import actions as act
from cfclient.actions import Action
from cfclient.backends.account import Account, Site, make_record, make_zone
from cfclient.backends.emulator import Emulator
from cfclient.errors import ApiError, ConnectionFailed, InvalidInput
from cfclient.models import Record, RecordType
from cfclient.planning import Kind, Plan, Step, carry_out, make_plan, records_of
from cfclient.zonefile import Entry, as_entry, value

T = TypeVar("T")
ZONE = "example.com"
A, CNAME, MX, TXT, SRV = RecordType.A, RecordType.CNAME, RecordType.MX, RecordType.TXT, RecordType.SRV


def entry(name: str, type_: RecordType, content: str, **more: Any) -> Entry:
    return Entry(name=ZONE if name == "@" else f"{name}.{ZONE}", type=type_, content=content, **more)


class World:
    """A zone in the emulator; it counts the writes, may fail, and sees whether a name was ever empty."""

    def __init__(self, entries: list[Entry], *, fail_at: int | None = None, swaps: bool = False) -> None:
        records = tuple(
            make_record(
                ZONE,
                one.type,
                one.name,
                one.content,
                rec_id=str(number),
                ttl=one.ttl or 1,
                prio=one.prio,
                service_mode=bool(one.service_mode),
            )
            for number, one in enumerate(entries, 1)
        )
        self._swaps = swaps
        self._backend = Emulator(
            [Account(sites=(Site(zone=make_zone(ZONE, zone_id="1"), records=records),))], limit=None
        ).connect()
        self.fail_at = fail_at
        self.writes: list[Action[Any]] = []
        self.seen = [{as_entry(record, ZONE).name for record in records}]

    async def perform(self, action: Action[T], /) -> T:
        if isinstance(action, act.RecLoadAll):
            return cast("T", await self._backend.perform(cast("Action[Any]", action)))
        if self.fail_at == len(self.writes):
            self.fail_at = None
            raise ConnectionFailed("gone", maybe_carried_out=True)
        self.writes.append(action)
        if self._swaps and isinstance(action, act.RecEdit):
            (old,) = [one for one in await self.records() if one.rec_id == action.id]
            if old.type is not action.type:
                # As a service does that changes a type in one transaction.
                fields = [field.name for field in attrs.fields(act.RecNew)]
                new = act.RecNew(**{name: getattr(action, name) for name in fields})
                made = await self._backend.perform(new)
                await self._backend.perform(act.RecDelete(ZONE, action.id))
                return cast("T", made)
        answer: Any = await self._backend.perform(cast("Action[Any]", action))
        self.seen.append({as_entry(record, ZONE).name for record in await self.records()})
        return cast("T", answer)

    async def records(self) -> tuple[Record, ...]:
        return await records_of(self, ZONE)

    async def become(self, want: list[Entry]) -> Plan:
        plan = make_plan(ZONE, await self.records(), want)
        await carry_out(self, plan)
        return plan


def shown(entries: list[Entry]) -> list[tuple[object, ...]]:
    return sorted(
        (
            one.name,
            one.type.value,
            value(one),
            one.prio or 0,
            bool(one.service_mode),
            1 if one.service_mode else one.ttl or 1,
        )
        for one in entries
    )


_names = st.sampled_from(["@", "www", "a.b"])
_proxied = st.booleans()
_ttls = st.sampled_from([1, 300, 3600])
_entries = st.one_of(
    st.builds(entry, _names, st.just(A), st.sampled_from(["192.0.2.1", "192.0.2.2"]), ttl=_ttls, service_mode=_proxied),
    st.builds(
        entry, _names, st.just(CNAME), st.sampled_from(["a.example", "b.example"]), ttl=_ttls, service_mode=_proxied
    ),
    st.builds(
        entry, _names, st.just(MX), st.sampled_from(["m.example", "n.example"]), prio=st.integers(0, 1), ttl=_ttls
    ),
    st.builds(entry, _names, st.just(TXT), st.sampled_from(["one", "Two", '"quoted"']), ttl=_ttls),
    st.builds(
        entry,
        st.sampled_from(["_sip._tcp", "_sip._tcp.a"]),
        st.just(SRV),
        st.just("1 2 s.example"),
        prio=st.just(1),
        ttl=_ttls,
    ),
)
_zones = st.lists(_entries, max_size=5)


@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)
@pytest.mark.parametrize("swaps", [False, True])
def test_a_zone_becomes_what_a_file_says(swaps: bool, anyio_backend: str) -> None:
    """Whatever both have; a second plan is empty, and no name that has records before and after is empty between."""
    import anyio

    @given(_zones, _zones)
    def law(have: list[Entry], want: list[Entry]) -> None:
        async def run() -> None:
            world = World(have, swaps=swaps)

            await world.become(want)
            again = make_plan(ZONE, await world.records(), want)

            assert shown(want) == shown([as_entry(one, ZONE) for one in await world.records()])
            assert ((), len(want)) == (again.steps, again.kept)
            both = {one.name for one in have} & {one.name for one in want}
            assert [] == [names for names in world.seen if not both <= names]

        anyio.run(run, backend=anyio_backend)

    law()


def test_what_was_interrupted_is_done_anew() -> None:
    """At whatever step: the next plan has the rest, and nothing is written twice."""
    import anyio

    have = [
        entry("@", A, "192.0.2.1"),
        entry("old", TXT, "x"),
        entry("www", A, "192.0.2.9"),
        entry("@", MX, "m.example"),
    ]
    want = [
        entry("@", A, "192.0.2.2"),
        entry("www", CNAME, "x.example"),
        entry("new", TXT, "y"),
        entry("@", MX, "n.example", prio=1),
    ]

    async def run(fail_at: int) -> int:
        world = World(have, fail_at=fail_at)
        with pytest.raises(ConnectionFailed):
            await world.become(want)

        await world.become(want)

        assert shown(want) == shown([as_entry(one, ZONE) for one in await world.records()])
        return len(world.writes)

    async def whole() -> int:
        world = World(have)
        await world.become(want)
        return len(world.writes)

    writes = anyio.run(whole)
    # A swap that version 1 refuses is tried once more when it is done anew.
    assert {writes, writes + 1} >= {anyio.run(run, number) for number in range(writes)}


def record(one: Entry, ident: str = "1", **more: Any) -> Record:
    return make_record(ZONE, one.type, one.name, one.content, rec_id=ident, prio=one.prio, ttl=one.ttl or 1, **more)


def words(plan: Plan) -> list[str]:
    return [step.words() for step in plan.steps]


def test_only_what_differs_is_written() -> None:
    """A lifetime and the proxy are edits of the same record; what a file does not say stays."""
    have = [
        record(entry("same", A, "192.0.2.1"), "1", service_mode=True),
        record(entry("ttl", TXT, "x", ttl=300), "2"),
        record(entry("on", A, "192.0.2.1"), "3"),
        record(entry("to", A, "192.0.2.1"), "4", service_mode=True),
    ]
    want = [
        entry("same", A, "192.0.2.1", ttl=300),
        entry("ttl", TXT, "x", ttl=600),
        entry("on", A, "192.0.2.1", service_mode=True),
        entry("to", A, "192.0.2.2"),
    ]

    plan = make_plan(ZONE, have, want)

    assert [
        "edit on.example.com A 192.0.2.1 -> A 192.0.2.1 (proxied)",
        "edit to.example.com A 192.0.2.1 (proxied) -> A 192.0.2.2 (proxied)",
        "edit ttl.example.com TXT x (ttl 300) -> TXT x (ttl 600)",
    ] == sorted(words(plan))
    assert (1, 4) == (plan.kept, plan.had)


def test_what_is_pointed_to_comes_first_and_goes_last() -> None:
    """Addresses, then CNAMEs, then the others; deletions at the end."""
    have = [record(entry("old", A, "192.0.2.1")), record(entry("@", RecordType.NS, "ns.example"), "2")]
    want = [
        entry("@", MX, "mail.example.com", prio=10),
        entry("www", CNAME, "mail.example.com"),
        entry("mail", A, "192.0.2.1"),
    ]

    plan = make_plan(ZONE, have, want)

    assert [
        "create mail.example.com A 192.0.2.1",
        "create www.example.com CNAME mail.example.com",
        "create example.com MX 10 mail.example.com",
        "delete old.example.com A 192.0.2.1",
    ] == words(plan)


def test_a_cname_takes_the_place_of_the_last_record() -> None:
    """And gives it up to the first."""
    addresses = [entry("www", A, "192.0.2.1"), entry("www", A, "192.0.2.2")]
    alias = [entry("www", CNAME, "x.example")]

    to_alias = make_plan(ZONE, [record(one, str(number)) for number, one in enumerate(addresses)], alias)
    to_addresses = make_plan(ZONE, [record(alias[0])], addresses)

    assert [Kind.DELETE, Kind.SWAP] == [step.kind for step in to_alias.steps]
    assert [Kind.SWAP, Kind.CREATE] == [step.kind for step in to_addresses.steps]


def test_what_is_new_at_a_hidden_name_is_hidden() -> None:
    """Unless the file says otherwise, or another record there is not; else it would show the origin."""
    have = [
        record(entry("www", A, "192.0.2.1"), "1", service_mode=True),
        record(entry("app", A, "192.0.2.1"), "2", service_mode=True),
        record(entry("ssh", A, "192.0.2.1"), "3"),
    ]
    want = [
        entry("www", A, "192.0.2.1"),
        entry("www", A, "192.0.2.2"),
        entry("www", TXT, "x"),
        entry("www", A, "192.0.2.3", service_mode=False),
        entry("app", CNAME, "x.example"),
        entry("ssh", A, "192.0.2.1"),
        entry("ssh", A, "192.0.2.2"),
    ]

    plan = make_plan(ZONE, have, want)

    assert [
        "create ssh.example.com A 192.0.2.2",
        "create www.example.com A 192.0.2.2 (proxied)",
        "create www.example.com A 192.0.2.3",
        "create www.example.com TXT x",
        "replace app.example.com A 192.0.2.1 (proxied) -> CNAME x.example (proxied)",
    ] == sorted(words(plan))


def test_deletions_can_be_left_out() -> None:
    """Then only what is missing is added, and the ttl and the proxy of what is there are changed."""
    plan = make_plan(ZONE, [record(entry("old", A, "192.0.2.1"))], [entry("new", A, "192.0.2.1")], delete=False)

    assert ["create new.example.com A 192.0.2.1"] == words(plan)


def test_without_deletions_no_record_becomes_another() -> None:
    """Neither one of its type nor a CNAME; but a name has one CNAME, and that becomes the one that is wanted."""
    have = [
        entry("@", TXT, "proof=1"),
        entry("a", A, "192.0.2.1"),
        entry("b", A, "192.0.2.1", ttl=300),
        entry("c", CNAME, "old.example"),
    ]
    want = [
        entry("@", TXT, "v=spf1 -all"),
        entry("a", CNAME, "x.example"),
        entry("b", A, "192.0.2.1", ttl=600),
        entry("c", CNAME, "new.example"),
    ]

    plan = make_plan(ZONE, [record(one, str(number)) for number, one in enumerate(have)], want, delete=False)

    assert [
        "create a.example.com CNAME x.example",
        "create example.com TXT v=spf1 -all",
        "edit b.example.com A 192.0.2.1 (ttl 300) -> A 192.0.2.1 (ttl 600)",
        "edit c.example.com CNAME old.example -> CNAME new.example",
    ] == sorted(words(plan))


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (entry("a", A, "nonsense"), "content='nonsense' is not valid"),
        (entry("sip", SRV, "1 2 s.example", prio=1), "content='1 2 s.example' is not valid: expected weight, port"),
        (entry("_sip._tcp", SRV, "s.example", prio=1), "expected weight, port and target"),
        (entry("_sip._quic", SRV, "1 2 s.example", prio=1), "protocol='_quic' is not valid"),
    ],
)
def test_what_cannot_be_written_is_told(one: Entry, reason: str) -> None:
    """It is in no step, and what stands at its name is left alone."""
    plan = make_plan(ZONE, [record(attrs.evolve(one, type=TXT, content="x"))], [one])

    ((refused, why),) = plan.refused
    assert (one, True, ()) == (refused, reason in why, plan.steps)


@pytest.mark.parametrize(
    ("have", "keep", "allowed", "braked"),
    [
        (20, 10, None, False),
        (20, 9, None, True),
        (100, 80, None, False),
        (100, 79, None, True),
        (3, 0, None, True),
        (3, 1, None, False),
        (3, 0, 3, False),
        (3, 0, 2, True),
        (0, 0, None, False),
    ],
)
def test_a_plan_that_deletes_much_is_held_back(have: int, keep: int, allowed: int | None, braked: bool) -> None:
    """Ten or a fifth are all right, all of them never, unless so many are allowed."""
    entries = [entry(f"n{number}", TXT, "x") for number in range(have)]

    plan = make_plan(ZONE, [record(one, str(number)) for number, one in enumerate(entries)], entries[:keep])

    expected = f"the plan deletes {have - keep} of {have} records" if braked else None
    assert expected == plan.brake(allowed)


@pytest.mark.parametrize(
    ("have", "other", "allowed", "braked"),
    [
        (20, 10, None, False),
        (20, 11, None, True),
        (100, 20, None, False),
        (100, 21, None, True),
        (3, 3, None, False),
        (3, 3, 2, True),
        (20, 20, 20, False),
    ],
)
def test_a_plan_that_replaces_much_is_held_back(have: int, other: int, allowed: int | None, braked: bool) -> None:
    """What a record said is as lost as with a deletion, so as much is all right; a new ttl loses nothing."""
    entries = [entry(f"n{number}", TXT, "x") for number in range(have)]
    wanted = [attrs.evolve(one, content="y") if number < other else one for number, one in enumerate(entries)]
    slower = [attrs.evolve(one, ttl=3600) for one in entries]
    before = [record(one, str(number)) for number, one in enumerate(entries)]

    plan = make_plan(ZONE, before, wanted)

    expected = f"the plan replaces the content of {other} of {have} records" if braked else None
    assert (other, expected) == (plan.replaced, plan.brake(replaced=allowed))
    assert (have, None) == (len(make_plan(ZONE, before, slower).steps), make_plan(ZONE, before, slower).brake())


@pytest.mark.anyio
async def test_a_refusal_ends_it() -> None:
    """What was done stays done; a step of one way has no other."""
    world = World([entry("a", TXT, "x")])
    ghost = Step(kind=Kind.DELETE, before=record(entry("b", TXT, "x"), "999"))
    swap = Step(kind=Kind.SWAP, before=record(entry("b", TXT, "x"), "999"), after=entry("b", A, "192.0.2.1"))
    done: list[Step] = []

    with pytest.raises(ApiError):
        await carry_out(world, Plan(zone=ZONE, steps=(ghost,)), done=done.append)
    with pytest.raises(InvalidInput):
        await carry_out(world, Plan(zone=ZONE, steps=(swap,)), done=done.append)

    assert [] == done
    assert "" == Step(kind=Kind.DELETE).name
