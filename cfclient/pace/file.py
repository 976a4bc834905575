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

from .shared import Answer, Ask, StoreFailed

__all__ = ["File"]

_SCHEMA = """
create table if not exists places (key text not null, free real not null, place text primary key) without rowid;
create index if not exists by_time on places (key, free);
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
            db.execute("update places set free = free - ?", row)
            db.execute("update holds set until = until - ?", row)
        db.execute("insert or replace into clock values (1, ?)", (now,))
        return now

    def _stepped(self, db: sqlite3.Connection, ask: Ask) -> Answer:
        now, key = self._now(db), ask.key
        db.executemany(
            "update places set free = ? where place = ?", [(now + ended.free_in, ended.place) for ended in ask.ended]
        )
        db.execute("delete from places where key = ? and free <= ?", (key, now))
        if ask.hold:
            db.execute(
                "insert into holds values (?, ?) on conflict (key) do update set until = max(until, excluded.until)",
                (key, now + ask.hold),
            )
        row = db.execute("select until from holds where key = ?", (key,)).fetchone()
        held = max(0.0, row[0] - now) if row else 0.0
        ((used, last),) = db.execute("select count(*), max(free) from places where key = ?", (key,))
        if ask.left is not None and (spent := ask.rate.calls - used - ask.left[0]) > 0:
            others = [(key, now + ask.left[1], secrets.token_hex(8)) for _ in range(spent)]
            db.executemany("insert into places values (?, ?, ?)", others)
            used += spent
            last = max(last or now, now + ask.left[1])
        free = ask.rate.calls - ask.least - used
        names = ask.places(0 if held else max(0, min(ask.want, free)))
        until = now + ask.rate.seconds + ask.late
        db.executemany("insert into places values (?, ?, ?)", [(key, until, name) for name in names])
        wait = 0.0
        if free <= 0:
            next_free = db.execute(
                "select free from places where key = ? order by free limit 1 offset ?", (key, -free)
            ).fetchone()
            # What is under way now is free again after the window at the earliest, and is told to be so then.
            wait = min(next_free[0] - now, ask.rate.seconds) if next_free else ask.rate.seconds
        return Answer(
            places=names,
            used=used + len(names),
            wait=wait,
            full=(until if names else last or now) - now,
            held=held,
        )
