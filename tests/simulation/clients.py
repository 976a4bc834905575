"""Who asks: a web app that cancels, an audit, and a bot that is killed and begins again.

Each notes what it meant to do and what it was told became of it; `world.py` compares that with the truth.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal

import attrs
import trio

import cfclient
from cfclient import actions as act
from cfclient.actions import Action
from cfclient.backends.emulator import DEMO
from cfclient.client import Client
from cfclient.errors import ApiError, CloudflareError, ConnectionFailed, InvalidInput, RateLimited

__all__ = ["Intent", "Notes", "ZoneRead", "addresses", "audit", "bot", "hour", "web_app"]

Open = Callable[[], AbstractAsyncContextManager[Client]]
Outcome = Literal["answered", "unknown", "failed", "refused", "cancelled", "killed"]


@attrs.define(eq=False)
class Intent:
    """One write that somebody meant, and what the library said of it."""

    who: str
    action: Action[Any]
    since: float
    until: float = 0.0
    #: `failed`: surely not carried out; `killed`: the process was gone before it was told anything
    outcome: Outcome = "killed"
    answer: Any = None


@attrs.frozen
class ZoneRead:
    """What an audit gave of one zone."""

    result: cfclient.audit.ZoneAudit  # type: ignore[name-defined]  # a function and also a module
    since: float
    until: float


@attrs.define(eq=False)
class Notes:
    """What all clients noted."""

    draw: random.Random
    say: Callable[[str], None]
    intents: list[Intent] = attrs.field(factory=list)
    reads: list[ZoneRead] = attrs.field(factory=list)
    #: zones of each audit, those that it gave, and why it could not list them
    audits: list[tuple[int, int, str]] = attrs.field(factory=list)
    odd: list[str] = attrs.field(factory=list)
    answered: int = 0

    async def write(self, who: str, client: Client, action: Action[Any]) -> Intent:
        """Performs it, and notes what comes of it; only what is no `CloudflareError` comes out."""
        intent = Intent(who, action, trio.current_time())
        self.intents.append(intent)
        self.say(f"{who}: {action!r}")
        try:
            intent.answer = await client.perform(action)
            intent.outcome = "answered"
        except CloudflareError as error:
            intent.outcome, intent.answer = told(error, action), error
        finally:
            intent.until = trio.current_time()
        self.say(f"{who}: {action.wire_name} {intent.outcome} {intent.answer!s}")
        return intent

    def broken_off(self, who: str) -> None:
        """What was under way of these was cancelled."""
        for intent in self.intents:
            if intent.who == who and intent.outcome == "killed":
                intent.outcome, intent.until = "cancelled", trio.current_time()


def told(error: CloudflareError, action: Action[Any]) -> Outcome:
    """What an error says of its call: nobody knows, surely not carried out, or the service's no."""
    # That an earlier attempt got no answer.
    noted = bool(getattr(error, "__notes__", ()))
    if isinstance(error, InvalidInput):
        # Of a delete there is no such doubt: where it is repeated and finds nothing, it succeeded.
        return "unknown" if noted and not isinstance(action, act.RecDelete) else "refused"
    if isinstance(error, RateLimited):
        return "unknown" if noted else "failed"
    if isinstance(error, ConnectionFailed):
        return "unknown" if error.maybe_carried_out else "failed"
    return "failed" if isinstance(error, ApiError) else "unknown"


def addresses() -> Iterator[str]:
    """Addresses, none of which comes twice: a record or a ban is known by it."""
    return (f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(1, 1 << 24))


async def web_app(notes: Notes, open_: Open, zones: list[str], fresh: Iterator[str], *, requests: int) -> None:
    """Serves requests as they come, each in a task of its own, most with a deadline that many do not keep."""
    draw = notes.draw

    async def served(client: Client, number: int) -> None:
        zone = draw.choice(zones)
        patience = draw.choice([0.02, 0.1, 0.5, 3.0, 20.0, float("inf")]) * (0.5 + draw.random())
        who = f"web {number}"
        with trio.move_on_after(patience) as scope:
            try:
                await asked(client, who, zone)
            except CloudflareError as error:
                notes.say(f"{who}: {error}")
        if scope.cancelled_caught:
            notes.say(f"{who}: cancelled")
            notes.broken_off(who)

    async def asked(client: Client, who: str, zone: str) -> None:
        match draw.randrange(9):
            case 0:
                await client.records(zone).all()
            case 1:
                await client.zone_settings(zone)
            case 2:
                await notes.write(who, client, act.SecLvl(zone, draw.choice(["help", "high", "med", "low"])))
            case 3:
                await notes.write(who, client, act.Ban(next(fresh)))
            case 4:
                records = await client.records(zone).all()
                mine = [record for record in records if record.name.startswith("web")]
                if mine:
                    record = draw.choice(mine)
                    edit = act.RecEdit(zone, record.rec_id, record.type, record.name, next(fresh))
                    await notes.write(who, client, draw.choice([edit, act.RecDelete(zone, record.rec_id)]))
            case 5:
                # The same record several times at once, from one list.
                await client.records(zone).all()
                action = act.RecNew(zone, "A", f"web{draw.randrange(9)}", next(fresh))
                async with trio.open_nursery() as nursery:
                    for _ in range(draw.choice([1, 2, 3])):
                        nursery.start_soon(notes.write, who, draw.choice([client, client.acting_as(DEMO)]), action)
                        await trio.sleep(draw.random() * draw.choice([0.0, 0.1, 5.0]))
            case _:
                if draw.random() < 0.5:
                    await client.records(zone).all()
                await notes.write(who, client, act.RecNew(zone, "A", f"web{draw.randrange(9)}", next(fresh)))
        notes.answered += 1

    async with open_() as client, trio.open_nursery() as nursery:
        for number in range(requests):
            nursery.start_soon(served, client, number)
            await trio.sleep(draw.expovariate(1 / draw.choice([0.2, 2.0, 20.0])))


async def gardener(notes: Notes, open_: Open, zones: list[str], fresh: Iterator[str], who: str) -> None:
    """Plants a record at one end of a zone and takes one away at the other, so that what is between moves up."""
    draw = notes.draw
    async with open_() as client:
        # Not for ever: where its calls alone fill a limit, the audit beside it has to wait for them.
        for _ in range(100):
            await trio.sleep(draw.expovariate(draw.choice([1, 5, 20])))
            zone = draw.choice(zones)
            try:
                records = await client.records(zone).all()
            except CloudflareError:
                continue
            mine = [record for record in records if record.name.startswith("web")]
            if len(mine) > 5 or (mine and draw.random() < 0.5):
                await notes.write(who, client, act.RecDelete(zone, mine[0].rec_id))
            else:
                await notes.write(who, client, act.RecNew(zone, "A", f"web{draw.randrange(9)}", next(fresh)))


async def audit(notes: Notes, open_: Open, zones: list[str], fresh: Iterator[str], *, number: int) -> None:
    """Reads all zones, while others write; half of the time one who writes as fast as it can."""
    await trio.sleep(notes.draw.random() * 60)
    async with trio.open_nursery() as nursery:
        who = f"gardener {number}"
        if notes.draw.random() < 0.5:
            nursery.start_soon(gardener, notes, open_, zones, fresh, who)
        await _audit(notes, open_)
        nursery.cancel_scope.cancel()
    notes.broken_off(who)


async def _audit(notes: Notes, open_: Open) -> None:
    async with open_() as client:
        since = trio.current_time()
        given = 0
        try:
            async with cfclient.audit(client, concurrency=notes.draw.choice([1, 3, 16]), all_settings=True) as run:
                async for result in run:
                    given += 1
                    notes.reads.append(ZoneRead(result, since, trio.current_time()))
                    notes.say(f"audit: {result.zone} {result.failure or 'whole'}")
                notes.audits.append((run.total, given, ""))
        except CloudflareError as error:
            notes.say(f"audit: {error}")
            notes.audits.append((0, 0, str(error) or type(error).__name__))


@attrs.define
class Journal:
    """What the bot keeps on its disk: it is there after a kill."""

    #: the record that it keeps current
    rec_id: str | None = None
    #: what it last asked to create, until it knows what became of it
    pending: act.RecNew | None = None


async def hour(
    notes: Notes, client: Client, zone: str, journal: Journal, *, address: str, ban: str | None = None
) -> bool:
    """One turn of the bot: its record says this address, and one more address is banned; whether all is done."""
    if ban is not None:
        await notes.write("bot", client, act.Ban(ban))
    try:
        records = {record.rec_id: record for record in await client.records(zone).all()}
    except CloudflareError as error:
        notes.say(f"bot: {error}")
        return False
    mine = [record for record in records.values() if record.name == f"home.{zone}"]
    if journal.pending is not None and mine:
        journal.rec_id, journal.pending = mine[0].rec_id, None
    for extra in mine:
        # What was reported as unknown and came late after all.
        if extra.rec_id != journal.rec_id and journal.rec_id in records:
            await notes.write("bot", client, act.RecDelete(zone, extra.rec_id))
    if journal.rec_id not in records:
        journal.pending = act.RecNew(zone, "A", "home", address)
        made = await notes.write("bot", client, journal.pending)
        if made.outcome != "answered":
            return False
        journal.rec_id, journal.pending = made.answer.rec_id, None
    elif records[journal.rec_id].content != address:
        edited = await notes.write("bot", client, act.RecEdit(zone, journal.rec_id, "A", "home", address))
        return edited.outcome == "answered"
    return len(mine) <= 1


async def bot(
    notes: Notes, open_: Open, zone: str, fresh: Iterator[str], *, turns: int, every: float, kills: float
) -> tuple[Journal, str]:
    """Turn after turn; killed now and then in the middle of one, and started again with nothing but its journal."""
    draw, journal, address = notes.draw, Journal(), next(fresh)
    left = turns
    while left:
        with trio.CancelScope() as life:
            async with open_() as client:
                while left:
                    left -= 1
                    if draw.random() < 0.3:
                        address = next(fresh)
                    if draw.random() < kills:
                        life.deadline = trio.current_time() + draw.expovariate(3)
                    ban = next(fresh) if draw.random() < 0.3 else None
                    await hour(notes, client, zone, journal, address=address, ban=ban)
                    life.deadline = float("inf")
                    await trio.sleep(every * draw.random() * 2)
        if life.cancelled_caught:
            notes.say("bot: killed")
            await trio.sleep(draw.random() * 5)
    return journal, address
