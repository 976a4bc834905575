"""A store in one file, for the processes of one host: SQLite, in a worker thread.

The clock is the host's monotonic one, which all processes share and which no setting of the time moves. After a
reboot it begins anew: then what was left of each place at the last step is left of it at the boot, so a place may
last longer than it must, never shorter. Not for a file on a network disk: other hosts have other clocks.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable

import anyio
import anyio.to_thread

from .policy import Rate, room
from .shared import Answer, Ask, StoreFailed

__all__ = ["File"]

_SCHEMA = """
create table if not exists taken (key text not null, arrives real not null, place text primary key) without rowid;
create index if not exists by_arrival on taken (key, arrives);
create table if not exists limits (
    key text not null, calls integer not null, seconds real not null, until real not null,
    primary key (key, calls, seconds)
) without rowid;
create table if not exists holds (key text primary key, until real not null);
create table if not exists clock (one integer primary key, last real not null);
"""


class File:
    """The places in an SQLite file.

    Args:
        path: the file; it is made where there is none.
        timeout: how long to wait for other processes, in seconds.
        clock: seconds, the same for all processes of the host.
    """

    def __init__(self, path: str, *, timeout: float = 2.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._timeout = timeout
        self._clock = clock
        self._db: sqlite3.Connection | None = None
        #: which file is open; another one may have its name by now
        self._open: tuple[int, int] | None = None
        # A thread that was left alone by a cancelled task may still be at work.
        self._lock = threading.Lock()
        self._threads: anyio.CapacityLimiter | None = None
        self._closed = False

    async def step(self, ask: Ask, /) -> Answer:
        """One transaction."""
        if self._threads is None:
            self._threads = anyio.CapacityLimiter(1)
        try:
            return await anyio.to_thread.run_sync(self._step, ask, limiter=self._threads)
        except sqlite3.Error as error:
            raise StoreFailed(f"{self._path}: {error}") from None

    async def aclose(self) -> None:
        """Closes the file."""
        await anyio.to_thread.run_sync(self._close)

    def _close(self) -> None:
        with self._lock:
            self._closed = True
            if self._db is not None:
                self._db.close()
                self._db = None

    def _opened(self) -> sqlite3.Connection:
        if self._db is not None and self._file() != self._open:
            # Somebody removed it, and whoever came since then shares another one.
            self._db.close()
            self._db = None
        if self._db is None:
            db = sqlite3.connect(self._path, timeout=self._timeout, isolation_level=None, check_same_thread=False)
            try:
                db.execute("pragma journal_mode=wal")
                db.execute("pragma synchronous=normal")
                db.executescript(_SCHEMA)
            except BaseException:
                db.close()
                raise
            self._db, self._open = db, self._file()
        return self._db

    def _file(self) -> tuple[int, int] | None:
        """Which file bears the name; on a system without such numbers always the same."""
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _step(self, ask: Ask) -> Answer:
        with self._lock:
            if self._closed:
                raise sqlite3.ProgrammingError("the budget is closed")
            db = self._opened()
            db.execute("begin immediate")
            try:
                answer = self._stepped(db, ask)
                db.execute("commit")
            except BaseException:
                if db.in_transaction:  # SQLite may have undone it by itself, on a full disk
                    db.execute("rollback")
                raise
            return answer

    def _now(self, db: sqlite3.Connection) -> float:
        now = self._clock()
        row = db.execute("select last from clock").fetchone()
        if row is not None and now < row[0]:
            db.execute("update taken set arrives = arrives - ?", row)
            db.execute("update limits set until = until - ?", row)
            db.execute("update holds set until = until - ?", row)
        db.execute("insert or replace into clock values (1, ?)", (now,))
        return now

    def _stepped(self, db: sqlite3.Connection, ask: Ask) -> Answer:
        now, key = self._now(db), ask.key
        db.executemany(
            "update taken set arrives = ? where place = ?",
            [(now + ended.arrives_in, ended.place) for ended in ask.ended],
        )
        rates = self._rates(db, ask, now)
        db.execute("delete from taken where key = ? and arrives <= ?", (key, now - rates[0].seconds))
        if ask.hold:
            db.execute(
                "insert into holds values (?, ?) on conflict (key) do update set until = max(until, excluded.until)",
                (key, now + ask.hold),
            )
        row = db.execute("select until from holds where key = ?", (key,)).fetchone()
        held = max(0.0, row[0] - now) if row else 0.0

        def used(rate: Rate) -> int:
            counted = "select count(*) from taken where key = ? and arrives > ?"
            ((found,),) = db.execute(counted, (key, now - rate.seconds))
            return int(found)

        if ask.left is not None:
            # In one limit is enough, as all have to have a place; the longest is most like the service's own.
            (left, during), longest = ask.left, rates[0]
            until = now + during - longest.seconds
            others = [(key, until, secrets.token_hex(8)) for _ in range(longest.calls - used(longest) - left)]
            db.executemany("insert into taken values (?, ?, ?)", others)
        taken = [used(rate) for rate in rates]
        free = [rate.calls - room(rate.calls, ask.leaves) - count for rate, count in zip(rates, taken, strict=True)]
        names = ask.places(0 if held else max(0, min(ask.want, *free)))
        db.executemany("insert into taken values (?, ?, ?)", [(key, now + ask.late, name) for name in names])
        wait = 0.0
        for rate, places in zip(rates, free, strict=True):
            if places <= 0:
                first = db.execute(
                    "select arrives from taken where key = ? and arrives > ? order by arrives limit 1 offset ?",
                    (key, now - rate.seconds, -places),
                ).fetchone()
                # What is under way now is free again after the window at the earliest, and is told to be so then.
                wait = max(wait, min(first[0] - now, 0.0) + rate.seconds if first else rate.seconds)
        at = min(range(len(rates)), key=lambda index: rates[index].calls - taken[index])
        ((last,),) = db.execute("select max(arrives) from taken where key = ?", (key,))
        return Answer(
            places=names,
            rate=rates[at],
            used=taken[at] + len(names),
            wait=wait,
            full=0.0 if last is None else max(0.0, last + rates[0].seconds - now),
            held=held,
        )

    def _rates(self, db: sqlite3.Connection, ask: Ask, now: float) -> list[Rate]:
        """All limits that processes have asked for not too long ago, the longest first."""
        asked = [(ask.key, rate.calls, rate.seconds, now + rate.seconds + ask.late) for rate in ask.rates]
        db.executemany("insert or replace into limits values (?, ?, ?, ?)", asked)
        db.execute("delete from limits where key = ? and until <= ?", (ask.key, now))
        found = db.execute("select calls, seconds from limits where key = ? order by seconds desc, calls", (ask.key,))
        return [Rate(*row) for row in found]
