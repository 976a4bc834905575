"""What both faces of the emulator read and write: accounts, zones, records, lists of addresses.

Two laws:

1. There is one truth: a value that both versions know is kept once, in version 1's words;
   what only version 4 knows (comments, tags, today's settings, API tokens) stands beside it.
2. Nothing here waits, and nothing here knows how either version speaks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, MutableMapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import attrs

from cfclient import models
from cfclient.backends.account import AccessRule, Account, Annotation, ApiToken, Site

from .traffic import draw

__all__ = ["DEVELOPMENT", "EPOCH", "AccountState", "Listed", "RuleState", "SiteState", "moment"]

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: how long development mode lasts (§4.3)
DEVELOPMENT: Final = timedelta(hours=3)


def moment(now: float) -> datetime:
    """A reading of the clock, in the whole seconds that the API speaks."""
    return EPOCH + timedelta(seconds=int(now))


def _in_development(zone: models.Zone) -> models.Zone:
    """The zone as it is shown meanwhile."""
    return attrs.evolve(
        zone,
        zone_status_class="status-dev-mode",
        zone_status_desc="<strong>Development mode</strong>: the cache is passed by. It ends by itself.",
        confirm_code={name: code for name, code in zone.confirm_code.items() if name != "zone_dev_mode1"},
        allow=tuple("zone_dev_mode0" if name == "zone_dev_mode1" else name for name in zone.allow),
    )


class SiteState:
    """A zone: `zone` is what is shown of it now, `_usual` what is shown without development mode."""

    __slots__ = (
        "_listing",
        "_usual",
        "annotations",
        "created",
        "modified",
        "records",
        "set_on",
        "settings",
        "times",
        "today",
        "zone",
    )

    def __init__(self, site: Site, now: datetime) -> None:
        self._usual = site.zone
        self.zone: models.Zone = site.zone
        self.settings: models.ZoneSettings = site.settings
        self.records: dict[str, models.Record] = {record.rec_id: record for record in site.records}
        self._listing: tuple[models.Record, ...] | None = site.records
        #: what version 4 keeps of a record beside it, by rec_id
        self.annotations: dict[str, Annotation] = dict(site.annotations)
        #: today's settings that were set, by their version 4 names
        self.today: dict[str, Any] = dict(site.today)
        self.created: datetime = EPOCH + timedelta(days=14_800 + draw("stats", site.zone.zone_name)[6] % 1_000)
        self.modified: datetime = self.created
        #: when a record was made and last written, where that was since the start
        self.times: dict[str, tuple[datetime, datetime]] = {}
        #: when a setting was last set, by its version 4 name
        self.set_on: dict[str, datetime] = {}
        if site.settings.dev_mode:
            self.develop(now + DEVELOPMENT if site.settings.dev_mode is True else site.settings.dev_mode)

    def set(self, **changes: Any) -> models.Zone:
        """Changes settings; the zone as the reply shows it."""
        self.settings = attrs.evolve(self.settings, **changes)
        return self.zone

    def develop(self, until: datetime | None) -> models.Zone:
        """Switches development mode on until then, or off."""
        self.zone = self._usual if until is None else _in_development(self._usual)
        return self.set(dev_mode=until or False)

    def show(self, **changes: Any) -> None:
        """Changes what is shown of the zone, in development mode or not."""
        self._usual = attrs.evolve(self._usual, **changes)
        self.zone = _in_development(self._usual) if self.settings.dev_mode else self._usual

    def listing(self) -> tuple[models.Record, ...]:
        """The records in the order of their creation, made once between two writes."""
        if self._listing is None:
            self._listing = tuple(self.records.values())
        return self._listing

    def write(self, record: models.Record, now: datetime) -> models.Record:
        """Puts a record in its place."""
        created = self.written(record.rec_id)[0] if record.rec_id in self.records else now
        self.records[record.rec_id] = record
        self.times[record.rec_id] = (created, now)
        self._listing = None
        return record

    def written(self, rec_id: str) -> tuple[datetime, datetime]:
        """When the record was made and when it was last changed."""
        return self.times.get(rec_id, (self.created, self.created))

    def delete(self, record: models.Record) -> None:
        """Takes the record away, with all that belongs to it."""
        del self.records[record.rec_id]
        self.annotations.pop(record.rec_id, None)
        self.times.pop(record.rec_id, None)
        self._listing = None

    def snapshot(self) -> tuple[dict[str, Any], ...]:
        """The records as they are, for `restore`."""
        return dict(self.records), dict(self.annotations), dict(self.times)

    def restore(self, snapshot: tuple[dict[str, Any], ...]) -> None:
        """The records as they were."""
        self.records, self.annotations, self.times = snapshot
        self._listing = None

    def value(self) -> Site:
        """All of it as a value."""
        return Site(
            zone=self._usual,
            settings=self.settings,
            records=self.listing(),
            annotations={ident: note for ident, note in self.annotations.items() if note != Annotation()},
            today=dict(self.today),
        )


@attrs.define(kw_only=True)
class RuleState:
    """What is done with an address, a network or a country, and when that was said."""

    rule: AccessRule
    created: datetime
    modified: datetime


_ACTIONS: Final = {"whitelist": models.ListAction.WHITELISTED, "block": models.ListAction.BANNED}
_MODES: Final = {action: mode for mode, action in _ACTIONS.items()}


class Listed(MutableMapping[str, models.ListAction]):
    """The access rules as version 1 knows them: the addresses of the account that are whitelisted or banned."""

    __slots__ = ("_now", "_rules")

    def __init__(self, rules: dict[tuple[str, str, str], RuleState], now: datetime) -> None:
        self._rules = rules
        self._now = now

    def _key(self, ip: str) -> tuple[str, str, str]:
        return ("account", "ip6" if ":" in ip else "ip", ip)

    def __getitem__(self, ip: str) -> models.ListAction:
        return _ACTIONS[self._rules[self._key(ip)].rule.mode]

    def __setitem__(self, ip: str, action: models.ListAction) -> None:
        _, target, value = key = self._key(ip)
        found = self._rules.get(key)
        rule = AccessRule(mode=_MODES[action], target=target, value=value) if found is None else found.rule
        self._rules[key] = RuleState(
            rule=attrs.evolve(rule, mode=_MODES[action]),
            created=self._now if found is None else found.created,
            modified=self._now,
        )

    def __delitem__(self, ip: str) -> None:
        _ = self[ip]
        del self._rules[self._key(ip)]

    def __iter__(self) -> Iterator[str]:
        return (
            value
            for (scope, target, value), state in self._rules.items()
            if scope == "account" and target in {"ip", "ip6"} and state.rule.mode in _ACTIONS
        )

    def __len__(self) -> int:
        return sum(1 for _ in self)


class AccountState:
    """An account: its zones by name, its lists, its tokens, and when it called."""

    def __init__(self, account: Account, now: datetime) -> None:
        self.email: str = account.email
        self.key: bytes = account.key.encode(errors="surrogatepass")
        self.sites: dict[str, SiteState] = {site.zone.zone_name: SiteState(site, now) for site in account.sites}
        self.listing: tuple[SiteState, ...] = tuple(self.sites.values())
        #: by scope ("account", "user", or a zone's name), target and value
        self.rules: dict[tuple[str, str, str], RuleState] = {}
        for ip, action in account.listed.items():
            self.listed(now)[ip] = action
        for rule in account.rules:
            self.rules[rule.key] = RuleState(rule=rule, created=now, modified=now)
        self.tokens: tuple[ApiToken, ...] = account.tokens
        self.member_of: tuple[str, ...] = account.member_of
        self.called: deque[float] = deque()
        #: the most calls within any window of the limit
        self.most = 0
        #: when version 4's GraphQL was asked, which is counted apart
        self.queried: deque[float] = deque()
        #: when the cache was purged through version 4
        self.purged: deque[float] = deque()
        #: until when version 4 refuses everything, by the window that was used up
        self.blocked: dict[str, float] = {}
        self.developing: set[SiteState] = {site for site in self.sites.values() if site.settings.dev_mode}

    def listed(self, now: datetime) -> Listed:
        """The addresses that are whitelisted or banned; what is written there is written now."""
        return Listed(self.rules, now)

    def settle(self, now: datetime) -> None:
        """Ends what has run out."""
        for site in [site for site in self.developing if cast("datetime", site.settings.dev_mode) <= now]:
            self.develop(site, None)

    def develop(self, site: SiteState, until: datetime | None) -> models.Zone:
        """Switches development mode of a zone on until then, or off."""
        if until is None:
            self.developing.discard(site)
        else:
            self.developing.add(site)
        return site.develop(until)

    def value(self) -> Account:
        """All of it as a value."""
        listed = dict(self.listed(EPOCH))
        return Account(
            email=self.email,
            key=self.key.decode(errors="surrogatepass"),
            sites=tuple(site.value() for site in self.listing),
            listed=listed,
            # Those of which `listed` says everything are left out.
            rules=tuple(
                state.rule
                for (scope, _, value), state in self.rules.items()
                if scope != "account" or value not in listed or state.rule.notes
            ),
            tokens=self.tokens,
            member_of=self.member_of,
        )
