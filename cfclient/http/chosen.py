"""Which adapter: by the name of its library, or over a ready client of the user's."""

from __future__ import annotations

import importlib
from contextlib import AbstractAsyncContextManager, nullcontext
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias, cast

from cfclient.errors import ConfigurationError, MisusedClient

from . import Http, Reply, Request

if TYPE_CHECKING:
    import aiohttp
    import httpx
    import httpx2
    import pycurl

    from .httpx import Lanes

__all__ = ["Chosen", "chosen"]

#: what `connect(http=...)` takes
Chosen: TypeAlias = "Http | str | httpx.AsyncClient | httpx2.AsyncClient | aiohttp.ClientSession | pycurl.Curl | None"

_OWN: Final = {"httpx": "Lanes", "aiohttp": "Aiohttp", "pycurl": "Pycurl"}

# By the package and the name of its class, so that no library is loaded to find out whether a client is one of it.
_READY: Final = {
    ("httpx", "AsyncClient"): ("httpx", "Borrowed"),
    ("httpx2", "AsyncClient"): ("httpx", "Borrowed"),
    ("aiohttp", "ClientSession"): ("aiohttp", "Aiohttp"),
    ("pycurl", "Curl"): ("pycurl", "Pycurl"),
}


def _class(library: str, name: str) -> Any:
    try:
        return getattr(importlib.import_module(f"cfclient.http.{library}"), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != library:
            raise  # pragma: no cover  a fault of ours, or of the library's own installation
        extra = f'pip install "cfclient-async[{library}]"'
        raise ConfigurationError(f"http={library!r} needs one more package: {extra}") from None


class _WhenUsed:
    """The default adapter, made at the first exchange: loading httpx takes longer than all else of a start."""

    def __init__(self, *, trust_env: bool) -> None:
        self._trust_env = trust_env
        self._lanes: Lanes | None = None
        self._closed = False

    def __repr__(self) -> str:
        state = "closed" if self._closed else "not used yet"
        return f"<Lanes {state}>" if self._lanes is None else repr(self._lanes)

    def spare(self) -> bool:
        """Whether a further exchange would take a lane from nobody."""
        return self._lanes is None or self._lanes.spare()

    async def exchange(self, request: Request, /) -> Reply:
        """The reply; see `Lanes.exchange`."""
        lanes = self._lanes
        if lanes is None:
            if self._closed:
                raise MisusedClient("this HTTP adapter is closed: open a new one")
            made: Lanes = _class("httpx", "Lanes")(trust_env=self._trust_env)
            self._lanes = lanes = made
        return await lanes.exchange(request)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._closed = True
        if self._lanes is not None:
            await self._lanes.aclose()


def chosen(http: Chosen, *, trust_env: bool = False) -> AbstractAsyncContextManager[Http]:
    """The adapter for the time of a block; what was given is not closed.

    Raises:
        ConfigurationError: it is none of those, or its library is missing.
    """
    if http is None or isinstance(http, str):
        name = http or "httpx"
        if name not in _OWN:
            raise ConfigurationError(f"http={name!r} is not known: expected one of {', '.join(_OWN)}, or a client")
        if name == "httpx":
            return _WhenUsed(trust_env=trust_env)
        return cast("AbstractAsyncContextManager[Http]", _class(name, _OWN[name])(trust_env=trust_env))
    if trust_env:
        raise ConfigurationError("trust_env is for adapters that are made here; the one that was given has its own")
    for kind in type(http).__mro__:
        found = _READY.get((kind.__module__.partition(".")[0], kind.__name__))
        if found is not None:
            # Of a handle the adapter uses copies, over connections of its own; of a ready client it closes nothing.
            adapter = _class(*found)(http)
            return cast(
                "AbstractAsyncContextManager[Http]", adapter if hasattr(adapter, "aclose") else nullcontext(adapter)
            )
    if not hasattr(http, "exchange"):
        raise ConfigurationError(
            f"http: expected one of {', '.join(_OWN)}, a client of theirs or an adapter, got {type(http).__name__}"
        )
    return nullcontext(cast("Http", http))
