"""The client: the 22 actions of the document as coroutine methods, and what is made of many of them.

A method named as the wire names the action is one request. A readable name is many: `records`,
`zones`, `perform_all`.
Every method raises `CloudflareError` and nothing else, cancellation aside; a wrong parameter raises
`InvalidInput` before anything is sent.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from . import actions as act
from . import bulk, models
from .actions import Action
from .backend import Backend, Connect, Credentials, RawBackend
from .bulk import Outcome, Outcomes
from .errors import ConfigurationError, InvalidInput, MisusedClient
from .loops import Home
from .pace import Budget
from .paging import Listing

__all__ = ["Client"]

T = TypeVar("T")


def _no_action(value: object) -> InvalidInput:
    return InvalidInput.of("action", value, "an action such as cfclient.actions.Stats('example.com')")


class Client:
    """Asks a backend; is one itself.

    Made by `cfclient.connect(...)`, or around any backend: `Client(backend)`.
    One client serves any number of tasks of one event loop.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        connect: Connect | None = None,
        home: Home | None = None,
        spare: Callable[[], bool] | None = None,
        budget: Callable[[Credentials], Awaitable[Budget]] | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        self._backend = backend
        self._connect = connect
        self._home = home or Home("client")
        # Whether connections and calls are to spare, for what is fetched on a guess.
        self._spare = spare
        self._budget = budget
        self._credentials = credentials

    def __repr__(self) -> str:
        """What it asks, and whether it is closed."""
        return f"<Client of {self._backend!r}{', closed' if self._home.closed else ''}>"

    async def perform(self, action: Action[T], /) -> T:
        """The answer to any action: what all methods below do."""
        self._home.check()
        if not isinstance(action, Action):
            raise _no_action(action)
        return await self._backend.perform(action)

    async def raw(self, action: Action[Any], /) -> dict[str, Any]:
        """The whole reply as plain data, without the echoed request: for keys that no class knows.

        From version 1 this is the decoded body; from any other backend, what version 1 would have sent.
        """
        self._home.check()
        if not isinstance(action, Action):
            raise _no_action(action)
        if isinstance(self._backend, RawBackend):
            return await self._backend.raw(action)
        from . import wire

        return wire.write(action, await self._backend.perform(action))

    def acting_as(self, credentials: Credentials) -> Client:
        """A client for another account over the same connections: cheap enough for every web request.

        May be called in any thread; what it gives is for the event loop of this client.

        Raises:
            MisusedClient: the client is closed, or was made around one backend.
            ConfigurationError: these are no credentials, or the service does not take their kind.
        """
        if self._connect is None:
            raise MisusedClient("this client was made around one backend, so it cannot act as another account")
        # Only calls belong to the event loop: web frameworks run plain functions in threads.
        self._home.check_open()
        if not isinstance(credentials, Credentials):
            given = type(credentials).__name__
            raise ConfigurationError(f"credentials: expected cfclient.Credentials(email, token), got {given}")
        return Client(
            self._connect(credentials),
            connect=self._connect,
            home=self._home,
            spare=self._spare,
            budget=self._budget,
            credentials=credentials,
        )

    async def budget(self) -> Budget | None:
        """What is left of the limit on calls, and when it refills; None where nothing is paced.

        The emulator in this process and `connect(..., pace=None)` pace nothing.
        """
        self._home.check()
        if self._budget is None or self._credentials is None:
            return None
        return await self._budget(self._credentials)

    # -- many requests -------------------------------------------------------------------------------

    def records(self, zone: str) -> Listing[models.Record]:
        """All records of a zone, however many pages they fill (§3.3).

        `async for record in client.records("example.com")`; `.pages()` gives the pages, `.ahead()` is a
        block that fetches ahead, `await .all()` a list.
        """
        first = act.RecLoadAll(zone)

        async def fetch(offset: int) -> models.Page[models.Record]:
            return await self.perform(act.RecLoadAll(first.zone, offset=offset))

        return Listing(fetch, lambda record: record.rec_id, f"the records of {first.zone}", spare=self._spare)

    def zones(self) -> Listing[models.Zone]:
        """All zones of the account, however many pages they fill (§3.2)."""

        async def fetch(offset: int) -> models.Page[models.Zone]:
            return await self.perform(act.ZoneLoadMulti(offset=offset))

        return Listing(fetch, lambda zone: zone.zone_id, "the account's zones", spare=self._spare)

    async def perform_all(
        self, actions: bulk.Actions[T], *, concurrency: int = 32, stop_on_error: bool = False
    ) -> list[Outcome[T]]:
        """The outcomes of many actions, in their order, at most `concurrency` under way at a time.

        An action that is refused is an outcome with an `error`; it stops the others only where
        `stop_on_error` is set, and then those under way still finish.
        """
        return await bulk.perform_all(self, actions, concurrency=concurrency, stop_on_error=stop_on_error)

    def stream_all(
        self,
        actions: bulk.Actions[T],
        *,
        concurrency: int = 32,
        ordered: bool = False,
        stop_on_error: bool = False,
    ) -> AbstractAsyncContextManager[Outcomes[T]]:
        """`perform_all` as a block, whose outcomes come as they finish, or in order where `ordered` is set.

        `async with client.stream_all(actions) as outcomes: async for outcome in outcomes: ...`
        """
        return bulk.stream_all(self, actions, concurrency=concurrency, ordered=ordered, stop_on_error=stop_on_error)

    # -- 3. Access -----------------------------------------------------------------------------------

    async def stats(self, zone: str, *, interval: models.Interval | int | str = 20) -> models.Stats:
        """The traffic and some settings of a zone (§3.1).

        Args:
            zone: the zone's name.
            interval: 20 the past 30 days, 30 the past 7 days, 40 the past day; for Pro accounts 100, 110
                and 120, the past 24, 12 and 6 hours.
        """
        return await self.perform(act.Stats(zone, interval=interval))

    async def zone_load_multi(self, *, offset: int = 0) -> models.Page[models.Zone]:
        """One page of the account's zones (§3.2); `zones()` gives all.

        Args:
            offset: how many zones to pass over. Not documented, but the reply has `has_more`.
        """
        return await self.perform(act.ZoneLoadMulti(offset=offset))

    async def rec_load_all(self, zone: str, *, offset: int = 0, size: int | None = None) -> models.Page[models.Record]:
        """One page of a zone's records (§3.3), 180 of them in the document; `records(zone)` gives all.

        Args:
            zone: the zone's name.
            offset: how many records to pass over.
            size: how many records to ask for at most; today's Cloudflare has 5,000 unless told, version 1
                chooses itself.
        """
        return await self.perform(act.RecLoadAll(zone, offset=offset, size=size))

    async def zone_check(self, zones: str | Iterable[str]) -> Mapping[str, str]:
        """The ids of the active ones among these zones (§3.4), by name.

        Args:
            zones: names, as an iterable or separated by commas.
        """
        return await self.perform(act.ZoneCheck(zones))

    async def zone_ips(
        self,
        zone: str,
        *,
        hours: int = 24,
        visitor_class: models.VisitorClass | str | None = None,
        geo: bool = False,
    ) -> tuple[models.Visitor, ...]:
        """The addresses that visited a zone (§3.5); the live service removed this in September 2014.

        Args:
            zone: the zone's name.
            hours: how far back, 1 to 48.
            visitor_class: "r" regular, "s" crawlers, "t" threats; None for all.
            geo: whether to add latitude and longitude.
        """
        return await self.perform(act.ZoneIps(zone, hours=hours, visitor_class=visitor_class, geo=geo))

    async def ip_lkup(self, ip: str | ipaddress.IPv4Address | ipaddress.IPv6Address) -> models.ThreatScore:
        """The threat score of an address (§3.6), on a logarithmic scale; its `score` is None where it has none."""
        return await self.perform(act.IpLkup(ip))

    async def zone_settings(self, zone: str, *, only: Iterable[str] | None = None) -> models.ZoneSettings:
        """All settings of a zone (§3.7); what the reply leaves out is None, which is not "off".

        Args:
            zone: the zone's name.
            only: the fields that are wanted. Today's Cloudflare tells each setting in a call of its own, so
                fewer fields are fewer calls; version 1 always answers all.
        """
        return await self.perform(act.ZoneSettings(zone, only=only))

    # -- 4. Modify -----------------------------------------------------------------------------------

    async def sec_lvl(self, zone: str, value: models.SecurityLevel | str) -> models.Zone | None:
        """Sets the security level (§4.1); the zone, or None where the service answers briefly.

        Args:
            zone: the zone's name.
            value: "help" (I'm under attack), "high", "med", "low" or "eoff" (essentially off).
        """
        return await self.perform(act.SecLvl(zone, value))

    async def cache_lvl(self, zone: str, value: models.CacheLevel | str) -> models.Zone | None:
        """Sets the caching level (§4.2); the zone, or None where the service answers briefly.

        Args:
            zone: the zone's name.
            value: "agg" or "basic".
        """
        return await self.perform(act.CacheLvl(zone, value))

    async def devmode(self, zone: str, on: bool | int | str) -> models.DevelopmentMode:
        """Switches development mode (§4.3), which ends by itself after three hours.

        Repeating it moves the end.
        """
        return await self.perform(act.Devmode(zone, on))

    async def fpurge_ts(self, zone: str) -> models.Purge:
        """Purges the whole cache of a zone (§4.4); it may take 48 hours to fill again."""
        return await self.perform(act.FpurgeTs(zone))

    async def zone_file_purge(self, zone: str, url: str) -> models.FilePurge:
        """Purges one file from the cache (§4.5).

        Args:
            zone: the zone's name.
            url: the absolute http or https URL; the two are two files.
        """
        return await self.perform(act.ZoneFilePurge(zone, url))

    async def wl(self, ip: str | ipaddress.IPv4Address | ipaddress.IPv6Address) -> models.IpListing:
        """Whitelists an address for the whole account (§4.6)."""
        return await self.perform(act.Wl(ip))

    async def ban(self, ip: str | ipaddress.IPv4Address | ipaddress.IPv6Address) -> models.IpListing:
        """Bans an address from the whole account (§4.6)."""
        return await self.perform(act.Ban(ip))

    async def nul(
        self, ip: str | ipaddress.IPv4Address | ipaddress.IPv6Address, *, force: bool = False
    ) -> models.IpListing:
        """Takes an address off both lists (§4.6).

        Args:
            ip: the address.
            force: also lift a rule that somebody else made. Today's Cloudflare tells who did; otherwise such a
                rule is left, and named in an `InvalidInput`.
        """
        return await self.perform(act.Nul(ip, force=force))

    async def ipv46(self, zone: str, on: bool | int | str) -> models.Zone | None:
        """Switches IPv6 (§4.7); the zone, or None where the service answers briefly."""
        return await self.perform(act.Ipv46(zone, on))

    async def async_(self, zone: str, value: models.RocketLoader | str | int) -> None:
        """Sets Rocket Loader (§4.8): "0" off, "a" automatic, "m" manual."""
        return await self.perform(act.Async(zone, value))

    async def minify(self, zone: str, value: models.Minify | int | str) -> None:
        """Sets what is minified (§4.9): JavaScript 1, CSS 2, HTML 4, added up."""
        return await self.perform(act.Minify(zone, value))

    async def mirage2(self, zone: str, on: bool | int | str) -> None:
        """Switches Mirage 2 (§4.10)."""
        return await self.perform(act.Mirage2(zone, on))

    # -- 5. DNS records ------------------------------------------------------------------------------

    async def rec_new(
        self,
        zone: str,
        type: models.RecordType | str,
        name: str,
        content: str,
        *,
        ttl: int = 1,
        prio: int | None = None,
        service: str | None = None,
        srvname: str | None = None,
        protocol: str | None = None,
        weight: int | None = None,
        port: int | None = None,
        target: str | None = None,
        service_mode: bool | None = None,
    ) -> models.Record:
        """Creates a record (§5.1): a repeat creates another.

        Args:
            zone: the zone's name.
            type: "A", "CNAME", "MX", ...
            name: relative, absolute, or "@" for the apex.
            content: depends on the type; "" for SRV.
            ttl: seconds, 120 to 86400 on version 1; 1 lets the service choose.
            prio: the priority, for MX and SRV.
            service: "_sip", for SRV.
            srvname: the name that the service is for, for SRV.
            protocol: "_tcp", "_udp" or "_tls", for SRV.
            weight: for SRV.
            port: for SRV.
            target: the host, for SRV.
            service_mode: the proxy (orange cloud) on or off, for A, AAAA and CNAME. Not documented for
                `rec_new`, so sent only where given: read the record that comes back.
        """
        return await self.perform(
            act.RecNew(
                zone,
                type,
                name,
                content,
                ttl=ttl,
                prio=prio,
                service=service,
                srvname=srvname,
                protocol=protocol,
                weight=weight,
                port=port,
                target=target,
                service_mode=service_mode,
            )
        )

    async def rec_edit(
        self,
        zone: str,
        id: str,
        type: models.RecordType | str,
        name: str,
        content: str,
        *,
        ttl: int = 1,
        service_mode: bool | None = None,
        prio: int | None = None,
        service: str | None = None,
        srvname: str | None = None,
        protocol: str | None = None,
        weight: int | None = None,
        port: int | None = None,
        target: str | None = None,
    ) -> models.Record:
        """Edits a record to what is given here (§5.2); its type cannot change.

        Whether leaving `service_mode` out leaves the proxy as it is, nobody knows of version 1: send it
        along, and read the record that comes back. The other parameters are those of `rec_new`.

        Args:
            zone: the zone's name.
            id: the record's `rec_id`.
            type: the record's type.
            name: relative, absolute, or "@" for the apex.
            content: depends on the type; "" for SRV.
            ttl: seconds, 120 to 86400 on version 1; 1 lets the service choose.
            service_mode: the proxy (orange cloud) on or off, for A, AAAA and CNAME.
            prio: the priority, for MX and SRV.
            service: "_sip", for SRV.
            srvname: the name that the service is for, for SRV.
            protocol: "_tcp", "_udp" or "_tls", for SRV.
            weight: for SRV.
            port: for SRV.
            target: the host, for SRV.
        """
        return await self.perform(
            act.RecEdit(
                zone,
                id,
                type,
                name,
                content,
                ttl=ttl,
                service_mode=service_mode,
                prio=prio,
                service=service,
                srvname=srvname,
                protocol=protocol,
                weight=weight,
                port=port,
                target=target,
            )
        )

    async def rec_delete(self, zone: str, id: str) -> None:
        """Deletes a record (§5.3); a repeat is refused with "Invalid record id."."""
        return await self.perform(act.RecDelete(zone, id))
