"""From one address to a ready client: the only place that knows every part.

    https://api.cloudflare.com/client/v4       today's Cloudflare: any address that ends so; the default
    https://www.cloudflare.com/api_json.html   version 1, wherever it is served: any other address
    emulator:?zones=25&seed=7                  CloudFlare in memory, in this process
    emulator:?face=v4&zones=25                 the same, asked as today's Cloudflare is

Each of the three settings (address, e-mail, key) is looked for in the arguments, then in the
environment (`CFCLIENT_URL`, `CFCLIENT_EMAIL`, `CFCLIENT_TOKEN`), then in a profile of `config.toml`, which may
say `token_keyring = true` instead of the key: it is then asked of the system's keyring.
So is the pace (`CFCLIENT_PACE`, `pace` in a profile); that of a profile goes with it, so it counts where the profile
is named, or where anything else was taken from it.
For today's Cloudflare a key without an e-mail address is an API token, so an address counts only where it
stands beside the key or before it; the last place is what Cloudflare's own SDK reads: `CLOUDFLARE_API_TOKEN`, or
`CLOUDFLARE_EMAIL` and `CLOUDFLARE_API_KEY`. Those are sent to no other kind of address.
"""

from __future__ import annotations

import difflib
import functools
import logging
import os
import sys
import time
import tomllib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, ParamSpec, cast
from urllib.parse import parse_qsl, urlsplit

import attrs

from .backend import Backend, Connect, Credentials, Token
from .bounds import DEFAULT, Bounds
from .client import Client
from .errors import CloudflareError, ConfigurationError, InvalidInput, MisusedClient
from .http import Http
from .http.chosen import Chosen, chosen
from .loops import Home
from .pace import Pace, Pacing, Wait
from .private import exposed, unread
from .retry import Holds, Retry, onlookers, retrying
from .shapes import integer

if TYPE_CHECKING:
    from .backends.emulator import Emulator

_log = logging.getLogger("cfclient.connect")

P = ParamSpec("P")

__all__ = ["Settings", "config_path", "connect", "emulator", "emulator_at", "emulator_options", "settings"]


@attrs.frozen(kw_only=True)
class Settings:
    """Where to ask and as whom; the key is in no repr."""

    url: str
    credentials: Credentials
    #: the id of the only account that counts, as the profile says that the credentials are of
    account: str | None = None
    #: where processes share the limit on calls, or "none", as the environment or the profile says it
    pace: str | None = None
    #: where each of url, email and token was found, for people
    origins: Mapping[str, str] = attrs.field(factory=dict, eq=False, repr=False)


def config_path() -> Path:
    """Where `config.toml` is on this platform."""
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or os.path.expanduser("~/AppData/Roaming"))
    elif sys.platform == "darwin":
        base = Path(os.path.expanduser("~/Library/Application Support"))
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config"))
    return base / "cfclient" / "config.toml"


_warned: set[Path] = set()


def _stored(path: Path) -> Mapping[str, Any]:
    """What the file says; one that holds a key and can be read by others earns a warning, once."""
    reason, data, warning = "", dict[str, Any](), None
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        warning = exposed(path)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = unread(path, error)
    if reason:
        # Not within the except clause: what is raised there keeps the error, and that one the file.
        raise ConfigurationError(reason)
    if warning and "'token'" in str(data) and path not in _warned:
        _warned.add(path)
        _log.warning("%s", warning)
    return data


def _profile(name: str | None, *, needed: bool = True) -> Mapping[str, Any]:
    """The settings of one profile; without a name those of "default", which need not be there."""
    path = config_path()
    wanted = name or os.environ.get("CFCLIENT_PROFILE")
    data = _stored(path)
    profiles = data.get("profiles", {})
    if not isinstance(profiles, dict) or not all(isinstance(profile, dict) for profile in profiles.values()):
        raise ConfigurationError(f"{path}: expected tables such as [profiles.default]")
    if wanted is not None and wanted not in profiles and needed:
        known = ", ".join(sorted(profiles)) or "none"
        raise ConfigurationError(f"there is no profile {wanted!r} in {path} (profiles there: {known})")
    called = wanted or "default"
    profile: Mapping[str, Any] = profiles.get(called, {})
    for key, value in profile.items():
        if key not in _KEYS:
            near = difflib.get_close_matches(key, _KEYS, n=1)
            meant = f" (did you mean {near[0]!r}?)" if near else ""
            raise ConfigurationError(f"{path}: profile {called!r} has {key!r}: expected {', '.join(_KEYS)}{meant}")
        if not isinstance(value, _KEYS[key]):
            right = "true or false" if _KEYS[key] is bool else "text in quotes"
            raise ConfigurationError(f"{path}: profile {called!r} has {key!r} that is not valid: expected {right}")
    if profile.get("token_keyring") and "token" in profile:
        raise ConfigurationError(f"{path}: profile {called!r} has token and token_keyring: one of them is enough")
    return {**profile, "name": called}


#: what the entries of cfclient in the system's keyring are called
KEYRING_SERVICE: Final = "cfclient"


def _from_keyring(user: str) -> str:
    """The key that the system's keyring has for this e-mail address, or profile."""
    try:
        import keyring
        from keyring.errors import KeyringError
    except ModuleNotFoundError as error:
        if error.name != "keyring":
            raise
        raise ConfigurationError(
            'token_keyring needs one more package: pip install "cfclient-async[keyring]"'
        ) from None
    token, reason = None, ""
    try:
        token = keyring.get_password(KEYRING_SERVICE, user)
    except KeyringError as error:
        # No word of the backend's beyond the kind of error: it is foreign, and handles keys.
        reason = type(error).__name__
    if reason:
        raise ConfigurationError(f"the keyring cannot be read ({reason}): is there one, and is it unlocked?")
    if not token:
        raise ConfigurationError(
            f"the keyring has no key for {user!r}: store it by the command: keyring set {KEYRING_SERVICE} {user}"
        )
    return token


#: where today's Cloudflare answers; the address where none is given
V4_URL: Final = "https://api.cloudflare.com/client/v4"

#: what a profile may have
_KEYS: Final = {"url": str, "email": str, "token": str, "token_keyring": bool, "account": str, "pace": str}

_SETTINGS: Final = {"url": "CFCLIENT_URL", "email": "CFCLIENT_EMAIL", "token": "CFCLIENT_TOKEN"}


#: a value, and where it was found, for people
_Found = tuple[Any, str]
#: asked for a key that is nowhere else, with the address and the e-mail address
Ask = Callable[[str, str | None], str]


def settings(
    url: str | None = None,
    *,
    email: str | None = None,
    token: Token | None = None,
    profile: str | None = None,
    ask: Ask | None = None,
    hint: str = "",
) -> Settings:
    """The address and the credentials, from the arguments, the environment, or a profile.

    An emulator has credentials of its own, which hold unless the arguments say otherwise.
    Without any address it is that of today's Cloudflare.

    Args:
        url: as `connect` takes it, and so are the next three.
        email: the account's e-mail address.
        token: the account's key.
        profile: the name of a profile.
        ask: is called with the address and the e-mail address where the key is nowhere, and gives it.
        hint: more places, for the words of an error that says that one is missing.

    Raises:
        ConfigurationError: one is missing; the message names all three places.
    """
    given = _given(url=url, email=email, token=token, profile=profile)
    # The file is read only when something is left to look for there, and the profile only once.
    named = bool(profile or os.environ.get("CFCLIENT_PROFILE"))
    stored = _profile(profile, needed=bool(profile) or not _is_whole(url, email, token)) if named else None

    def places(name: str) -> Iterator[_Found]:
        nonlocal stored
        yield given[name], f"given as {name}"
        yield os.environ.get(_SETTINGS[name]), _SETTINGS[name]
        stored = _profile(None) if stored is None else stored
        yield stored.get(name), f"profile {stored['name']}"

    def first(name: str) -> _Found:
        return next((found for found in places(name) if found[0]), (None, ""))

    def tokens(mail: Callable[[], str | None]) -> Iterator[_Found]:
        """The places of a key; the keyring stands where its profile does."""
        for value, where in places("token"):
            if not value and where.startswith("profile ") and stored is not None and stored.get("token_keyring"):
                yield _from_keyring(mail() or stored["name"]), f"the keyring, by {where}"
            else:
                yield value, where

    address, address_from = first("url")
    if not address:
        address, address_from = V4_URL, "nothing else is given"
    origins = {"url": address_from}
    account: str | None = None
    if _is_emulator(address):
        # Today's Cloudflare takes an API token alone; version 1 needs the e-mail address beside it.
        if token is not None and email is None and speaks_v4(address):
            return Settings(url=address, credentials=Credentials(None, token), origins=origins)
        return Settings(url=address, credentials=_demo(email, token), origins=origins)
    if is_v4(address):
        found = _of_today(places("email"), tokens(lambda: first("email")[0]))
        if found is None:
            if ask is None:
                raise ConfigurationError(_missing("token", ", or set CLOUDFLARE_API_TOKEN", hint))
            mail, mail_from = first("email")
            found = mail, mail_from, ask(address, mail), "asked for"
        mail, mail_from, key, key_from = found
        # The account of a profile that no argument names goes with its key: another key's zones lie elsewhere.
        if stored is not None and "account" not in dict(parse_qsl(address.partition("?")[2])):
            own = key_from.endswith(f"profile {stored['name']}") or stored.get("token") == key
            account = stored.get("account") if profile or own or (named and not token) else None
    else:
        mail, mail_from = first("email")
        if not mail:
            raise ConfigurationError(_missing("email", _ALONE, hint))
        key, key_from = next((one for one in tokens(lambda: mail) if one[0]), (None, ""))
        if key is None:
            if ask is None:
                raise ConfigurationError(_missing("token", "", hint))
            key, key_from = ask(address, mail), "asked for"
    origins |= {"email": mail_from, "token": key_from}
    pace = os.environ.get("CFCLIENT_PACE")
    if not pace and stored is not None and (named or any("profile " in where for where in origins.values())):
        pace = stored.get("pace")
    credentials = _credentials(mail, key, f"the e-mail address: {mail_from or 'none'}, the key: {key_from}")
    return Settings(url=address, credentials=credentials, account=account, pace=pace or None, origins=origins)


def _is_whole(url: str | None, email: str | None, token: Token | None) -> bool:
    """Whether these arguments leave nothing to look for."""
    if not url:
        return False
    return url.startswith("emulator:") or bool(token and (email or is_v4(url)))


def _credentials(email: str | None, token: Token, places: str) -> Credentials:
    """The credentials; where they cannot be used, the error names their places, and holds nothing of them."""
    reason = ""
    try:
        return Credentials(email, token)
    except ConfigurationError as error:
        reason = str(error)
    raise ConfigurationError(f"{reason} ({places})")


def _is_emulator(address: str) -> bool:
    """Whether this is an address of the emulator; raises for what is no address at all."""
    if address.startswith("emulator:"):
        return True
    if "://" not in address:
        raise ConfigurationError(
            f"{address!r} is not an address: expected one such as {V4_URL}, or emulator:?zones=25&seed=7"
        )
    return False


def _given(**given: Any) -> dict[str, Any]:
    """The same; what is given and empty was meant to be something, and what lies elsewhere may be another's."""
    for name, value in given.items():
        if isinstance(value, str) and not value:
            raise ConfigurationError(f"{name} is empty: leave it out, or give None, to have it looked for elsewhere")
    return given


_ALONE: Final = "; an API token alone is for an address that ends in /client/v4, which is today's Cloudflare"


def _missing(name: str, more: str, hint: str) -> str:
    return (
        f"no {name} is given: pass {name}=, or set {_SETTINGS[name]}, "
        f"or put `{name}` into a profile of {config_path()}{more}{hint}"
    )


def is_v4(url: str) -> bool:
    """Whether this is an address of today's Cloudflare: its path ends in /client/v4."""
    return url.partition("?")[0].rstrip("/").endswith("/client/v4")


def _of_today(emails: Iterator[_Found], tokens: Iterator[_Found]) -> tuple[Any, str, Any, str] | None:
    """The credentials for today's Cloudflare; an e-mail address that stands behind the key is another account's."""
    email: _Found = (None, "")
    for mail, token in zip(emails, tokens, strict=True):
        email = mail if mail[0] and not email[0] else email
        if token[0]:
            return email[0], email[1], token[0], token[1]
    api_token, api_key = os.environ.get("CLOUDFLARE_API_TOKEN"), os.environ.get("CLOUDFLARE_API_KEY")
    if api_token and not (email[0] and api_key):
        return None, "", api_token, "CLOUDFLARE_API_TOKEN"
    if not email[0]:
        email = os.environ.get("CLOUDFLARE_EMAIL"), "CLOUDFLARE_EMAIL"
    if api_key and email[0]:
        return email[0], email[1], api_key, "CLOUDFLARE_API_KEY"
    if api_key:
        raise ConfigurationError("CLOUDFLARE_API_KEY is set, and no e-mail address: set CLOUDFLARE_EMAIL too")
    return None


def _demo(email: str | None, token: Token | None) -> Credentials:
    """The emulator's own credentials, unless the arguments say otherwise."""
    from .backends.emulator import DEMO

    return Credentials(email or DEMO.email, token or DEMO.token)


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
    from .backends.emulator import Emulator

    return Emulator.demo(zones=zones, seed=seed, page_size=page_size, limit=limit, latency=latency, clock=clock)


def emulator_at(url: str) -> Emulator:
    """The emulator that an address such as `emulator:?zones=25&seed=7` describes.

    Options: `zones`, `seed`, `page_size`, `limit` (as `1200/300`, or `none`) and `latency` (milliseconds); `face`
    is how it is asked, as version 1 or as version 4.
    """
    return emulator(**emulator_options(url))


def face_of(url: str) -> str:
    """How an emulator of this address is asked: as "v1", or as "v4"."""
    return dict(parse_qsl(url.partition("?")[2])).get("face", "v1")


def speaks_v4(url: str) -> bool:
    """Whether what answers there is asked as today's Cloudflare: it is, or an emulator is asked as if it were."""
    return is_v4(url) or (url.startswith("emulator:") and face_of(url) == "v4")


def _way_to(url: str, http: Chosen, *, trust_env: bool) -> AbstractAsyncContextManager[Http]:
    """The adapter; to version 4 of an emulator in this process there is one way only."""
    return _inside(url) if url.startswith("emulator:") else chosen(http, trust_env=trust_env)


@asynccontextmanager
async def _inside(url: str) -> AsyncIterator[Http]:
    import httpx

    async with (
        httpx.AsyncClient(transport=httpx.ASGITransport(emulator_at(url).v4), trust_env=False) as within,
        chosen(within) as adapter,
    ):
        yield adapter


def emulator_options(url: str) -> dict[str, Any]:
    """The options that such an address gives to `emulator`."""
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
            elif name != "face":
                raise InvalidInput.of(name, value, "one of zones, seed, page_size, limit, latency, face")
            elif value not in {"v1", "v4"}:
                raise InvalidInput.of(name, value, "v1 or v4")
        except InvalidInput as error:
            raise ConfigurationError(f"{url}: {error.msg}") from None
    return options


def _limit(value: str) -> tuple[int, float] | None:
    calls, _, seconds = value.partition("/")
    if value == "none":
        return None
    try:
        return integer("limit", calls, 1), float(integer("limit", seconds, 1))
    except InvalidInput:
        raise InvalidInput.of("limit", value, "calls/seconds such as 1200/300, or none") from None


#: where version 4 of an emulator in this process is asked; no request leaves it
_INSIDE: Final = "https://emulator.invalid/client/v4"
_PATIENT: Final = Retry()
_PACE: Final = Pace()


def configured_pace(text: str | None, hook: Callable[[Wait], None] | None = None) -> Pace | None:
    """How fast to ask by a setting: where processes share the limit, "none", or None for this process alone."""
    return None if text == "none" else Pace(store=text, hook=hook)


def _watched(adapter: Http) -> Http:
    from .watching import watched

    return watched(adapter)


def _asking(make: Connect, retry: Retry | None, pacing: Pacing | None) -> Connect:
    """The same connect, asking again by the policy, or once; whoever looks on is told."""
    if retry is not None:
        return _patient(make, retry, Holds(pacing))
    if not onlookers:
        return make
    from .watching import observed

    return lambda credentials: observed(make(credentials))


def _patient(make: Connect, policy: Retry, holds: Holds) -> Connect:
    """The same connect, asking again; all accounts share what is known of the service's limits."""

    def connected(credentials: Credentials) -> Backend:
        return retrying(make(credentials), policy, holds=holds, account=credentials.principal)

    return connected


class _Block(AbstractAsyncContextManager[Client, bool | None]):
    """What `connect` gives: a block around a client, entered once."""

    def __init__(self, block: AbstractAsyncContextManager[Client, bool | None]) -> None:
        self._block = block
        self._entered = False

    async def __aenter__(self) -> Client:
        if self._entered:
            raise MisusedClient("this block was entered already: call cfclient.connect(...) again")
        self._entered = True
        return await self._block.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> bool | None:
        return await self._block.__aexit__(kind, error, frames)

    if not TYPE_CHECKING:  # to a type checker every name would be there

        def __getattr__(self, name):  # noqa: ANN001, ANN204  for the same reason
            how = f"`async with cfclient.connect(...) as cf:`, and then `cf.{name}`"
            raise AttributeError(f"connect(...) is no client yet, but a block: {how}")


def _as_block(
    make: Callable[P, AbstractAsyncContextManager[Client, bool | None]],
) -> Callable[P, AbstractAsyncContextManager[Client, bool | None]]:
    @functools.wraps(make)
    def block(*args: P.args, **kwargs: P.kwargs) -> AbstractAsyncContextManager[Client, bool | None]:
        return _Block(make(*args, **kwargs))

    return block


@_as_block
@asynccontextmanager
async def connect(
    url: str | Connect | None = None,
    *,
    email: str | None = None,
    token: Token | None = None,
    profile: str | None = None,
    account: str | None = None,
    http: Chosen = None,
    trust_env: bool = False,
    bounds: Bounds = DEFAULT,
    allow_plain_http: bool = False,
    retry: Retry | None = _PATIENT,
    pace: Pace | str | None = _PACE,
    principal: str | None = None,
) -> AsyncIterator[Client]:
    """A block in which a client is open: `async with cfclient.connect(...) as cf: await cf.stats(...)`.

    Args:
        url: one address for everything: one that ends in `/client/v4` is today's Cloudflare, which is the
            default; any other https URL is version 1; `emulator:?zones=25&seed=7` is the emulator, which
            `face=v4` among its options asks as today's Cloudflare. Or anything that makes a backend of credentials,
            such as an emulator's `connect`; it takes no other options than email, token, retry and pace.
        email: the account's e-mail address; without it the key is an API token of today's Cloudflare.
        token: the account's API key, or a callable that gives it before each exchange, sync or async.
        profile: the name of a profile in `config.toml`.
        account: the id of the only account whose zones and access rules count, on today's Cloudflare; the same
            as `?account=` in its address, or `account` in the profile.
        http: "httpx" (the default), "aiohttp" or "pycurl"; or a ready client of your own (proxies,
            transports, hooks), which is used and never closed: an `httpx.AsyncClient`, `httpx2.AsyncClient`,
            `aiohttp.ClientSession`, or a `pycurl.Curl` as a model; or any adapter.
        trust_env: use the proxies that the environment names, and the logins of a `.netrc`.
        bounds: how large a reply may be.
        allow_plain_http: send the key unencrypted to an `http:` address that is not on this machine.
        retry: what is asked again, how often and how patiently; None for nothing.
        pace: how fast to ask: a `Pace`, or where processes share the budget (`file:/path/to/budget.db`,
            `redis://host:6379/0`); None for as fast as can be. Only what goes over HTTP is paced. Where nothing
            is given, `CFCLIENT_PACE` or the profile may name the place, or say "none".
        principal: a name for whose budget it is, where the credentials do not tell: several API tokens of
            one user share one budget, and a key from a callable changes.

    Raises:
        ConfigurationError: a setting is missing or cannot be used.
    """
    home = Home("client")
    async with AsyncExitStack() as stack:
        try:
            make: Connect
            spare: Callable[[], bool] | None = None
            pacing: Pacing | None = None
            found: Settings | None = None
            policy = _checked(pace, retry=retry, bounds=bounds, principal=principal, texts=(email, token))
            if url is not None and not isinstance(url, str):
                make = _alone(
                    url,
                    profile=profile,
                    account=account,
                    http=http,
                    trust_env=trust_env,
                    bounds=bounds is not DEFAULT,
                    allow_plain_http=allow_plain_http,
                    principal=principal,
                )
                credentials = _demo(email, token)
            else:
                found = settings(url, email=email, token=token, profile=profile)
                credentials = found.credentials
                if account is not None and not speaks_v4(found.url):
                    raise ConfigurationError(
                        "account= narrows today's Cloudflare, whose address ends in /client/v4, only"
                    )
                account = found.account if account is None else account
                if pace is _PACE:
                    policy = configured_pace(found.pace)
                if found.url.startswith("emulator:") and not speaks_v4(found.url):
                    make = emulator_at(found.url).connect
                else:
                    adapter = await stack.enter_async_context(_way_to(found.url, http, trust_env=trust_env))
                    spare = getattr(adapter, "spare", None)
                    if onlookers or (retry is not None and retry.hook is not None):
                        adapter = _watched(adapter)
                    if policy is not None:
                        pacing = Pacing(adapter, policy, url=found.url, credentials=credentials, principal=principal)
                        stack.push_async_callback(pacing.aclose)
                        spare = _both(spare, pacing.spare)
                    over = _over(adapter, pacing)
                    if speaks_v4(found.url):
                        address = found.url if is_v4(found.url) else _INSIDE
                        make = _v4(address, over, bounds=bounds, account=account, allow_plain_http=allow_plain_http)
                    else:
                        make = _v1(found.url, over, bounds=bounds, allow_plain_http=allow_plain_http)
            make = _asking(make, retry, pacing)
            budget = None if pacing is None else pacing.budget
            client = Client(
                make(credentials), connect=make, home=home, spare=spare, budget=budget, credentials=credentials
            )
        except CloudflareError as error:
            # A kept error keeps its frames, and this one's locals are the arguments, the key among them.
            url = email = token = profile = found = None
            raise error.with_traceback(None) from None
        home.check()
        try:
            yield client
        finally:
            home.closed = True


def _alone(connect: object, **options: object) -> Connect:
    """What was given in an address's place; refuses options beside it, which nobody would heed."""
    if not callable(connect):
        hint = ": give its `connect`" if hasattr(connect, "connect") else ""
        raise ConfigurationError(f"url: expected an address or a connect, got {type(connect).__name__}{hint}")
    for name, value in options.items():
        if value:
            raise ConfigurationError(f"{name}= means nothing beside a connect such as an emulator's: leave it out")
    return cast("Connect", connect)


def _checked(
    pace: Pace | str | None, *, retry: object, bounds: object, principal: object, texts: tuple[object, object]
) -> Pace | None:
    """How fast to ask; raises for what would fail at the first call, in words of Python's."""
    _given(email=texts[0], token=texts[1])
    checks = (
        ("retry", retry, retry is None or isinstance(retry, Retry), "a cfclient.Retry, or None to ask once"),
        ("bounds", bounds, isinstance(bounds, Bounds), "a cfclient.Bounds"),
        ("principal", principal, principal is None or (isinstance(principal, str) and principal), "a name, or None"),
    )
    for name, value, sound, expected in checks:
        if not sound:
            raise ConfigurationError(f"{name}={value!r} is not valid: expected {expected}")
    return Pace.of(pace)


def _over(adapter: Http, pacing: Pacing | None) -> Callable[[Credentials], Http]:
    """What makes the adapter for one account."""
    return (lambda _: adapter) if pacing is None else pacing.http


def _both(one: Callable[[], bool] | None, other: Callable[[], bool]) -> Callable[[], bool]:
    return other if one is None else lambda: one() and other()


def _v1(url: str, over: Callable[[Credentials], Http], *, bounds: Bounds, allow_plain_http: bool) -> Connect:
    from .backends.v1 import DEFAULT_URL, V1
    from .exchanges import checked_address

    checked_address(url, allow_plain_http=allow_plain_http, example=DEFAULT_URL)

    def make(credentials: Credentials) -> Backend:
        return V1(over(credentials), credentials, url=url, bounds=bounds, allow_plain_http=allow_plain_http)

    return make


def _v4(
    url: str, over: Callable[[Credentials], Http], *, bounds: Bounds, account: str | None, allow_plain_http: bool
) -> Connect:
    from .backends.v4 import V4, Memory, Scope
    from .exchanges import checked_address

    address, _, query = url.partition("?")
    checked_address(address, allow_plain_http=allow_plain_http, example=V4_URL)
    options = dict(parse_qsl(query, keep_blank_values=True))
    if account is not None:
        options["account"] = account
    if unknown := sorted(options.keys() - {"account", "lists"}):
        raise ConfigurationError(f"{address}: {unknown[0]!r} is no option of it: expected account or lists")
    scope, memory = Scope(**options), Memory()

    def make(credentials: Credentials) -> Backend:
        return V4(
            over(credentials),
            credentials,
            url=address,
            bounds=bounds,
            scope=scope,
            memory=memory,
            allow_plain_http=allow_plain_http,
        )

    return make
