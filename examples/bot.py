r"""Bans the addresses that threaten your zones, and lifts its bans again; switches "I'm under attack" on and back.

    CFCLIENT_URL=... CFCLIENT_EMAIL=... CFCLIENT_TOKEN=... \
        python examples/bot.py --state bot.sqlite --own 198.51.100.0/24 example.com example.net

It keeps three laws:

1. What it did stands in its database before it is done, with the reason and the end. After a restart, whatever
   was wanted and not confirmed is asked for again (a ban is a set: a repeat does no harm).
2. It lifts only bans that stand there (on version 1 nobody can see whether a person had banned the same address
   before; on version 4 a person's rule is left alone), and touches no address that is its owner's, private, or
   Cloudflare's own.
3. No fault ends it: what failed is tried again at the next turn.

A flood of addresses is one batch of bulk work, so that calls of people go first; each address is asked for once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ipaddress
import logging
import signal
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias, cast

import cfclient
from cfclient import actions

log = logging.getLogger("bot")

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

#: Cloudflare's own addresses, as it publishes them at https://www.cloudflare.com/ips/ (2026-11)
CLOUDFLARE = [
    "173.245.48.0/20",
    "103.21.244.0/22",
    "103.22.200.0/22",
    "103.31.4.0/22",
    "141.101.64.0/18",
    "108.162.192.0/18",
    "190.93.240.0/20",
    "188.114.96.0/20",
    "197.234.240.0/22",
    "198.41.128.0/17",
    "162.158.0.0/15",
    "104.16.0.0/13",
    "104.24.0.0/14",
    "172.64.0.0/13",
    "131.0.72.0/22",
    "2400:cb00::/32",
    "2606:4700::/32",
    "2803:f800::/32",
    "2405:b500::/32",
    "2405:8100::/32",
    "2a06:98c0::/29",
    "2c0f:f248::/32",
]

#: the networks for documentation, which the emulator's visitors come from
LAB = [ipaddress.ip_network(text) for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")]

SCHEMA = """
CREATE TABLE IF NOT EXISTS bans (
    ip TEXT PRIMARY KEY, zone TEXT NOT NULL, reason TEXT NOT NULL, until REAL NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('wanted', 'set'))
);
CREATE TABLE IF NOT EXISTS attacks (zone TEXT PRIMARY KEY, former TEXT NOT NULL, calm INTEGER NOT NULL DEFAULT 0);
"""


class Guard:
    """Which addresses are never banned, and why."""

    def __init__(self, own: Iterable[Network], *, lab: bool) -> None:
        self._own = list(own)
        self._cloudflare = [ipaddress.ip_network(text) for text in CLOUDFLARE]
        self._lab = LAB if lab else []

    def refusal(self, text: str) -> str | None:
        """Why this address is not banned, or None."""
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return "no address"
        if any(address in network for network in self._own):
            return "one of our own"
        if any(address in network for network in self._cloudflare):
            return "Cloudflare's own"
        if not address.is_global and not any(address in network for network in self._lab):
            return "not an address of the internet"
        return None


class Bot:
    """Its zones, its database, and what it does in a turn."""

    def __init__(self, cf: cfclient.Client, database: sqlite3.Connection, options: argparse.Namespace) -> None:
        self._cf = cf
        self._db = database
        self._options = options
        self._guard = Guard(options.own, lab=options.lab)
        self._refused: set[str] = set()

    async def turn(self) -> None:
        """Looks at every zone, bans, lifts; no fault comes out of it."""
        looks = [actions.ZoneIps(zone, hours=1, visitor_class="t") for zone in self._options.zones]
        for zone, outcome in zip(self._options.zones, await self._cf.perform_all(looks), strict=True):
            if outcome.answer is None:
                log.warning("%s: not looked at: %s", zone, outcome.error)
                continue
            self._note(zone, outcome.answer)
            await self._defend(zone, sum(visitor.hits or 0 for visitor in outcome.answer))
        await self.reconcile()

    def _note(self, zone: str, visitors: Iterable[cfclient.Visitor]) -> None:
        """Writes down who is to be banned; who is already, stays so for longer."""
        until = time.time() + self._options.hours * 3600
        for visitor in visitors:
            if (visitor.hits or 0) < self._options.hits:
                continue
            if (why := self._guard.refusal(visitor.ip)) is not None:
                if visitor.ip not in self._refused:
                    log.info("%s: never banned: %s", visitor.ip, why)
                    self._refused.add(visitor.ip)
                continue
            reason = f"{visitor.hits} hits as a threat on {zone}"
            self._db.execute(
                "INSERT INTO bans (ip, zone, reason, until, state) VALUES (?, ?, ?, ?, 'wanted') "
                "ON CONFLICT (ip) DO UPDATE SET until = excluded.until",
                (visitor.ip, zone, reason, until),
            )
        self._db.commit()

    async def reconcile(self) -> None:
        """Makes the service what the database says: asks for what is wanted, lifts what has run out."""
        wanted = [
            ip for (ip,) in self._db.execute("SELECT ip FROM bans WHERE state = 'wanted' AND until > ?", (time.time(),))
        ]
        over = [ip for (ip,) in self._db.execute("SELECT ip FROM bans WHERE until <= ?", (time.time(),))]
        for ip, outcome in zip(wanted, await self._cf.perform_all([actions.Ban(ip) for ip in wanted]), strict=True):
            if outcome.ok:
                self._db.execute("UPDATE bans SET state = 'set' WHERE ip = ?", (ip,))
                log.info("%s: banned", ip)
            else:
                log.warning("%s: not banned yet: %s", ip, outcome.error)
            self._db.commit()
        for ip, outcome in zip(over, await self._cf.perform_all([actions.Nul(ip) for ip in over]), strict=True):
            if outcome.ok:
                self._db.execute("DELETE FROM bans WHERE ip = ?", (ip,))
                log.info("%s: lifted", ip)
            else:
                log.warning("%s: not lifted yet: %s", ip, outcome.error)
            self._db.commit()

    async def _defend(self, zone: str, threats: int) -> None:
        """Switches "I'm under attack" on when threats pile up, and back to the former level after some calm turns."""
        row = self._db.execute("SELECT former, calm FROM attacks WHERE zone = ?", (zone,)).fetchone()
        try:
            if row is None and threats >= self._options.attack:
                await self._raise(zone, threats)
            elif row is not None:
                await self._calm(zone, row[0], 0 if threats >= self._options.attack else row[1] + 1)
        except cfclient.CloudflareError as error:
            log.warning("%s: its security level stays as it is for now: %s", zone, error)
        finally:
            self._db.commit()

    async def _raise(self, zone: str, threats: int) -> None:
        level = (await self._cf.zone_settings(zone)).sec_lvl
        if level is None or level == cfclient.SecurityLevel.UNDER_ATTACK:
            return  # somebody switched it on already, or nobody knows what to go back to
        # Written down first: killed in between, the next run knows what to go back to.
        self._db.execute("INSERT INTO attacks (zone, former) VALUES (?, ?)", (zone, level.value))
        self._db.commit()
        await self._cf.sec_lvl(zone, "help")
        log.warning("%s: under attack (%d hits): was %s", zone, threats, level.value)

    async def _calm(self, zone: str, former: str, calm: int) -> None:
        self._db.execute("UPDATE attacks SET calm = ? WHERE zone = ?", (calm, zone))
        if calm < self._options.calm:
            return
        # A person who changed the level meanwhile knows better.
        if (await self._cf.zone_settings(zone)).sec_lvl == cfclient.SecurityLevel.UNDER_ATTACK:
            await self._cf.sec_lvl(zone, former)
            log.warning("%s: calm again: back to %s", zone, former)
        self._db.execute("DELETE FROM attacks WHERE zone = ?", (zone,))


def network(text: str) -> Network:
    """10.1.2.3/8 is 10.0.0.0/8: whoever names an address means the network around it."""
    return ipaddress.ip_network(text, strict=False)


async def main() -> None:
    """Turn after turn, until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("zones", nargs="+", metavar="zone")
    parser.add_argument("--state", type=Path, required=True, help="the database of its bans")
    parser.add_argument("--own", type=network, action="append", default=[], help="a network of your own")
    parser.add_argument("--hits", type=int, default=10, help="hits of a threat within the hour that make a ban (10)")
    parser.add_argument("--hours", type=float, default=24, help="how long a ban lasts (24)")
    parser.add_argument("--attack", type=int, default=10_000, help="hits of all threats that are an attack (10,000)")
    parser.add_argument("--calm", type=int, default=3, help="turns without an attack until the level goes back (3)")
    parser.add_argument("--every", type=float, default=60, help="seconds between two turns (60)")
    parser.add_argument("--turns", type=int, default=0, help="end after so many turns (0: never)")
    parser.add_argument("--lab", action="store_true", help="take addresses for documentation too, as in the emulator")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    task = cast("asyncio.Task[None]", asyncio.current_task())
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, task.cancel)
    with contextlib.closing(sqlite3.connect(options.state)) as database, contextlib.suppress(asyncio.CancelledError):
        database.executescript(SCHEMA)
        async with cfclient.connect() as cf:
            bot = Bot(cf, database, options)
            turns = 0
            while not options.turns or turns < options.turns:
                if turns:
                    await asyncio.sleep(options.every)
                turns += 1
                try:
                    if turns == 1:
                        await bot.reconcile()  # what an earlier run wanted comes first
                    await bot.turn()
                except Exception:  # law 3
                    log.exception("this turn failed; the next one tries again")
    log.info("ended")


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except cfclient.ConfigurationError as error:
        raise SystemExit(f"bot: {error}") from None
