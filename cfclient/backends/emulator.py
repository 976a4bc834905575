"""CloudFlare in memory: a synchronous state machine with an async face.

    connect(credentials).perform(action)     the async face: a checkpoint or the latency, then
    Emulator.perform(credentials, action)    who asks? -> how often? -> what does version 1 take? -> the handler

Four laws:

1. A call is carried out whole or not at all, and no other runs in between: `perform` never waits.
2. What a call writes, each later call reads; time passes by the clock that the emulator was given.
3. A refusal is worded as the service worded it, without a code where it sent none.
4. Where nobody knows what the service did, a comment says "not known" and what was chosen.

The state begins with accounts as values (`Account`), which `account.py` describes, and can be had as such again.
"""

from __future__ import annotations

import functools
import hmac
import itertools
import math
import os
import time
import types
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypedDict, TypeVar, Unpack, cast

import anyio
import anyio.lowlevel
import attrs

from cfclient import actions as act
from cfclient import limits, models
from cfclient.actions import Action
from cfclient.backend import Backend, Credentials
from cfclient.backends.account import (
    DEMO_EMAIL,
    DEMO_KEY,
    DEMO_TOKEN,
    Account,
    ApiToken,
    Site,
    absolute_name,
    accounts_from_json,
    accounts_to_json,
    in_words,
    is_proxiable,
    make_record,
    next_id,
)
from cfclient.backends.demo import demo_account
from cfclient.emulated.state import DEVELOPMENT, AccountState, SiteState, moment
from cfclient.emulated.traffic import THREAT_NETWORK, draw, totals, visits
from cfclient.errors import ApiError, ConfigurationError, Unsupported, refusal

if TYPE_CHECKING:
    from cfclient.emulated.app import V4

__all__ = ["COOLDOWN", "DEMO", "DEVELOPMENT", "Emulator", "Options"]

T = TypeVar("T")

#: who the demo account belongs to
DEMO: Final = Credentials(DEMO_EMAIL, DEMO_KEY)
#: seconds between two purges of a zone (§4.4)
COOLDOWN: Final = 20


class Options(TypedDict, total=False):
    """What an emulator can be told beside its accounts."""

    page_size: int
    limit: tuple[int, float] | None
    latency: float
    clock: Callable[[], float]


class Emulator:
    """CloudFlare's API version 1, without CloudFlare.

    Attributes:
        calls: how many calls each account has made, by e-mail address, refused ones included;
            `calls.total()` is all of them.
        refused: how many calls were refused for the limit.

    Args:
        accounts: what there is to begin with.
        page_size: how many zones or records one reply lists.
        limit: how many calls in how many seconds an account may make, or None for any number.
        latency: seconds that a call through the async face takes.
        clock: seconds since 1970; development mode, cooldown, limit and statistics go by it.
    """

    def __init__(
        self,
        accounts: Iterable[Account] = (),
        *,
        page_size: int = 180,
        limit: tuple[int, float] | None = (1200, 300.0),
        latency: float = 0.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        _check_whole("page_size", page_size, 1)
        if limit is not None and not _is_limit(limit):
            raise ConfigurationError(f"limit={limit!r}: expected (calls, seconds), both above 0, or None")
        if not isinstance(latency, int | float) or not latency >= 0:
            raise ConfigurationError(f"latency={latency!r}: expected seconds, 0 or more")
        accounts = tuple(accounts)
        _check(accounts)
        self.calls: Counter[str] = Counter()
        self.refused: int = 0
        self._clock = clock
        self._page_size = page_size
        self._limit = limit
        self._latency = latency
        now = moment(clock())
        self._accounts = {account.email: AccountState(account, now) for account in accounts}
        self._ids = next_id(record.rec_id for account in accounts for site in account.sites for record in site.records)

    @classmethod
    def demo(cls, *, zones: int = 25, seed: int = 1, **options: Unpack[Options]) -> Emulator:
        """With the demo account in it, whose credentials are `DEMO`; the same seed makes the same account."""
        _check_whole("zones", zones, 0)
        _check_whole("seed", seed)
        return cls([demo_account(zones, seed)[0]], **options)

    @classmethod
    def from_json(
        cls, source: str | bytes | os.PathLike[str] | Mapping[str, Any], **options: Unpack[Options]
    ) -> Emulator:
        """With accounts of your own.

            Emulator.from_json({"accounts": [{
                "email": "user@example.com", "key": "sesame",
                "zones": [{
                    "zone_name": "example.com",
                    "settings": {"ssl": 0, "sec_lvl": "eoff"},
                    "records": [{"type": "A", "name": "www", "content": "192.0.2.1", "service_mode": true}]
                }]
            }]})

        What is left out is as on a new zone; the whole shape stands at the head of `cfclient.backends.account`.

        Args:
            source: the text of a JSON file, its data, or the file itself as a path.
            options: as of the class.

        Raises:
            ConfigurationError: it is not of that shape; the message names the place.
        """
        return cls(accounts_from_json(source), **options)

    @classmethod
    def from_zone_files(cls, *paths: os.PathLike[str], **options: Unpack[Options]) -> Emulator:
        """With a zone for each zone file (RFC 1035), all in one account with the demo account's credentials.

        A zone's name is that of its SOA; without one, that of $ORIGIN or of the file.

        Args:
            paths: the files.
            options: as of the class.

        Raises:
            ConfigurationError: a file cannot be read, or does not say which zone it is; or dnspython is missing.
        """
        from cfclient import zonefile

        sites: list[Site] = []
        ids, zone_ids = itertools.count(1), itertools.count(1)
        for path in map(Path, paths):
            try:
                text = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigurationError(f"{path} cannot be read: {error}") from None
            sites.append(zonefile.site(text, path, zone_id=str(next(zone_ids)), ids=ids))
        return cls([Account(sites=tuple(sites), tokens=(ApiToken(value=DEMO_TOKEN, name="demo"),))], **options)

    def to_json(self) -> dict[str, Any]:
        """The state in the shape that `from_json` reads, keys included; the calls made are no part of it."""
        return accounts_to_json(self.accounts)

    def __repr__(self) -> str:
        """How much is in it; no key is."""
        zones = sum(len(account.sites) for account in self._accounts.values())
        return f"<Emulator of {len(self._accounts)} accounts, {zones} zones>"

    # -- asking --------------------------------------------------------------------------------------

    def perform(self, credentials: Credentials, action: Action[T]) -> T:
        """The answer to this action, or an `ApiError` as the service would have said it."""
        now = self._clock()
        account = self._authorized(credentials, action)
        self._count(account, action, now)
        limits.V1.check(action)
        handler = _HANDLERS.get(type(action))
        if handler is None:
            raise Unsupported(action.wire_name, "the emulator carries out the 22 actions of version 1")
        this = moment(now)
        account.settle(this)
        return cast("T", handler(_Call(account, action, this, self._page_size, self._ids), action))

    def connect(self, credentials: Credentials = DEMO) -> Backend:
        """The async face, for one account; it fits `cfclient.connect` and `cfclient.gateway`."""
        return _Face(self, credentials, self._latency)

    def _authorized(self, credentials: Credentials, action: Action[Any]) -> AccountState:
        account = self._accounts.get(credentials.email or "")
        # Python compares text in constant time only where it is ASCII, so bytes are compared.
        given = credentials.key.encode(errors="surrogatepass")
        if account is None or not hmac.compare_digest(account.key, given):
            raise refusal("Unknown token or email", code="E_UNAUTH", action=action.wire_name)
        return account

    def _count(self, account: AccountState, action: Action[Any], now: float) -> None:
        self.calls[account.email] += 1
        if self._limit is None:
            return
        if self._wait(account, now) > 0:
            # Not known: whether a refused call counts, and the words. Here it does not count, so that
            # whoever waits for the oldest call to leave the window is let in.
            self.refused += 1
            raise refusal("You have exceeded the number of API calls allowed", code="E_MAXAPI", action=action.wire_name)
        account.called.append(now)
        account.most = max(account.most, len(account.called))

    def _wait(self, account: AccountState, now: float) -> float:
        """Seconds until the next call is allowed; calls that have left the window are forgotten."""
        if self._limit is None:
            return 0.0
        most, seconds = self._limit
        called = account.called
        while called and called[0] + seconds <= now:
            called.popleft()
        return called[0] + seconds - now if len(called) >= most else 0.0

    @functools.cached_property
    def v4(self) -> V4:
        """Today's face: version 4 of the API over the same accounts, as an ASGI application.

        http = httpx.AsyncClient(transport=httpx.ASGITransport(emulator.v4))
        reply = await http.get(
            "https://emulator.example/client/v4/zones", headers={"Authorization": "Bearer demo-token"}
        )
        """
        from cfclient.emulated.app import V4, World

        return V4(
            World(
                accounts=self._accounts,
                clock=self._clock,
                limit=self._limit,
                latency=self._latency,
                ids=self._ids,
                calls=self.calls,
            )
        )

    # -- looking in ----------------------------------------------------------------------------------

    @property
    def accounts(self) -> tuple[Account, ...]:
        """All that there is at this moment, as values."""
        now = moment(self._clock())
        for account in self._accounts.values():
            account.settle(now)
        return tuple(account.value() for account in self._accounts.values())

    def account(self, email: str = DEMO_EMAIL) -> Account:
        """One account as it is at this moment; a KeyError where there is none."""
        self._accounts[email].settle(moment(self._clock()))
        return self._accounts[email].value()

    def site(self, zone: str, *, email: str = DEMO_EMAIL) -> Site:
        """One zone with its settings and records as they are at this moment; a KeyError where there is none."""
        self._accounts[email].settle(moment(self._clock()))
        return self._accounts[email].sites[zone].value()

    def most_calls(self, email: str = DEMO_EMAIL) -> int:
        """The most calls that this account made within any window as long as the limit's; 0 without a limit."""
        return self._accounts[email].most

    def retry_after(self, email: str = DEMO_EMAIL) -> float:
        """Seconds until this account may call again, 0 where it may now; the service itself never said."""
        return self._wait(self._accounts[email], self._clock())


def _check_whole(name: str, value: object, low: int | None = None) -> None:
    if not isinstance(value, int) or (low is not None and value < low):
        raise ConfigurationError(f"{name}={value!r}: expected {'a whole number' if low is None else f'at least {low}'}")


def _is_limit(limit: object) -> bool:
    """Whether this is so many calls in so many seconds."""
    match limit:
        case (int() as calls, int() | float() as seconds):
            return calls >= 1 and seconds > 0
    return False


def _check(accounts: tuple[Account, ...]) -> None:
    """Nothing may be there twice, and nobody may be let in without a key."""

    def once(what: str, where: str, found: Iterable[str]) -> None:
        for name, count in Counter(found).items():
            if count > 1:
                raise ConfigurationError(f"{where}: the {what} {name!r} is there {count} times")

    once("account", "the accounts", (account.email for account in accounts))
    for account in accounts:
        if not account.email or not account.key:
            raise ConfigurationError(f"the account {account.email!r} has no e-mail address or no key")
        once("zone", account.email, (site.zone.zone_name for site in account.sites))
        once("zone_id", account.email, (site.zone.zone_id for site in account.sites))
        for site in account.sites:
            once("rec_id", site.zone.zone_name, (record.rec_id for record in site.records))


@attrs.frozen
class _Face:
    """The emulator for one account, as a backend."""

    emulator: Emulator
    credentials: Credentials
    latency: float

    async def perform(self, action: Action[T], /) -> T:
        """The answer, after the latency; a call that is cancelled before that was not carried out."""
        if self.latency:
            await anyio.sleep(self.latency)
        else:
            await anyio.lowlevel.checkpoint()
        return self.emulator.perform(await self.credentials.settled(), action)


# -- carrying out ------------------------------------------------------------------------------------


@attrs.frozen(eq=False)
class _Call:
    """One call on its way: what a handler needs to know."""

    account: AccountState
    action: Action[Any]
    now: datetime
    page_size: int
    ids: Iterator[int]

    def refuse(self, msg: str) -> ApiError:
        """The service's no; it sent a code with hardly any."""
        return refusal(msg, code=None, action=self.action.wire_name)

    def site(self, name: str) -> SiteState:
        site = self.account.sites.get(name)
        if site is None:
            raise self.refuse("Invalid zone.")
        return site

    def record(self, site: SiteState, ident: str) -> models.Record:
        record = site.records.get(ident)
        if record is None:
            raise self.refuse("Invalid record id.")
        return record

    def page(self, entries: tuple[T, ...], offset: int) -> tuple[bool, tuple[T, ...]]:
        """Whether more follow, and the entries of one page."""
        end = offset + self.page_size
        return end < len(entries), entries[offset:end]


_Handler = Callable[[_Call, Any], Any]


_DAYS: Final[Mapping[int, float]] = {20: 30, 30: 7, 40: 1, 100: 1, 110: 0.5, 120: 0.25}


def _stats(call: _Call, action: act.Stats) -> models.Stats:
    """Traffic that depends on the name of the zone and on the length of the interval only."""
    site, now = call.site(action.zone), call.now
    days = _DAYS[action.interval]
    # §3.1: the latest data is from one day ago, except in the Pro intervals.
    # Not known: what a zone without Pro got for one of those. Here it gets the same as one with it.
    end = now - timedelta(days=1) if action.interval < 100 else now
    served = totals(action.zone, days)
    ours, theirs = served.cached_requests, served.requests - served.cached_requests
    settings = site.settings
    return models.Stats(
        timeZero=end - timedelta(days=days),
        timeEnd=end,
        cachedServerTime=now,
        cachedExpryTime=now + timedelta(minutes=10),
        trafficBreakdown=models.TrafficBreakdown(pageviews=served.pages, uniques=served.uniques),
        bandwidthServed=models.Served(
            cloudflare=served.cached_bytes / 1_024, user=(served.bytes - served.cached_bytes) / 1_024
        ),
        requestsServed=models.Served(cloudflare=ours, user=theirs),
        pro_zone=bool(site.zone.props and site.zone.props.pro),
        currentServerTime=now,
        interval=action.interval,
        zoneCDate=site.created,
        userSecuritySetting=settings.userSecuritySetting,
        dev_mode=settings.dev_mode,
        ipv46=settings.ipv46,
        ob=settings.ob,
        cache_lvl=settings.cache_lvl,
        outboundLinks=settings.outboundLinks,
    )


def _zone_load_multi(call: _Call, action: act.ZoneLoadMulti) -> models.Page[models.Zone]:
    more, sites = call.page(call.account.listing, action.offset)
    return models.Page(has_more=more, count=len(sites), objs=tuple(site.zone for site in sites))


def _rec_load_all(call: _Call, action: act.RecLoadAll) -> models.Page[models.Record]:
    more, records = call.page(call.site(action.zone).listing(), action.offset)
    return models.Page(has_more=more, count=len(records), objs=records)


def _zone_check(call: _Call, action: act.ZoneCheck) -> Mapping[str, str]:
    # Not known: whether a paused zone counted as active. Here it does, as one does today.
    sites = call.account.sites
    return {name: sites[name].zone.zone_id for name in action.zones if name in sites}


def _zone_ips(call: _Call, action: act.ZoneIps) -> tuple[models.Visitor, ...]:
    call.site(action.zone)
    return tuple(
        attrs.evolve(
            visit.visitor,
            hits=visit.hits(action.hours),
            latitude=visit.visitor.latitude if action.geo else None,
            longitude=visit.visitor.longitude if action.geo else None,
        )
        for visit in visits(action.zone)
        if visit.ago <= action.hours and action.visitor_class in {None, visit.kind}
    )


def _ip_lkup(call: _Call, action: act.IpLkup) -> models.ThreatScore:
    """Bad is whom the account banned, and the network of the visitors that are threats."""
    listed = call.account.listed(call.now).get(action.ip)
    known = action.ip.startswith(THREAT_NETWORK) and listed is None
    if not known and listed is not models.ListAction.BANNED:
        return models.ThreatScore(ip=action.ip)
    return models.ThreatScore(ip=action.ip, verdict="BAD", score=draw("score", action.ip)[0] % 60)


def _zone_settings(call: _Call, action: act.ZoneSettings) -> models.ZoneSettings:
    return call.site(action.zone).settings


def _sec_lvl(call: _Call, action: act.SecLvl) -> models.Zone:
    return call.site(action.zone).set(sec_lvl=action.value, userSecuritySetting=in_words(action.value))


def _cache_lvl(call: _Call, action: act.CacheLvl) -> models.Zone:
    return call.site(action.zone).set(cache_lvl=action.value)


def _devmode(call: _Call, action: act.Devmode) -> models.DevelopmentMode:
    site = call.site(action.zone)
    if not action.on:
        # Not known: what `expires_on` said when it was switched off. Here it is left out.
        return models.DevelopmentMode(zone=call.account.develop(site, None))
    until = call.now + DEVELOPMENT
    return models.DevelopmentMode(expires_on=until, zone=call.account.develop(site, until))


def _fpurge_ts(call: _Call, action: act.FpurgeTs) -> models.Purge:
    site = call.site(action.zone)
    last = site.settings.fpurge_ts
    since = math.inf if last is None else (call.now - last).total_seconds()
    if 0 <= since < COOLDOWN:
        # Not known: what a purge within the cooldown of another was answered. Here it purges nothing,
        # and says when the last one was and how long to wait: a repeat after a lost answer does no harm.
        return models.Purge(fpurge_ts=last, zone=site.zone, cooldown=math.ceil(COOLDOWN - since))
    return models.Purge(fpurge_ts=call.now, zone=site.set(fpurge_ts=call.now), cooldown=COOLDOWN)


def _zone_file_purge(call: _Call, action: act.ZoneFilePurge) -> models.FilePurge:
    # Not known: whether the URL had to be one of the zone. Here any is taken.
    call.site(action.zone)
    return models.FilePurge(url=action.url)


def _wl(call: _Call, action: act.Wl) -> models.IpListing:
    call.account.listed(call.now)[action.ip] = models.ListAction.WHITELISTED
    return models.IpListing(ip=action.ip, action=models.ListAction.WHITELISTED)


def _ban(call: _Call, action: act.Ban) -> models.IpListing:
    call.account.listed(call.now)[action.ip] = models.ListAction.BANNED
    return models.IpListing(ip=action.ip, action=models.ListAction.BANNED)


def _nul(call: _Call, action: act.Nul) -> models.IpListing:
    call.account.listed(call.now).pop(action.ip, None)
    return models.IpListing(ip=action.ip, action=models.ListAction.UNLISTED)


def _ipv46(call: _Call, action: act.Ipv46) -> models.Zone:
    return call.site(action.zone).set(ipv46=models.IPv6Mode.FULL if action.on else models.IPv6Mode.OFF)


def _async(call: _Call, action: act.Async) -> None:
    call.site(action.zone).set(async_=action.value)


def _minify(call: _Call, action: act.Minify) -> None:
    call.site(action.zone).set(minify=action.value)


def _mirage2(call: _Call, action: act.Mirage2) -> None:
    call.site(action.zone).set(lazy=action.on)


def _written(call: _Call, action: act.RecNew | act.RecEdit, ident: str, *, proxied: bool) -> models.Record:
    """The record that this writes."""
    name, content = act.as_written(action)
    name = absolute_name(name, action.zone)
    if len(name) > 253:
        # Not known: the words. The name was short enough until the zone's was put behind it.
        raise call.refuse("Invalid record name.")
    return make_record(
        action.zone,
        action.type,
        name,
        content,
        rec_id=ident,
        ttl=action.ttl,
        prio=action.prio,
        # Not known: what became of a proxy in front of an address that it cannot reach. Here it stays off.
        service_mode=proxied and is_proxiable(action.type, content),
    )


def _rec_new(call: _Call, action: act.RecNew) -> models.Record:
    """Exact duplicates are accepted: whether version 1 did so is not known, but nobody reported a refusal.

    `service_mode` is not documented here, and reports conflict: what is given holds, otherwise it is off.
    """
    site = call.site(action.zone)
    return site.write(_written(call, action, str(next(call.ids)), proxied=action.service_mode is True), call.now)


def _rec_edit(call: _Call, action: act.RecEdit) -> models.Record:
    """The document's "will be updated to the data passed" is taken at its word for all but the proxy.

    Not known: whether leaving `service_mode` out switched the proxy off. Here it stays as it was.
    """
    site = call.site(action.zone)
    old = call.record(site, action.id)
    if old.type is not action.type:
        # The type could not be changed; the words are not known.
        raise call.refuse("Invalid record type.")
    proxied = old.service_mode if action.service_mode is None else action.service_mode
    return site.write(_written(call, action, action.id, proxied=bool(proxied)), call.now)


def _rec_delete(call: _Call, action: act.RecDelete) -> None:
    site = call.site(action.zone)
    site.delete(call.record(site, action.id))


_HANDLERS: Final[Mapping[type[Action[Any]], _Handler]] = types.MappingProxyType(
    {
        act.Stats: _stats,
        act.ZoneLoadMulti: _zone_load_multi,
        act.RecLoadAll: _rec_load_all,
        act.ZoneCheck: _zone_check,
        act.ZoneIps: _zone_ips,
        act.IpLkup: _ip_lkup,
        act.ZoneSettings: _zone_settings,
        act.SecLvl: _sec_lvl,
        act.CacheLvl: _cache_lvl,
        act.Devmode: _devmode,
        act.FpurgeTs: _fpurge_ts,
        act.ZoneFilePurge: _zone_file_purge,
        act.Wl: _wl,
        act.Ban: _ban,
        act.Nul: _nul,
        act.Ipv46: _ipv46,
        act.Async: _async,
        act.Minify: _minify,
        act.Mirage2: _mirage2,
        act.RecNew: _rec_new,
        act.RecEdit: _rec_edit,
        act.RecDelete: _rec_delete,
    }
)
