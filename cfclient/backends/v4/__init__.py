"""The actions carried out by today's Cloudflare, version 4 of its API.

    V4                  the backend: an action in, its handler or its refusal, its answer out
    asking              one exchange: headers, address, body; at most 20 of one action at a time
    envelope            what every reply is wrapped in, and what its refusals mean
    memory              what a connection remembers: which name has which id
    zones, records, settings, purging, lists, analytics      the handlers, each with its side of the mapping
    retired             what is gone, since when, and what to use instead
    support             how far each action is carried out, and which permissions it takes

It speaks to any `Http`, so lanes, pacing and retrying hold for it as for any other backend.
Everything here follows from descriptions and recorded replies; nothing was tried against the live service.
"""

from __future__ import annotations

import types
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar, cast

import attrs

from cfclient import actions as act
from cfclient import limits
from cfclient.actions import Action
from cfclient.backend import Credentials, Departure, departing
from cfclient.bounds import DEFAULT, Bounds
from cfclient.errors import ApiError, ConfigurationError, Unauthorized, Unsupported
from cfclient.exchanges import checked_address
from cfclient.http import Http

from . import analytics, lists, purging, records, settings
from .asking import Asking, Scope
from .envelope import DUPLICATE, NO_ZONE, numbers_of
from .memory import Memory
from .retired import RETIRED
from .zones import Zones

__all__ = ["DEFAULT_URL", "HANDLERS", "V4", "Memory", "Scope"]

T = TypeVar("T")

DEFAULT_URL: Final = "https://api.cloudflare.com/client/v4"


@attrs.frozen
class _Hand:
    """What a handler is given."""

    asking: Asking
    zones: Zones
    memory: Memory


_Handler = Callable[[_Hand, Any], Awaitable[Any]]

#: by action; `retired.RETIRED` has the others
HANDLERS: Final[Mapping[type[Action[Any]], _Handler]] = types.MappingProxyType(
    {
        act.Stats: lambda hand, action: analytics.stats(hand.asking, hand.zones, action),
        act.ZoneLoadMulti: lambda hand, action: hand.zones.load_multi(action),
        act.RecLoadAll: lambda hand, action: records.load_all(hand.asking, hand.zones, action),
        act.ZoneCheck: lambda hand, action: hand.zones.check(action),
        act.ZoneIps: lambda hand, action: analytics.visitors(hand.asking, hand.zones, action),
        act.ZoneSettings: lambda hand, action: settings.read_all(hand.asking, hand.zones, hand.memory, action),
        act.SecLvl: lambda hand, action: settings.set_value(hand.asking, hand.zones, action),
        act.CacheLvl: lambda hand, action: settings.set_value(hand.asking, hand.zones, action),
        act.Devmode: lambda hand, action: settings.set_devmode(hand.asking, hand.zones, action),
        act.FpurgeTs: lambda hand, action: purging.everything(hand.asking, hand.zones, hand.memory, action),
        act.ZoneFilePurge: lambda hand, action: purging.one_file(hand.asking, hand.zones, action),
        act.Wl: lambda hand, action: lists.put(hand.asking, hand.zones, hand.memory, action),
        act.Ban: lambda hand, action: lists.put(hand.asking, hand.zones, hand.memory, action),
        act.Nul: lambda hand, action: lists.lift(hand.asking, hand.zones, hand.memory, action),
        act.Ipv46: lambda hand, action: settings.set_value(hand.asking, hand.zones, action),
        act.Async: lambda hand, action: settings.set_async(hand.asking, hand.zones, action),
        act.RecNew: lambda hand, action: records.create(hand.asking, hand.zones, action),
        act.RecEdit: lambda hand, action: records.edit(hand.asking, hand.zones, hand.memory, action),
        act.RecDelete: lambda hand, action: records.delete(hand.asking, hand.zones, action),
    }
)

#: the windows that these count in; all others in "api" alone
WINDOWS: Final[Mapping[type[Action[Any]], frozenset[str]]] = types.MappingProxyType(
    {kind: frozenset({"api", "graphql"}) for kind in (act.Stats, act.ZoneIps)}
)


class V4:
    """Today's Cloudflare, for one account or token, over any `Http`."""

    #: the codes with which an exact duplicate of a record is refused, so that a create in doubt can be asked again
    refuses_duplicates: Final = DUPLICATE
    #: the windows that some actions count in, beside the usual one
    windows: Final = WINDOWS

    def __init__(
        self,
        http: Http,
        credentials: Credentials,
        *,
        url: str = DEFAULT_URL,
        bounds: Bounds = DEFAULT,
        scope: Scope | None = None,
        memory: Memory | None = None,
        allow_plain_http: bool = False,
    ) -> None:
        if credentials.email is not None and not credentials.email.isascii():
            raise ConfigurationError("the e-mail address cannot be used: expected ASCII, because a header carries it")
        self._http = http
        self._credentials = credentials
        self._url = checked_address(url, allow_plain_http=allow_plain_http, example=DEFAULT_URL).rstrip("/")
        self._bounds = bounds
        self._scope = scope or Scope()
        self._memory = memory or Memory()

    def __repr__(self) -> str:
        """Where, and for whom."""
        return f"<V4 {self._url} as {self._credentials.email or 'an API token'}>"

    async def perform(self, action: Action[T], /) -> T:
        """The answer, checked against the service's limits before anything is sent.

        Raises:
            Unsupported: Cloudflare retired it; `why` says when, and what to use instead.
        """
        retired = RETIRED.get(action.wire_name)
        if retired is not None:
            raise Unsupported(action.wire_name, str(retired))
        handler = HANDLERS.get(type(action))
        if handler is None:
            raise Unsupported(action.wire_name, "no action of version 1 that is known here")
        limits.V4.check(action)
        asking = Asking(
            http=self._http,
            url=self._url,
            credentials=self._credentials,
            action=action,
            scope=self._scope,
            bounds=self._bounds,
        )
        zones = Zones(asking, self._memory)
        # Of an action that is asked once, all exchanges together wait no longer than a call may.
        token = departing.set(Departure()) if departing.get() is None else None
        try:
            return cast("T", await handler(_Hand(asking, zones, self._memory), action))
        except ApiError as error:
            # A zone or an account that has gone, or is another's now, may be answered like a missing permission.
            if isinstance(error, Unauthorized) or numbers_of(error) & NO_ZONE:
                zone = getattr(action, "zone", None)
                if zone is not None:
                    zones.forget(zone)
                lists.forget(asking, self._memory)
            raise
        finally:
            if token is not None:
                departing.reset(token)
