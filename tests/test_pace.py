"""Pacing: the law of a window, who goes first, and what one client's answer means to the next."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from typing import Any, TypeVar

import anyio
import attrs
import hypothesis
import hypothesis.strategies as st
import pytest
import trio
from trio.testing import MockClock

import cfclient
from cfclient import actions as act
from cfclient.backend import Credentials, Departure, departed, departing, in_bulk
from cfclient.backends.emulator import DEMO
from cfclient.errors import ConfigurationError, ConnectionFailed, RateLimited, UnexpectedAnswer
from cfclient.http import Reply, Request
from cfclient.pace import Pace, Paced, Pacing, Wait
from cfclient.pace.policy import Rate, StoreAddress
from cfclient.pace.window import Late, Window
from cfclient.retry import Attempt, Retry
from tests.v4fake import OTHER as OTHER_ZONE
from tests.v4fake import URL as V4
from tests.v4fake import ZONE, Fake, no, ok, zone

T = TypeVar("T")

URL = "https://v1.example/api_json.html"
ME = Credentials("me@example.com", "key")
OTHER = Credentials("other@example.com", "key")
ASK = Request(method="POST", url=URL)
OK = b'{"result":"success","msg":null}'
ENOUGH = b'{"result":"error","msg":"Enough.","err_code":"E_MAXAPI"}'


def on_mock_clock(main: Callable[..., Awaitable[T]], *arguments: Any) -> T:
    """On a clock on which waiting takes no time."""
    return trio.run(main, *arguments, clock=MockClock(autojump_threshold=0))


class Service:
    """An adapter that notes when what arrives; each exchange takes so long, and ends by the script."""

    def __init__(self, seconds: float = 0.0, *script: Reply | Exception) -> None:
        self.seconds = seconds
        self.script = list(script)
        self.arrived: list[float] = []
        self.windows: list[str] = []

    async def exchange(self, request: Request, /) -> Reply:
        departed()
        self.windows.append(request.window)
        await anyio.sleep(self.seconds)
        self.arrived.append(anyio.current_time())
        outcome = self.script.pop(0) if self.script else Reply(status=200, body=OK)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def pacing(service: Any, url: str = URL, **options: Any) -> Pacing:
    """The pacing of one client of this service."""
    return Pacing(service, Pace(**{"egress": None, **options}), url=url, credentials=ME)


def paced(service: Any, **options: Any) -> Paced:
    """The paced adapter of one principal."""
    return pacing(service, **options).http(ME)


def densest(times: list[float], seconds: float) -> int:
    """The most that came within any half-open interval of so many seconds."""
    times, first, most = sorted(times), 0, 0
    for last, time in enumerate(times):
        while times[first] <= time - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


# -- a window -----------------------------------------------------------------------------------------


def test_fewer_calls_than_the_limit_never_wait() -> None:
    """A job of 1,199 calls with the default policy: the mock clock stands still."""

    async def main() -> tuple[int, float]:
        service = Service()
        http, began = paced(service), anyio.current_time()
        for _ in range(1199):
            await http.exchange(ASK)
        return len(service.arrived), anyio.current_time() - began

    assert (1199, 0.0) == on_mock_clock(main)


def test_the_first_call_too_many_waits_for_the_first_answer_to_leave_the_window() -> None:
    """To the moment: a place comes back so many seconds after the answer, not after the send."""

    async def main() -> list[float]:
        service = Service(2.0)
        http, began = paced(service, calls=2, seconds=10, max_wait=60), anyio.current_time()
        for _ in range(5):
            await http.exchange(ASK)
        return [time - began for time in service.arrived]

    assert pytest.approx([2, 4, 14, 16, 26]) == on_mock_clock(main)


def test_a_call_that_would_wait_too_long_is_refused_at_once_with_the_time() -> None:
    """Nothing is sent, no time passes; a block of its own, and the client's policy, say how long that is."""

    async def main() -> tuple[list[float | None], int, float]:
        service, told = Service(), list[float | None]()
        http, began = paced(service, calls=1, seconds=100), anyio.current_time()
        await http.exchange(ASK)
        for seconds in (None, 5, 99):
            with pytest.raises(
                RateLimited, match=r"1 calls in 100 s is used up.*nothing was sent; try again in"
            ) as caught:
                if seconds is None:
                    await http.exchange(ASK)
                else:
                    with cfclient.max_wait(seconds):
                        await http.exchange(ASK)
            assert caught.value.held_back
            told.append(caught.value.retry_after)
        passed = anyio.current_time() - began
        with cfclient.max_wait(100):
            await http.exchange(ASK)
        return told, len(service.arrived), passed

    told, arrived, passed = on_mock_clock(main)

    assert pytest.approx([100, 100, 100]) == told
    assert (2, 0.0) == (arrived, passed)


def test_what_cannot_be_foreseen_ends_the_wait_in_time() -> None:
    """Those under way take longer than the caller has patience."""

    async def main() -> float:
        window = Window(Rate(1, 1))
        assert window.take_now(False)
        began = anyio.current_time()
        with pytest.raises(Late):
            await window.take(False, longest=3)
        assert (1, 0) == (window.under_way, window.waiting)
        return anyio.current_time() - began

    assert pytest.approx(3) == on_mock_clock(main)


def test_bulk_work_leaves_a_share_and_waits_as_long_as_it_takes() -> None:
    """An interactive call finds a place at once while bulk work waits; bulk goes on when it may."""

    async def main() -> tuple[list[float], list[float]]:
        service, bulk, interactive = Service(), list[float](), list[float]()
        http, began = paced(service, calls=10, seconds=50, bulk_leaves=0.2), anyio.current_time()

        async def work() -> None:
            in_bulk.set(True)
            for _ in range(20):
                await http.exchange(ASK)
                bulk.append(anyio.current_time() - began)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(work)
            await anyio.sleep(1)
            for _ in range(2):
                await http.exchange(ASK)
                interactive.append(anyio.current_time() - began)
        return bulk, interactive

    bulk, interactive = on_mock_clock(main)

    assert pytest.approx([1, 1]) == interactive
    # The two places of the interactive calls come back a second later than the eight of bulk work.
    assert pytest.approx([0] * 8 + [50] * 6 + [51] * 2 + [100] * 4) == bulk


def test_nobody_goes_before_who_waits_in_the_moment_when_a_place_comes_back() -> None:
    """Though it is asked before the clock has woken who waits; an interactive call goes before bulk work that waits."""

    async def main(waits_in_bulk: bool) -> list[bool]:
        window = Window(Rate(1, 10.0))
        window.take_now(False)
        window.end()
        later = anyio.current_time() + 10
        found: list[bool] = []
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(window.take, waits_in_bulk)
            await anyio.wait_all_tasks_blocked()
            found += [window.take_now(True, later), window.take_now(False, later)]
            tasks.cancel_scope.cancel()
        return found

    assert [False, False] == on_mock_clock(main, False)
    assert [False, True] == on_mock_clock(main, True)


def test_who_is_cancelled_gives_its_place_back_and_wakes_the_next() -> None:
    """First in line, in the midst, and at the very moment at which its turn comes."""

    async def main() -> list[tuple[str, float]]:
        window, order = Window(Rate(1, 10)), list[tuple[str, float]]()
        began = anyio.current_time()
        assert window.take_now(False)
        window.end()

        async def wait(name: str, cancel_at: float = math.inf) -> None:
            with anyio.CancelScope(deadline=began + cancel_at):
                await window.take(False)
                order.append((name, anyio.current_time() - began))
                window.end()

        async with anyio.create_task_group() as tasks:
            for name, cancel_at in (("a", 4), ("b", math.inf), ("c", 10), ("d", math.inf), ("e", 20), ("f", math.inf)):
                tasks.start_soon(wait, name, cancel_at)
                await anyio.wait_all_tasks_blocked()
        assert (0, 0) == (window.under_way, window.waiting)
        return order

    order = on_mock_clock(main)

    assert ["b", "d", "f"] == [name for name, _ in order if name in "bdf"]
    assert pytest.approx([10 * (index + 1) for index in range(len(order))]) == [time for _, time in order]


@attrs.frozen
class Caller:
    """A call of the law's test: when it comes, how long its exchange takes, when it gives up, how it ends."""

    at: float
    takes: float
    patience: float
    bulk: bool
    end: str


_TIMES = st.integers(0, 40).map(lambda tenths: tenths / 4)
_CALLERS = st.builds(
    Caller,
    at=_TIMES,
    takes=_TIMES,
    patience=st.one_of(st.just(math.inf), _TIMES),
    bulk=st.booleans(),
    end=st.sampled_from(["answered", "broken", "not sent", "odd"]),
)


@hypothesis.given(
    callers=st.lists(_CALLERS, max_size=40),
    limit=st.integers(1, 5),
    seconds=st.sampled_from([0.5, 2.0, 7.25]),
    leaves=st.sampled_from([0.0, 0.4]),
    other=st.sampled_from([None, (1, 0.25), (2, 5.0), (4, 20.0)]),
)
def test_the_law(
    callers: list[Caller], limit: int, seconds: float, leaves: float, other: tuple[int, float] | None
) -> None:
    """Never more than any limit in any window from send to arrival; first come, first served; no place lost."""
    sent: list[tuple[float, float]] = []
    served: list[tuple[int, bool]] = []
    limits = list[tuple[int, float]]()
    room = Pace(calls=limit, seconds=seconds, bulk_leaves=leaves).room(Rate(limit, seconds))

    class Adapter:
        def __init__(self, caller: Caller) -> None:
            self.caller = caller

        async def exchange(self, _: Request, /) -> Reply:
            start = anyio.current_time()
            if self.caller.end == "not sent":
                await anyio.sleep(self.caller.takes)
                raise ConnectionFailed("refused", maybe_carried_out=False)
            departed()
            # Wherever between send and end it arrives; what is cancelled arrives up to `late` after that.
            interval = [start, math.inf]
            try:
                await anyio.sleep(self.caller.takes)
                interval[1] = anyio.current_time() + (3.0 if self.caller.end == "broken" else 0.0)
            except anyio.get_cancelled_exc_class():
                interval[1] = anyio.current_time() + 3.0
                raise
            finally:
                sent.append((interval[0], interval[1]))
            if self.caller.end == "broken":
                raise ConnectionFailed("broken", maybe_carried_out=True)
            if self.caller.end == "odd":
                raise UnexpectedAnswer("odd")
            return Reply(status=200)

    async def main() -> None:
        options = {"calls": limit, "seconds": seconds, "bulk_leaves": leaves, "late": 3.0, "max_wait": math.inf}
        began = anyio.current_time()
        if other is not None:
            # Another client of the principal, which says so and nothing more.
            assert 0 < (await paced(None, **{**options, "calls": other[0], "seconds": other[1]}).budget()).left
        limits[:] = [(rate.calls, rate.seconds) for rate in paced(None, **options)._window("api").rates]

        async def call(number: int, caller: Caller) -> None:
            in_bulk.set(caller.bulk)
            await anyio.sleep_until(began + caller.at + number / 1024)

            class Noted(Adapter):
                async def exchange(self, request: Request, /) -> Reply:
                    served.append((number, caller.bulk))
                    return await super().exchange(request)

            with anyio.move_on_after(caller.patience):
                with suppress(ConnectionFailed, UnexpectedAnswer):
                    await paced(Noted(caller), **options).exchange(ASK)

        async with anyio.create_task_group() as tasks:
            for number, caller in enumerate(callers):
                tasks.start_soon(call, number, caller)
        budget = await paced(None, **options).budget()
        assert (0, 0) == (budget.under_way, budget.waiting)
        await anyio.sleep(budget.full)
        budget = await paced(None, **options).budget()
        assert (min(calls for calls, _ in limits), 0.0, 0.0) == (budget.left, budget.refills, budget.full)

    on_mock_clock(main)

    for calls, length in [(limit, seconds), *([] if other is None else [other])]:
        for at, _ in sent:
            # Whatever of these may arrive within the window that begins here.
            assert sum(1 for start, end in sent if start <= at < end + length) <= calls
    for bulk in (False, True):
        arrived = sorted((callers[number].at + number / 1024, number) for number, kind in served if kind is bulk)
        assert [number for _, number in arrived] == [number for number, kind in served if kind is bulk]
    assert room < limit


@pytest.mark.slow
@pytest.mark.no_cover
def test_a_hundred_thousand_wait_and_one_more_costs_no_more() -> None:
    """Cancelled together, they leave nothing behind."""

    async def main() -> tuple[int, int, int]:
        window = Window(Rate(1, 1e6))
        assert window.take_now(True)
        waiting = 0
        async with anyio.create_task_group() as tasks:
            for _ in range(100_000):
                tasks.start_soon(window.take, True)
            await anyio.wait_all_tasks_blocked()
            waiting = window.waiting
            tasks.cancel_scope.cancel()
        return waiting, window.waiting, window.under_way

    assert (100_000, 0, 1) == anyio.run(main)


def test_a_window_forgets_what_has_come_back() -> None:
    """However many there were."""

    async def main() -> tuple[int, int]:
        window = Window(Rate(100, 1))
        for _ in range(50):
            for _ in range(100):
                assert window.take_now(False)
                window.end()
            await anyio.sleep(1)
        return window.used(), len(window._limits[0]._back)

    used, kept = on_mock_clock(main)

    assert used == 0
    assert kept <= 200


# -- budgets ------------------------------------------------------------------------------------------


def test_clients_that_act_as_one_principal_share_its_budget() -> None:
    """Whatever client, however the address is spelt; another principal, and another service, have their own."""

    async def main() -> list[int]:
        service = Service()
        options: dict[str, Any] = {"calls": 5, "seconds": 10}
        for http in (paced(service, **options), pacing(service, **options).http(Credentials("ME@Example.com", "x"))):
            await http.exchange(ASK)
        return [
            (await http.budget()).left
            for http in (
                paced(service, **options),
                pacing(service, **options).http(OTHER),
                paced(service, url="https://v1.example/other", **options),
                paced(service, url="https://v2.example/", **options),
            )
        ]

    assert [3, 5, 3, 5] == on_mock_clock(main)


def test_the_strictest_limit_of_a_principal_holds() -> None:
    """For those that asked for a milder one too."""

    async def main() -> list[int]:
        service = Service()
        mild, strict = paced(service, calls=5), paced(service, calls=3)
        lefts = []
        for http in (mild, strict, mild):
            await http.exchange(ASK)
            lefts.append((await http.budget()).left)
        return lefts

    assert [4, 1, 0] == on_mock_clock(main)


@pytest.mark.parametrize("order", [1, -1])
def test_clients_of_one_principal_share_its_budget_however_long_their_windows_are(
    order: int, anyio_backend: str
) -> None:
    """What one has sent counts in the limit of the other, whoever came first, and under both event loops."""

    async def main() -> list[tuple[int, int, float]]:
        service, budgets = Service(), []
        first, second = [paced(service, calls=5, seconds=100), paced(service, calls=3, seconds=10)][::order]
        for http in (first, second, first):
            await http.exchange(ASK)
        for http in (first, second):
            budget = await http.budget()
            budgets.append((budget.left, budget.limit, budget.seconds))
        with pytest.raises(RateLimited, match="3 calls in 10 s is used up"), cfclient.max_wait(1):
            await first.exchange(ASK)
        return budgets

    assert [(0, 3, 10), (0, 3, 10)] == anyio.run(main, backend=anyio_backend)


def test_each_limit_that_a_client_asks_for_holds_for_all_clients_of_the_principal() -> None:
    """Also for what went before it was asked for."""

    async def main() -> list[float]:
        service = Service()
        long = paced(service, calls=6, seconds=100, max_wait=math.inf)
        short = paced(service, calls=2, seconds=10, max_wait=math.inf)
        for http in (long, long, long, short, long, long, short, long):
            await http.exchange(ASK)
        return service.arrived

    assert [0, 0, 0, 10, 10, 20, 100, 100] == [round(at) for at in on_mock_clock(main)]


def test_a_limit_of_the_network_address_is_every_client_s_too() -> None:
    """However it was said, and whoever said it."""

    async def main() -> tuple[int, int]:
        service = Service()
        for egress in ((9, 1.0), (4, 60.0), (7, 300.0)):
            await pacing(service, egress=egress).http(ME).exchange(ASK)
        with cfclient.max_wait(0.5):
            answered = 3
            with suppress(RateLimited):
                for _ in range(9):
                    await pacing(service, egress=(9, 1.0)).http(OTHER).exchange(ASK)
                    answered += 1
        return answered, len(service.arrived)

    assert (4, 4) == on_mock_clock(main)


@pytest.mark.parametrize("order", [1, -1])
def test_how_much_bulk_work_leaves_is_each_client_s_own(order: int, anyio_backend: str) -> None:
    """Whoever came first; what goes is counted together."""

    async def main() -> list[int]:
        service = Service()
        modest, greedy = (paced(service, calls=10, bulk_leaves=part) for part in (0.5, 0.0))
        for http in (modest, greedy)[::order]:
            await http.budget()
        in_bulk.set(True)
        went = []
        for http in (modest, greedy):
            with suppress(RateLimited), cfclient.max_wait(0):
                while True:
                    await http.exchange(ASK)
            went.append(len(service.arrived))
        return went

    assert [5, 10] == anyio.run(main, backend=anyio_backend)


def test_bulk_work_of_one_line_waits_each_by_its_own_share() -> None:
    """First come, first served; who is first waits until the part that it leaves is free."""

    async def main() -> list[tuple[str, float]]:
        service, went = Service(), list[tuple[str, float]]()
        modest, greedy = (paced(service, calls=4, seconds=10, bulk_leaves=part) for part in (0.5, 0.0))

        async def call(name: str, http: Paced) -> None:
            in_bulk.set(True)
            await http.exchange(ASK)
            went.append((name, anyio.current_time() - began))

        began = anyio.current_time()
        for _ in range(3):
            await greedy.exchange(ASK)
            await anyio.sleep(1)
        async with anyio.create_task_group() as tasks:
            for name, http in (("modest", modest), ("greedy", greedy)):
                tasks.start_soon(call, name, http)
                await anyio.wait_all_tasks_blocked()
        return [(name, round(at)) for name, at in went]

    assert [("modest", 11), ("greedy", 11)] == on_mock_clock(main)


def test_a_window_keeps_no_limit_that_another_implies() -> None:
    """The strictest holds, whoever comes later; those of which none is the strictest hold together."""

    async def main() -> list[tuple[Rate, ...]]:
        window, seen = Window(Rate(4, 100)), []
        for rate in (Rate(9, 100), Rate(4, 100), Rate(4, 50), Rate(2, 10), Rate(3, 30), Rate(2, 200)):
            window.keep_to(rate)
            seen.append(window.rates)
        assert "2 calls in 200 s" in repr(window)
        return seen

    first = (Rate(4, 100),)
    short = (Rate(2, 10), Rate(4, 100))
    assert [first, first, first, short, (Rate(2, 10), Rate(3, 30), Rate(4, 100)), (Rate(2, 200),)] == on_mock_clock(
        main
    )


def test_a_budget_of_several_limits_is_not_forgotten() -> None:
    """The client that asked for the stricter one may be silent for a while."""

    async def main() -> tuple[int, int]:
        service = Service()
        loose, strict = paced(service, calls=50, seconds=10), paced(service, calls=2, seconds=1)
        for http in (loose, strict):
            await http.exchange(ASK)
        await anyio.sleep(1000)
        flood = pacing(service)
        for number in range(2000):
            await flood.http(Credentials(f"user{number}@example.com", "key")).exchange(ASK)
        budget = await loose.budget()
        return flood.home.edition, budget.limit

    edition, limit = on_mock_clock(main)

    assert edition
    assert 2 == limit


def test_a_name_makes_one_principal_of_several_tokens() -> None:
    """Each token is a principal of its own otherwise, and nothing of it is in what the budget says."""

    async def main() -> tuple[list[int], str]:
        one, two = Credentials(None, "token-one"), Credentials(None, "token-two")
        service, policy = Service(), Pace(calls=9, egress=None)
        for token in (one, two):
            await Pacing(service, policy, url=URL, credentials=token, principal="me").http(token).exchange(ASK)
            await Pacing(service, policy, url=URL, credentials=token).http(token).exchange(ASK)
        named = await Pacing(service, policy, url=URL, credentials=one, principal="me").http(one).budget()
        alone = await Pacing(service, policy, url=URL, credentials=one).http(one).budget()
        return [named.left, alone.left], f"{named} {alone}"

    lefts, text = on_mock_clock(main)

    assert [7, 8] == lefts
    assert "token-one" not in text


def test_all_principals_share_the_network_address() -> None:
    """Two hundred a second, bulk work leaving its share there too."""

    async def main() -> list[float]:
        service, began = Service(), anyio.current_time()
        of = pacing(service, egress=(3, 1.0))
        async with anyio.create_task_group() as tasks:
            for http in (of.http(ME), of.http(OTHER), of.http(Credentials("c@example.com", "x"))):
                for _ in range(2):
                    tasks.start_soon(http.exchange, ASK)
        return [time - began for time in service.arrived]

    assert pytest.approx([0, 0, 0, 1, 1, 1]) == on_mock_clock(main)


def test_who_is_cancelled_waiting_for_the_address_keeps_no_place_of_its_own_limit() -> None:
    """Nothing was sent."""

    async def main() -> int:
        of = pacing(Service(), egress=(1, 100.0), calls=5)
        await of.http(OTHER).exchange(ASK)
        with anyio.move_on_after(1), cfclient.max_wait(200):
            await of.http(ME).exchange(ASK)
        with pytest.raises(RateLimited):
            await of.http(ME).exchange(ASK)
        return (await of.budget(ME)).left

    assert 5 == on_mock_clock(main)


def test_graphql_has_a_window_of_its_own() -> None:
    """By what the request says."""

    async def main() -> tuple[int, int]:
        http = paced(Service(), calls=5, graphql=(2, 300.0))
        await http.exchange(attrs.evolve(ASK, window="graphql"))
        return (await http.budget()).left, (await http.budget("graphql")).left

    assert (5, 1) == on_mock_clock(main)


def test_principals_that_have_nothing_out_are_forgotten() -> None:
    """A web application acts as ever more of them; those that still have places out stay."""

    async def main() -> tuple[int, int]:
        of = pacing(Service(), calls=5, seconds=10)
        await of.http(ME).exchange(ASK)
        await anyio.sleep(5)
        for number in range(3000):
            await of.http(Credentials(f"u{number}@example.com", "k")).exchange(ASK)
            await anyio.sleep(0.1)
        await of.http(ME).exchange(ASK)
        return len(of.home.windows), (await of.budget(ME)).left

    windows, left = on_mock_clock(main)

    assert windows < 1100
    assert left == 4


def test_a_budget_says_what_is_left_and_when_it_refills() -> None:
    """In seconds from now."""

    async def main() -> list[cfclient.Budget]:
        service = Service()
        http, found = paced(service, calls=3, seconds=10), list[cfclient.Budget]()
        found.append(await http.budget())
        await http.exchange(ASK)
        await anyio.sleep(4)
        await http.exchange(ASK)
        found.append(await http.budget())
        await http._http.exchange(ASK)
        http._pacing.hold(ME.principal, 60)
        found.append(await http.budget())
        return found

    fresh, used, held = on_mock_clock(main)

    assert (ME.principal, 3, 10.0, 3, 0, 0, 0.0, 0.0, 0.0) == attrs.astuple(fresh)
    assert pytest.approx([1, 6, 10, 0]) == [used.left, used.refills, used.full, used.held]
    assert pytest.approx([0, 60, 60, 60]) == [held.left, held.refills, held.full, held.held]


# -- what the service says ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "held"),
    [
        (Reply(status=429), 30),
        (Reply(status=429, headers={"retry-after": "7"}), 7),
        (Reply(status=503, headers={"retry-after": "7"}), 7),
        (Reply(status=503), 0),
        (Reply(status=200, headers={"retry-after": "7"}), 0),
        (Reply(status=429, headers={"ratelimit": '"default";r=0;t=12'}), 12),
        (Reply(status=429, headers={"ratelimit": "odd"}), 30),
        (Reply(status=429, headers={"retry-after": "999999999"}), 86_400),
    ],
    ids=str,
)
def test_a_limit_that_the_service_reports_holds_back_the_whole_budget(reply: Reply, held: float) -> None:
    """For every client of the principal, and for nobody else; where no time is said, for a time that is settable."""

    async def main() -> list[float]:
        of = pacing(Service(0, reply))
        await of.http(ME).exchange(ASK)
        return [(await of.budget(who)).held for who in (ME, OTHER)]

    assert pytest.approx([held, 0]) == on_mock_clock(main)


@pytest.mark.parametrize(
    ("header", "left"),
    [
        ('"default";r=3;t=20', 3),
        ('"default";r=0;t=20', 0),
        ('"default";r=50;t=20', 9),
        ("nonsense", 9),
    ],
)
def test_what_the_service_says_is_left_corrects_downwards_only(header: str, left: int) -> None:
    """Others spend from the same budget; after the time that is said there, the count is as before."""

    async def main() -> list[int]:
        http = paced(Service(0, Reply(status=200, headers={"ratelimit": header})), calls=10, seconds=100)
        await http.exchange(ASK)
        found = [(await http.budget()).left]
        await anyio.sleep(20)
        return [*found, (await http.budget()).left]

    assert [left, 9] == on_mock_clock(main)


def test_what_is_under_way_counts_in_what_the_service_says_is_left() -> None:
    """It has a place already, and is not taken off a second time."""

    class Slow(Service):
        async def exchange(self, request: Request, /) -> Reply:
            self.seconds += 5  # one is answered while the others are under way
            return await super().exchange(request)

    async def main() -> list[int]:
        service = Slow(0, Reply(status=200, headers={"ratelimit": '"default";r=3;t=20'}))
        http = paced(service, calls=10, seconds=100)
        left: list[int] = []
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(http.exchange, ASK)
            await anyio.sleep(7)
            left += [(await http.budget()).left]
        return left

    assert [3] == on_mock_clock(main)


def test_calls_that_wait_are_let_go_where_the_service_asks_for_more_patience_than_they_have() -> None:
    """Interactive ones by `max_wait`, bulk work by `max_hold`; a shorter hold they sit out."""

    async def main() -> list[tuple[bool, float, str]]:
        service = Service()
        of, seen = pacing(service, calls=1, seconds=20, max_hold=100), list[tuple[bool, float, str]]()
        began = anyio.current_time()
        await of.http(ME).exchange(ASK)

        async def call(bulk: bool) -> None:
            in_bulk.set(bulk)
            try:
                await of.http(ME).exchange(ASK)
                seen.append((bulk, anyio.current_time() - began, "answered"))
            except RateLimited as error:
                seen.append((bulk, anyio.current_time() - began, f"{error.retry_after:.0f}"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call, False)
            tasks.start_soon(call, True)
            await anyio.sleep(5)
            of.hold(ME.principal, 50)
            await anyio.sleep(5)
            of.hold(ME.principal, 200)
            await anyio.wait_all_tasks_blocked()
            for bulk in (False, True):
                tasks.start_soon(call, bulk)
        return seen

    assert sorted([(False, 5.0, "50"), (True, 10.0, "200"), (False, 10.0, "200"), (True, 10.0, "200")]) == sorted(
        (bulk, round(at, 3), told) for bulk, at, told in on_mock_clock(main)
    )


def client(service: Any, **options: Any) -> Any:
    """A client of version 1 over this adapter."""
    return cfclient.connect(URL, email=ME.email, token="key", **{"http": service, **options})


def test_a_refusal_in_the_body_holds_back_too_and_is_asked_again_when_it_is_over() -> None:
    """`E_MAXAPI` says no time: 30 s, which an interactive call waits just so; with `retry=None` the next one does."""

    async def main(retry: cfclient.Retry | None) -> tuple[list[float], float]:
        service, began = Service(0, Reply(status=200, body=ENOUGH)), anyio.current_time()
        async with client(service, retry=retry) as cf:
            if retry is None:
                with pytest.raises(RateLimited, match=r"async: Enough. \(E_MAXAPI\)$"):
                    await cf.async_("example.com", 0)
            await cf.async_("example.com", 0)
            budget = await cf.budget()
        return [time - began for time in service.arrived], budget.left

    for retry in (cfclient.Retry(), None):
        assert ([0, pytest.approx(30)], 1198) == on_mock_clock(main, retry)


def test_a_longer_limit_ends_an_interactive_call_with_the_time_to_wait() -> None:
    """The error says that nothing more was sent; bulk work sits it out."""

    async def main() -> tuple[float | None, bool, list[float]]:
        busy = Reply(status=429, headers={"retry-after": "60"}, body=ENOUGH)
        service, began = Service(0, busy), anyio.current_time()
        async with client(service) as cf:
            with pytest.raises(RateLimited, match="async: the service holds calls back") as caught:
                await cf.async_("example.com", 0)
            (outcome,) = await cf.perform_all([act.Async("example.com", 0)])
            assert outcome.ok
        return caught.value.retry_after, caught.value.held_back, [time - began for time in service.arrived]

    told, held_back, arrived = on_mock_clock(main)

    assert pytest.approx(60) == told
    assert held_back
    assert pytest.approx([0, 60]) == arrived


def test_attempts_say_how_long_they_waited_and_waiting_for_a_turn_is_no_failure() -> None:
    """Neither the patience with the service nor the total time of an action is used up by it."""

    async def main() -> list[tuple[int, str, float]]:
        seen: list[cfclient.Attempt] = []
        script: list[Reply | Exception] = [Reply(status=200, body=OK), ConnectionFailed("x", maybe_carried_out=True)]
        retry = cfclient.Retry(hook=seen.append, total=5, first=1, draw=lambda: 1.0)
        async with client(Service(0, *script), retry=retry, pace=Pace(calls=1, seconds=40, late=0)) as cf:
            await cf.perform_all([act.Async("example.com", 0)] * 2, concurrency=1)
        return [(attempt.number, attempt.outcome, round(attempt.held, 3)) for attempt in seen]

    assert [(1, "answered", 0), (1, "failed", 40), (2, "answered", 39)] == on_mock_clock(main)


# -- clients ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_emulator_refuses_no_paced_client() -> None:
    """Several clients of one principal over HTTP: 3,000 calls, none refused, the limit used up."""

    async def main() -> tuple[int, int, float]:
        import httpx

        emulator = cfclient.emulator(zones=1, limit=(1200, 300.0), clock=anyio.current_time)
        app = cfclient.gateway(emulator.connect)
        began = anyio.current_time()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as web:

            async def work() -> None:
                options: dict[str, Any] = {"email": DEMO.email, "token": DEMO.token, "http": web, "retry": None}
                async with cfclient.connect("http://localhost/api_json.html", **options) as cf:
                    for outcome in await cf.perform_all([act.ZoneLoadMulti()] * 1000, concurrency=8):
                        outcome.unwrap()

            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(work)
        return emulator.refused, emulator.most_calls(), anyio.current_time() - began

    refused, most, seconds = on_mock_clock(main)

    assert (0, 1080) == (refused, most)
    assert 600 <= seconds < 605


@pytest.mark.parametrize("make", ["emulator", "off"])
def test_what_is_not_paced_has_no_budget(make: str) -> None:
    """The emulator in this process, a client around a backend, and a client that switched it off."""

    async def main() -> list[cfclient.Budget | None]:
        async with (
            cfclient.connect("emulator:?zones=1") as one,
            client(Service(), pace=None) as two,
        ):
            three = cfclient.Client(cfclient.emulator(zones=1).connect())
            return [await cf.budget() for cf in (one, two, three)]

    assert [None, None, None] == on_mock_clock(main)


def test_acting_as_another_account_has_that_account_s_budget() -> None:
    """Over the same connections."""

    async def main() -> list[tuple[str, int]]:
        async with client(Service()) as cf:
            other = cf.acting_as(OTHER)
            await other.async_("example.com", 0)
            return [(budget.principal, budget.left) for budget in (await cf.budget(), await other.budget())]

    assert [("me@example.com", 1200), ("other@example.com", 1199)] == on_mock_clock(main)


def test_the_hook_sees_who_waits_and_that_nobody_does_any_longer() -> None:
    """What a progress line needs."""
    seen: list[Wait] = []

    async def main() -> None:
        async with client(Service(), pace=Pace(calls=1, seconds=60, hook=seen.append)) as cf:
            await cf.perform_all([act.Async("example.com", 0)] * 3)

    on_mock_clock(main)

    assert [1, 2, 1, 0] == [wait.waiting for wait in seen]
    assert (60, 0.0, False) == (round(seen[0].seconds), seen[-1].seconds, seen[0].held)
    assert ("me@example.com", "1 calls in 60 s") == (seen[0].principal, str(seen[0].rate))


def test_guessing_gives_way_to_calls_that_wait() -> None:
    """Pages that are only guessed to be there are not asked for meanwhile."""

    async def main() -> list[bool]:
        of, found = pacing(Service(), calls=1, seconds=10), list[bool]()
        await of.http(ME).exchange(ASK)
        found.append(of.spare())
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(of.http(ME).exchange, ASK)
            await anyio.wait_all_tasks_blocked()
            found.append(of.spare())
        return [*found, of.spare()]

    assert [True, False, True] == on_mock_clock(main)


@pytest.mark.anyio
async def test_a_paced_client_shows_itself() -> None:
    """By what is below, and as whom; a window by how full it is."""
    http = paced(Service())

    assert "as me@example.com" in repr(http)
    assert "<Window of 1,200 calls in 300 s: 0 under way, 0 wait>" == repr(http._window("api"))


# -- settings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"calls": 0}, "calls=0 in seconds=300.0 is not valid"),
        ({"seconds": 0}, "seconds=0 is not valid"),
        ({"calls": 1.5}, "calls=1.5"),
        ({"egress": (0, 1)}, r"egress=.* is not valid: expected \(calls, seconds\)"),
        ({"graphql": None}, "graphql=None is not valid"),
        ({"graphql": 3}, "graphql=3 is not valid"),
        ({"max_wait": -1}, "max_wait=-1 is not valid: expected 0 or more"),
        ({"max_hold": math.nan}, "max_hold=nan"),
        ({"bulk_leaves": 1}, "bulk_leaves=1 is not valid: expected 0 or more, and less than 1"),
        ({"unsaid": 0}, "unsaid=0 is not valid: expected more than 0"),
        ({"late": -1}, "late=-1"),
    ],
)
def test_a_bad_policy_is_told_by_its_field(options: dict[str, Any], words: str) -> None:
    """With what would be right."""
    with pytest.raises(ConfigurationError, match=f"pace: .*{words}"):
        Pace(**options)


def test_what_a_client_may_be_given_as_pace() -> None:
    """A policy, a store's address, or None."""
    policy = Pace(calls=5)

    assert [None, policy] == [Pace.of(None), Pace.of(policy)]
    shared = Pace.of("file:/tmp/budget.db")
    assert shared is not None
    assert StoreAddress(kind="file", where="/tmp/budget.db") == shared.store
    with pytest.raises(ConfigurationError, match=r"pace=5 is not valid: expected a Pace, file:"):
        Pace.of(5)  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("file:/var/lib/budget.db", ("file", "/var/lib/budget.db", None, 2.0, "")),
        ("file:///b.db?fallback=share&egress=west", ("file", "/b.db", 0.25, 2.0, "west")),
        (
            "redis://h:1/2?fallback=share&share=0.5&timeout=1&protocol=3",
            ("redis", "redis://h:1/2?protocol=3", 0.5, 1.0, ""),
        ),
    ],
)
def test_addresses_of_stores(address: str, expected: tuple[Any, ...]) -> None:
    """Their options are ours; the rest is redis-py's."""
    assert expected == attrs.astuple(StoreAddress.parse(address))


@pytest.mark.parametrize(
    "address",
    [
        "file:",
        "http://x/",
        "file:/x?colour=red",
        "file://host/x",
        "redis://h/0?fallback=hope",
        "file:/x?share=2&fallback=share",
        "file:/x?share=much",
        "file:/x?timeout=0",
    ],
)
def test_a_bad_address_of_a_store_is_told_so(address: str) -> None:
    """With what would be right."""
    with pytest.raises(ConfigurationError, match=r"pace: .* is not valid: expected"):
        StoreAddress.parse(address)


def test_no_password_of_a_store_is_shown() -> None:
    """In no repr, and in no message."""
    policy = Pace(store="redis://me:sesame@h:1/0")

    assert policy.store is not None
    assert "redis://h:1/0" == policy.store.shown
    assert "sesame" not in repr(policy)
    with pytest.raises(ConfigurationError) as caught:
        StoreAddress.parse("rediss+x://me:sesame@h/0")
    assert "sesame" not in str(caught.value)


def test_a_longest_wait_is_a_number_of_seconds() -> None:
    """Blocks may be nested; the inner one holds."""
    with pytest.raises(ConfigurationError, match="max_wait=-1 is not valid"):
        cfclient.max_wait(-1)

    async def main() -> None:
        http = paced(Service(), calls=1, seconds=100)
        await http.exchange(ASK)
        outer = cfclient.max_wait(0)
        with outer, cfclient.max_wait(math.inf), outer, pytest.raises(RateLimited):
            await http.exchange(ASK)
        with outer, cfclient.max_wait(math.inf):
            await http.exchange(ASK)

    on_mock_clock(main)


# -- a flood of principals ----------------------------------------------------------------------------


def test_made_up_principals_are_not_remembered_for_ever() -> None:
    """Those that were seen first are forgotten; whose calls are under way are not."""

    async def main() -> tuple[int, bool, bool]:
        flood = pacing(Service())
        stuck = pacing(Service(1e6)).http(OTHER)
        most, kept = 0, list[object]()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stuck.exchange, ASK)
            await anyio.sleep(0.001)
            for number in range(6000):
                await flood.http(Credentials(f"user{number}@example.com", "key")).exchange(ASK)
                most = max(most, len(flood.home.windows))
            kept = [key[1] for key in flood.home.windows]
            tasks.cancel_scope.cancel()
        return most, "user0@example.com" in kept, "other@example.com" in kept

    most, first, stuck = on_mock_clock(main)

    assert most <= 4096 + 1024
    assert (False, True) == (first, stuck)


def test_who_is_cancelled_at_the_moment_of_its_turn_gives_the_place_back() -> None:
    """It was granted, and nobody is there to use it."""

    async def main() -> tuple[int, int]:
        window = Window(Rate(1, 100))
        assert window.take_now(True)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(window.take, True)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
            window.give_back()  # grants it before it learns that it is cancelled
        return window.under_way, window.waiting

    assert (0, 0) == on_mock_clock(main)


def test_an_adapter_that_does_not_say_when_a_request_leaves_is_counted_all_the_same() -> None:
    """An answer is an exchange; only of a cancelled one it is then not known that it left."""

    class Silent:
        async def exchange(self, _: Request, /) -> Reply:
            await anyio.lowlevel.checkpoint()
            return Reply(status=200, body=OK)

    async def main() -> tuple[int, bool]:
        http, departure = paced(Silent(), calls=3), Departure()
        token = departing.set(departure)
        await http.exchange(ASK)
        departing.reset(token)
        return (await http.budget()).left, departure.left

    assert (2, False) == on_mock_clock(main)


def test_a_refusal_of_our_own_holds_nobody_back() -> None:
    """Whoever may not wait is refused; the service said nothing, so all others wait for their turn only."""

    async def main() -> list[tuple[str, float]]:
        service, seen = Service(), list[tuple[str, float]]()
        began, held = anyio.current_time(), math.inf
        async with client(service, pace=Pace(calls=2, seconds=100, egress=None, bulk_leaves=0.5)) as cf:

            async def asked(name: str, patience: float) -> None:
                try:
                    with cfclient.max_wait(patience):
                        await cf.async_("example.com", 0)
                    outcome = name
                except RateLimited as error:
                    outcome = f"{name}: {str(error).partition(',')[0]}"
                seen.append((outcome, anyio.current_time() - began))

            await asked("first", 0)
            await anyio.sleep(30)
            await asked("second", 0)
            held = -1.0
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(asked, "patient", 75)
                await anyio.sleep(10)
                await asked("hurried", 0)
                await anyio.sleep(10)
                held = (await cf.budget()).held
            await asked("late", 30)
        return [*seen, ("held", held)]

    assert [
        ("first", 0),
        ("second", 30),
        ("hurried: async: the limit of 2 calls in 100 s is used up", pytest.approx(40)),
        ("patient", pytest.approx(100)),
        ("late", pytest.approx(130)),
        ("held", 0),
    ] == on_mock_clock(main)


def test_nobody_is_held_back_for_longer_than_a_day() -> None:
    """Whatever the service says, and with no pacing too; the error says what it said."""

    async def main(pace: Pace | None) -> tuple[float | None, str]:
        far = Reply(status=429, headers={"retry-after": "999999999"}, body=ENOUGH)
        async with client(Service(0, far), pace=pace) as cf:
            with pytest.raises(RateLimited) as caught:
                await cf.async_("example.com", 0)
            await anyio.sleep(24 * 3600)
            await anyio.sleep(1)
            await cf.async_("example.com", 0)
        return caught.value.retry_after, str(caught.value)

    for pace in (None, Pace()):
        told, words = on_mock_clock(main, pace)

        assert 999_999_999 == told
        assert "try again in" in words


def test_what_the_hook_raises_costs_nobody_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged; the place comes back, and nobody is counted as waiting for ever."""

    def hook(_: Wait) -> None:
        raise LookupError("the hook's own fault")

    async def main() -> tuple[int, int, int]:
        service = Service()
        of = pacing(service, calls=1, seconds=10, hook=hook)
        for _ in range(2):
            await of.http(ME).exchange(ASK)
        budget = await of.budget(ME)
        return len(service.arrived), of.waiting, budget.under_way

    assert (2, 0, 0) == on_mock_clock(main)
    assert "the hook failed" in caplog.text


@pytest.mark.parametrize(
    ("said", "held"),
    [
        ("1 Jan 99999999999 00:00:00 GMT", 0),
        ("Mon, 01 Jan 2024 99999999999:00:00 GMT", 0),
        ("-5", 0),
        ("nan", 0),
        ("0", 1),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 1),
        ("7", 7),
        ("999999999", 86_400),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
    ],
)
@pytest.mark.parametrize("pace", [None, Pace(max_hold=math.inf)])
def test_whatever_a_retry_after_says_is_a_time_or_nothing(said: str, held: float, pace: Pace | None) -> None:
    """What is negative or no time is nothing, what is over is a second, and nothing is more than a day."""

    async def main() -> float:
        reply = Reply(status=503, headers={"retry-after": said}, body=b"<html>")
        service, began = Service(0, reply), anyio.current_time()
        once = cfclient.Retry(attempts=1, patience=math.inf)
        async with client(service, pace=pace, retry=once) as cf:
            with cfclient.max_wait(math.inf):
                with pytest.raises(UnexpectedAnswer):
                    await cf.async_("example.com", 0)
                await cf.async_("example.com", 0)
        return service.arrived[-1] - began

    assert pytest.approx(held) == on_mock_clock(main)


# -- one call, many attempts and exchanges ------------------------------------------------------------


@pytest.mark.parametrize("block", [None, 30.0])
@pytest.mark.parametrize("bulk", [False, True])
def test_a_call_waits_no_longer_than_allowed_in_all_of_its_attempts_together(bulk: bool, block: float | None) -> None:
    """The service says 20 s and again 20 s: the second wait would be too long for an interactive call."""
    limited = [Reply(status=429, headers={"retry-after": "20"}) for _ in range(3)]

    async def main() -> tuple[str, float, int]:
        service, began = Service(0.0, *limited), anyio.current_time()
        async with cfclient.connect(URL, email="whole@example.com", token="key", http=service) as cf:
            in_bulk.set(bulk)
            try:
                with nullcontext() if block is None else cfclient.max_wait(block):
                    await cf.stats("example.com")
            except RateLimited as error:
                return f"{error.held_back} {error.retry_after}", anyio.current_time() - began, len(service.arrived)
            else:
                return "answered", anyio.current_time() - began, len(service.arrived)

    expected = ("answered", 60.0, 4) if bulk and block is None else ("True 20.0", 20.0, 2)
    assert expected == on_mock_clock(main)


@pytest.mark.parametrize("retry", [None, Retry()])
def test_the_exchanges_of_one_call_wait_no_longer_than_allowed_together(retry: Retry | None) -> None:
    """A name is looked up, 20 s; to change what it names would take 20 s more."""
    fake = Fake()

    async def main() -> tuple[float, list[str]]:
        began = anyio.current_time()
        pace = Pace(calls=1, seconds=20.0, egress=None)
        async with cfclient.connect(V4, token="whole", http=fake, pace=pace, retry=retry) as cf:
            await cf.zones().all()
            with pytest.raises(RateLimited, match="used up"):
                await cf.sec_lvl("other.example", "high")
            return anyio.current_time() - began, [request.method for request in fake.asked]

    fake.zones.append(zone("other.example", OTHER_ZONE))
    fake.rules["GET", "/zones"] = lambda request: ok([fake.zones["other" in request.url]])

    assert (20.0, ["GET", "GET"]) == on_mock_clock(main)


def test_exchanges_of_one_call_that_wait_at_the_same_time_wait_once() -> None:
    """Twenty settings that wait 5 s beside each other have waited 5 s and not 100, so that more may be waited."""
    fake, seen = Fake(), list[Attempt]()

    async def main() -> float:
        pace = Pace(calls=1000, egress=(1, 5.0), max_wait=100.0)
        began = anyio.current_time()
        async with cfclient.connect(V4, token="whole", http=fake, pace=pace, retry=Retry(hook=seen.append)) as cf:
            await cf.zone_settings(ZONE, only={"ssl", "img", "ipv46", "tls_1_3"})
            return anyio.current_time() - began

    passed = on_mock_clock(main)

    assert 15.0 == passed
    assert [passed] == [one.held for one in seen]


def test_looking_for_a_lost_record_is_a_part_of_the_call() -> None:
    """What the create has waited, its looks may not wait once more."""
    lost = [ConnectionFailed("reset", maybe_carried_out=True)]

    async def main() -> tuple[float, str]:
        service = Service(0.0, Reply(status=200, body=OK), *lost)
        async with cfclient.connect(
            URL, email="looks@example.com", token="key", http=service, pace=Pace(calls=1, seconds=20.0, late=0.0)
        ) as cf:
            await cf.stats("example.com")
            began = anyio.current_time()
            with pytest.raises(cfclient.OutcomeUnknown) as caught:
                await cf.rec_new("example.com", "A", "www", "192.0.2.1")
            return anyio.current_time() - began, str(caught.value)

    seconds, words = on_mock_clock(main)

    assert 20.0 == seconds
    assert "looking for it failed too (rec_load_all: the limit of 1 calls in 20 s is used up" in words


@pytest.mark.parametrize("bulk", [False, True])
def test_who_meets_a_hold_waits_no_longer_than_the_patience_of_retrying(bulk: bool) -> None:
    """Where the service said it to another call, too, which is longer ago."""

    async def main() -> tuple[float, float | None, int]:
        service = Service(0.0, Reply(status=429, headers={"retry-after": "20"}))
        async with cfclient.connect(
            URL, email="patience@example.com", token="k", http=service, retry=Retry(patience=5)
        ) as cf:
            in_bulk.set(bulk)
            with pytest.raises(RateLimited):
                await cf.stats("example.com")
            began = anyio.current_time()
            with pytest.raises(RateLimited, match=r"the service holds calls back.*patience") as caught:
                await cf.stats("example.com")
            return anyio.current_time() - began, caught.value.retry_after, len(service.arrived)

    assert (0.0, 20.0, 1) == on_mock_clock(main)


@pytest.mark.parametrize("pace", [Pace(), None], ids=["paced", "not paced"])
@pytest.mark.parametrize(
    "limited",
    [
        no(429, 10100, "Too many", None, **{"retry-after": "25"}),
        Reply(status=503, body=b"<html>", headers={"retry-after": "25"}),
        Reply(status=200, body=b'{"data":null,"errors":[{"message":"rate limit reached"}]}'),
    ],
    ids=["429", "503", "in the body"],
)
def test_the_limit_of_graphql_holds_back_what_counts_in_it_and_nothing_else(limited: Reply, pace: Pace | None) -> None:
    """Each of the principal's limits is a budget of its own; another call that counts in it waits as well."""
    fake = Fake()
    fake.rules["POST", "/graphql"] = limited

    async def main() -> list[float]:
        async with cfclient.connect(V4, token="two limits", http=fake, retry=Retry(unsaid=25), pace=pace) as cf:
            began, done = anyio.current_time(), list[float]()

            async def stats() -> None:
                await cf.zone_ips("example.com")
                done.append(anyio.current_time() - began)

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(stats)
                await anyio.sleep(1)
                fake.rules["POST", "/graphql"] = Reply(
                    status=200, body=b'{"data":{"viewer":{"zones":[{"ips":[]}]}},"errors":null}'
                )
                await cf.sec_lvl("example.com", "high")
                done.append(anyio.current_time() - began)
                tasks.start_soon(stats)
        return done

    assert [1.0, 25.0, 25.0] == on_mock_clock(main)
