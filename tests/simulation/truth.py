"""The emulator, which remembers what it carried out and how each zone looked when: what invariants are held to."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar

import trio

from cfclient import actions as act
from cfclient import models
from cfclient.actions import Action, Kind
from cfclient.backend import Credentials
from cfclient.backends.emulator import Emulator
from cfclient.emulated.app import V4, Asked
from cfclient.emulated.ids import v4_id
from cfclient.emulated.replies import Answer
from cfclient.errors import RateLimited

__all__ = ["Truth", "WatchedV4", "mark", "states"]

T = TypeVar("T")


def mark(action: Action[Any]) -> Hashable:
    """What an action is known by in whatever form it arrives: an address is written once only."""
    if isinstance(action, act.RecNew):
        return "rec_new", action.zone, action.content
    if isinstance(action, act.RecEdit):
        return "rec_edit", action.zone, action.id, action.content
    return action


class Truth(Emulator):
    """What the service knows and a client can only infer."""

    def begin(self, zones: list[str], say: Callable[[str], None]) -> None:
        """From now on everything is remembered."""
        self.say = say
        #: calls of clients that were refused for the limit
        self.limited = 0
        #: how often what changes something was carried out, by its mark
        self.times: Counter[Hashable] = Counter()
        #: the ids that each create made, by its mark
        self.made: dict[Hashable, list[str]] = defaultdict(list)
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
            self.limited += 1
            raise
        if action.kind is not Kind.READ:
            self.carried(action, answer.rec_id if isinstance(answer, models.Record) else None)
        return answer

    def carried(self, action: Action[Any], made: str | None) -> None:
        """Notes what was carried out, and the id of what it made."""
        self.say(f"carried out: {action!r}")
        self.times[mark(action)] += 1
        if isinstance(action, act.RecNew):
            assert made is not None
            self.made[mark(action)].append(made)
        zone = getattr(action, "zone", None)
        if zone is not None:
            self._remember(zone)


class WatchedV4(V4):
    """Version 4's face of the truth: what it carries out is noted as the action that it was."""

    def __init__(self, truth: Truth, zones: list[str]) -> None:
        super().__init__(truth.v4._world)
        self._truth = truth
        self._zones = {v4_id("zone", truth.site(zone).zone.zone_id): zone for zone in zones}

    def answer(self, asked: Asked) -> Answer:
        answer = super().answer(asked)
        if answer.status == 429:
            self._truth.limited += 1
        elif answer.status < 300 and (action := self._action(asked)) is not None:
            self._truth.carried(action, answer.body["result"]["id"])
        return answer

    def _action(self, asked: Asked) -> Action[Any] | None:
        """What changes something; None for a read. A request of no known form is a KeyError or so."""
        if asked.method == "GET":
            return None
        parts = asked.path.split("/")[1:]
        body = json.loads(asked.body) if asked.body else {}
        if parts[-1] == "rules":
            return act.Ban(body["configuration"]["value"])
        zone = self._zones[parts[1]]
        if parts[2:] == ["settings", "security_level"]:
            return act.SecLvl(zone, LEVELS[body["value"]])
        assert parts[2] == "dns_records", asked.path
        if asked.method == "DELETE":
            return act.RecDelete(zone, parts[3])
        if asked.method == "PATCH":
            return act.RecEdit(zone, parts[3], body["type"], body["name"], body["content"])
        return act.RecNew(zone, body["type"], body["name"], body["content"])


#: version 4's words for what the web app sets
LEVELS: Final = {"low": "low", "medium": "med", "high": "high", "under_attack": "help"}


def states(history: list[tuple[float, T]], since: float, until: float) -> list[T]:
    """The states that held at some moment between the two."""
    before = [state for when, state in history if when < since]
    return before[-1:] + [state for when, state in history if since <= when <= until]
