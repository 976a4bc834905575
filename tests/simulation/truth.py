"""The emulator, which remembers what it carried out and how each zone looked when: what invariants are held to."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

import trio

from cfclient import actions as act
from cfclient import models
from cfclient.actions import Action, Kind
from cfclient.backend import Credentials
from cfclient.backends.emulator import Emulator
from cfclient.errors import RateLimited

__all__ = ["Truth", "states"]

T = TypeVar("T")


class Truth(Emulator):
    """What the service knows and a client can only infer."""

    def begin(self, zones: list[str], say: Callable[[str], None]) -> None:
        """From now on everything is remembered."""
        self.say = say
        self.refused = 0
        #: what was carried out and changes something, in order
        self.carried: list[tuple[float, Action[Any]]] = []
        self.times: Counter[Action[Any]] = Counter()
        #: the ids that each create made
        self.made: dict[act.RecNew, list[str]] = defaultdict(list)
        #: the states of each zone, and since when
        self.records: dict[str, list[tuple[float, dict[str, models.Record]]]] = {}
        self.settings: dict[str, list[tuple[float, models.ZoneSettings]]] = {}
        for zone in zones:
            self._remember(zone)

    def _remember(self, zone: str) -> None:
        site = self.site(zone)
        now = trio.current_time()
        self.records.setdefault(zone, []).append((now, {record.rec_id: record for record in site.records}))
        self.settings.setdefault(zone, []).append((now, site.settings))

    def perform(self, credentials: Credentials, action: Action[T]) -> T:
        try:
            answer = super().perform(credentials, action)
        except RateLimited:
            self.refused += 1
            raise
        if action.kind is not Kind.READ:
            self.say(f"carried out: {action!r}")
            self.carried.append((trio.current_time(), action))
            self.times[action] += 1
            if isinstance(action, act.RecNew):
                assert isinstance(answer, models.Record)
                self.made[action].append(answer.rec_id)
            zone = getattr(action, "zone", None)
            if zone is not None:
                self._remember(zone)
        return answer


def states(history: list[tuple[float, T]], since: float, until: float) -> list[T]:
    """The states that held at some moment between the two."""
    before = [state for when, state in history if when < since]
    return before[-1:] + [state for when, state in history if since <= when <= until]
