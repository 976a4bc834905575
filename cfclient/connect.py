"""From one address to a ready client: the only place that knows every part.

    https://www.cloudflare.com/api_json.html   version 1, wherever it is served
    emulator:?zones=25&seed=7                  CloudFlare in memory, in this process

Each of the three settings (address, e-mail, key) is looked for in the arguments, then in the
environment (`CFCLIENT_URL`, `CFCLIENT_EMAIL`, `CFCLIENT_TOKEN`), then in a profile of `config.toml`.
"""

from __future__ import annotations

import os
import sys
import time
import tomllib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

import attrs

from .backend import Backend, Connect, Credentials, Token
from .backends.emulator import DEMO, Emulator
from .client import Client
from .errors import ConfigurationError, InvalidInput
from .http import Http
from .loops import Home
from .retry import Holds, Retry, retrying
from .shapes import integer

if TYPE_CHECKING:
    import httpx

__all__ = ["Settings", "config_path", "connect", "emulator", "emulator_at", "settings"]


@attrs.frozen(kw_only=True)
class Settings:
    """Where to ask and as whom; the key is in no repr."""

    url: str
    credentials: Credentials


def config_path() -> Path:
    """Where `config.toml` is on this platform."""
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or os.path.expanduser("~/AppData/Roaming"))
    elif sys.platform == "darwin":
        base = Path(os.path.expanduser("~/Library/Application Support"))
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config"))
    return base / "cfclient" / "config.toml"


def _profile(name: str | None) -> Mapping[str, str]:
    """The settings of one profile; without a name those of "default", which need not be there."""
    path = config_path()
    wanted = name or os.environ.get("CFCLIENT_PROFILE")
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        data = {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from None
    profiles = data.get("profiles", {})
    if not isinstance(profiles, dict) or not all(isinstance(profile, dict) for profile in profiles.values()):
        raise ConfigurationError(f"{path}: expected tables such as [profiles.default]")
    if wanted is not None and wanted not in profiles:
        known = ", ".join(sorted(profiles)) or "none"
        raise ConfigurationError(f"there is no profile {wanted!r} in {path} (profiles there: {known})")
    profile: Mapping[str, str] = profiles.get(wanted or "default", {})
    if odd := [key for key, value in profile.items() if key not in _SETTINGS or not isinstance(value, str)]:
        raise ConfigurationError(
            f"{path}: profile {wanted or 'default'!r} has {odd[0]!r}: expected url, email or token"
        )
    return profile


_SETTINGS: Final = {"url": "CFCLIENT_URL", "email": "CFCLIENT_EMAIL", "token": "CFCLIENT_TOKEN"}


def settings(
    url: str | None = None, *, email: str | None = None, token: Token | None = None, profile: str | None = None
) -> Settings:
    """The address and the credentials, from the arguments, the environment, or a profile.

    An emulator has credentials of its own, which hold unless the arguments say otherwise.

    Raises:
        ConfigurationError: one is missing; the message names all three places.
    """
    given = {"url": url, "email": email, "token": token if isinstance(token, str) else None}
    # The file is read only when something is left to look for there, and the profile only once.
    stored = _profile(profile) if profile or os.environ.get("CFCLIENT_PROFILE") else None

    def find(name: str) -> str:
        nonlocal stored
        value = given[name] or os.environ.get(_SETTINGS[name])
        if not value:
            stored = _profile(None) if stored is None else stored
            value = stored.get(name)
        if not value:
            raise ConfigurationError(
                f"no {name} is given: pass {name}=, or set {_SETTINGS[name]}, "
                f"or put `{name}` into a profile of {config_path()}"
            )
        return value

    address = find("url")
    if address.startswith("emulator:"):
        return Settings(url=address, credentials=Credentials(email or DEMO.email, token or DEMO.token))
    who = find("email")
    return Settings(url=address, credentials=Credentials(who, token if callable(token) else find("token")))


def emulator(
    *,
    zones: int = 25,
    seed: int = 1,
    page_size: int = 180,
    limit: tuple[int, float] | None = (1200, 300.0),
    latency: float = 0.0,
    clock: Callable[[], float] = time.time,
) -> Emulator:
    """CloudFlare in memory, with the demo account in it: `connect(cfclient.emulator(zones=3).connect)`.

    Args:
        zones: how many zones the account has.
        seed: the same seed makes the same account.
        page_size: how many zones or records one reply lists.
        limit: how many calls in how many seconds an account may make, or None for any number.
        latency: seconds that each call takes.
        clock: what says the time, in seconds since 1970.
    """
    return Emulator.demo(zones=zones, seed=seed, page_size=page_size, limit=limit, latency=latency, clock=clock)


def emulator_at(url: str) -> Emulator:
    """The emulator that an address such as `emulator:?zones=25&seed=7` describes.

    Options: `zones`, `seed`, `page_size`, `limit` (as `1200/300`, or `none`) and `latency` (milliseconds).
    """
    parts = urlsplit(url)
    if parts.netloc or parts.path or parts.fragment:
        raise ConfigurationError(
            f"{url!r} is not an emulator's address: expected one such as emulator:?zones=25&seed=7"
        )
    options: dict[str, Any] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        try:
            if name in {"zones", "seed", "page_size"}:
                options[name] = integer(name, value, 1 if name == "page_size" else 0)
            elif name == "latency":
                options[name] = integer(name, value, 0, 600_000) / 1000
            elif name == "limit":
                options[name] = _limit(value)
            else:
                raise InvalidInput.of(name, value, "one of zones, seed, page_size, limit, latency")
        except InvalidInput as error:
            raise ConfigurationError(f"{url}: {error.msg}") from None
    return emulator(**options)


def _limit(value: str) -> tuple[int, float] | None:
    calls, _, seconds = value.partition("/")
    if value == "none":
        return None
    try:
        return integer("limit", calls, 1), float(integer("limit", seconds, 1))
    except InvalidInput:
        raise InvalidInput.of("limit", value, "calls/seconds such as 1200/300, or none") from None


_PATIENT: Final = Retry()


def _patient(make: Connect, policy: Retry) -> Connect:
    """The same connect, asking again; all accounts share what is known of the service's limits."""
    holds = Holds()

    def connected(credentials: Credentials) -> Backend:
        return retrying(make(credentials), policy, holds=holds, account=credentials.principal)

    return connected


@asynccontextmanager
async def connect(
    url: str | Connect | None = None,
    *,
    email: str | None = None,
    token: Token | None = None,
    profile: str | None = None,
    http: Http | httpx.AsyncClient | None = None,
    allow_plain_http: bool = False,
    retry: Retry | None = _PATIENT,
) -> AsyncIterator[Client]:
    """A block in which a client is open: `async with cfclient.connect(...) as cf: await cf.stats(...)`.

    Args:
        url: one address for everything: an https URL is version 1, `emulator:?zones=25&seed=7` is the
            emulator. Or anything that makes a backend of credentials, such as an emulator's `connect`.
        email: the account's e-mail address.
        token: the account's API key, or a callable that gives it before each exchange, sync or async.
        profile: the name of a profile in `config.toml`.
        http: an adapter, or an `httpx.AsyncClient` of your own (proxies, transports, hooks), which is
            used and never closed. Without it, lanes of one connection each are opened, and closed again.
        allow_plain_http: send the key unencrypted to an `http:` address that is not on this machine.
        retry: what is asked again, how often and how patiently; None for nothing.

    Raises:
        ConfigurationError: a setting is missing or cannot be used.
    """
    home = Home("client")
    async with AsyncExitStack() as stack:
        make: Connect
        spare: Callable[[], bool] | None = None
        if url is not None and not isinstance(url, str):
            if not callable(url):
                raise ConfigurationError(f"url: expected an address or a connect, got {type(url).__name__}")
            make = url
            credentials = Credentials(email or DEMO.email, token or DEMO.token)
        else:
            found = settings(url, email=email, token=token, profile=profile)
            credentials = found.credentials
            if found.url.startswith("emulator:"):
                make = emulator_at(found.url).connect
            else:
                adapter = await _adapter(stack, http)
                spare = getattr(adapter, "spare", None)
                make = _v1(found.url, adapter, allow_plain_http=allow_plain_http)
        if retry is not None:
            make = _patient(make, retry)
        client = Client(make(credentials), connect=make, home=home, spare=spare)
        home.check()
        try:
            yield client
        finally:
            home.closed = True


def _v1(url: str, adapter: Http, *, allow_plain_http: bool) -> Connect:
    from .backends.v1 import DEFAULT_URL, V1
    from .exchanges import checked_address

    checked_address(url, allow_plain_http=allow_plain_http, example=DEFAULT_URL)

    def make(credentials: Credentials) -> Backend:
        return V1(adapter, credentials, url=url, allow_plain_http=allow_plain_http)

    return make


async def _adapter(stack: AsyncExitStack, http: Http | httpx.AsyncClient | None) -> Http:
    import httpx

    from .http.httpx import Borrowed, Lanes

    if http is None:
        return await stack.enter_async_context(Lanes())
    if isinstance(http, httpx.AsyncClient):
        return Borrowed(http)
    if not hasattr(http, "exchange"):
        raise ConfigurationError(f"http: expected an httpx.AsyncClient or an adapter, got {type(http).__name__}")
    return http
