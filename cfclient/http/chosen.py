"""Which adapter: by the name of its library, or over a ready client of the user's."""

from __future__ import annotations

import importlib
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from cfclient.errors import ConfigurationError

from . import Http

if TYPE_CHECKING:
    import aiohttp
    import httpx
    import httpx2
    from pyreqwest.client import Client, ClientBuilder

__all__ = ["Chosen", "chosen"]

#: what `connect(http=...)` takes
Chosen: TypeAlias = (
    "Http | str | httpx.AsyncClient | httpx2.AsyncClient | aiohttp.ClientSession | Client | ClientBuilder | None"
)

_OWN: Final = {"httpx": "Lanes", "aiohttp": "Aiohttp", "pyreqwest": "Pyreqwest"}

# By the package and the name of its class, so that no library is loaded to find out whether a client is one of it.
_READY: Final = {
    ("httpx", "AsyncClient"): ("httpx", "Borrowed"),
    ("httpx2", "AsyncClient"): ("httpx", "Borrowed"),
    ("aiohttp", "ClientSession"): ("aiohttp", "Aiohttp"),
    ("pyreqwest", "Client"): ("pyreqwest", "Pyreqwest"),
    ("pyreqwest", "ClientBuilder"): ("pyreqwest", "Pyreqwest"),
}


def _class(library: str, name: str) -> Any:
    try:
        return getattr(importlib.import_module(f"cfclient.http.{library}"), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != library:
            raise  # pragma: no cover  a fault of ours, or of the library's own installation
        extra = f'pip install "cfclient-async[{library}]"'
        raise ConfigurationError(f"http={library!r} needs one more package: {extra}") from None


def chosen(http: Chosen, *, trust_env: bool = False) -> AbstractAsyncContextManager[Http]:
    """The adapter for the time of a block; what was given is not closed.

    Raises:
        ConfigurationError: it is none of those, or its library is missing.
    """
    if http is None or isinstance(http, str):
        name = http or "httpx"
        if name not in _OWN:
            raise ConfigurationError(f"http={name!r} is not known: expected one of {', '.join(_OWN)}, or a client")
        return cast("AbstractAsyncContextManager[Http]", _class(name, _OWN[name])(trust_env=trust_env))
    if trust_env:
        raise ConfigurationError("trust_env is for adapters that are made here; the one that was given has its own")
    for kind in type(http).__mro__:
        found = _READY.get((kind.__module__.partition(".")[0], kind.__name__))
        if found is not None:
            # A builder's client is the adapter's own; of a ready one the adapter closes nothing.
            adapter = _class(*found)(http)
            return cast(
                "AbstractAsyncContextManager[Http]", adapter if hasattr(adapter, "aclose") else nullcontext(adapter)
            )
    if not hasattr(http, "exchange"):
        raise ConfigurationError(
            f"http: expected one of {', '.join(_OWN)}, a client of theirs or an adapter, got {type(http).__name__}"
        )
    return nullcontext(cast("Http", http))
