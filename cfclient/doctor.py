"""What stands in the way of a call, looked for step by step: versions, settings, the address, TLS, the credentials.

    Check       one thing that was looked at, and how it is
    examine     all of them, in the order in which a call needs them

What a step rests on comes before it: where the address does not answer, nobody is asked who the key is.
Nothing here is ever asked twice, and no check holds the key.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import socket
import ssl
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, suppress
from typing import Final, Literal
from urllib.parse import urlsplit

import anyio
import attrs
from anyio.streams.tls import TLSAttribute

from ._version import __version__
from .backend import Credentials
from .connect import Settings, config_path, connect, is_v4
from .errors import ApiError, CloudflareError, ConfigurationError, Unauthorized
from .exchanges import checked_address
from .pace import Pace, Pacing
from .private import exposed, unread

__all__ = ["Check", "State", "examine", "installed"]

#: "absent": an extra that is not installed; "skipped": it rests on something that failed
State = Literal["ok", "warning", "failed", "absent", "skipped"]


@attrs.frozen(kw_only=True)
class Check:
    """One thing that was looked at."""

    check: str
    state: State
    detail: str


_DISTRIBUTION: Final = "cfclient-async"
#: extras for who works on cfclient itself
_OURS: Final = {"dev", "docs", "bench"}
_NEED = re.compile(r"([\w.-]+)(?:[^;]*)(?:;.*\bextra == ['\"]([\w.-]+)['\"])?")

#: days before a certificate's end from which on it is a warning
_SOON: Final = 14
#: seconds for a connection and a handshake
_PATIENCE: Final = 10.0


# -- what is installed -------------------------------------------------------------------------------


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def installed() -> Iterator[Check]:
    """Python, cfclient, its libraries and its extras."""
    yield Check(
        check="python",
        state="ok",
        detail=f"{platform.python_version()} ({platform.python_implementation()}), {platform.system()}",
    )
    if (other := _version("cfclient")) is not None:
        words = f"the package cfclient {other} (of a drone) has the same import name: pip uninstall cfclient, and then"
        again = 'pip install --force-reinstall "cfclient-async[cli]"'
        yield Check(check="cfclient", state="warning", detail=f"{__version__}; {words} {again}")
    else:
        yield Check(check="cfclient", state="ok", detail=__version__)
    needs = _needs()
    for name in needs.pop("", ()):
        found = _version(name)
        yield Check(check=name, state="ok" if found else "warning", detail=found or "Python does not find it")
    for extra, packages in needs.items():
        versions = {name: _version(name) for name in packages}
        if all(versions.values()):
            detail = ", ".join(f"{name} {version}" for name, version in versions.items())
            yield Check(check=f"extra {extra}", state="ok", detail=detail)
        else:
            detail = f'not installed: pip install "{_DISTRIBUTION}[{extra}]"'
            yield Check(check=f"extra {extra}", state="absent", detail=detail)


def _needs() -> dict[str, list[str]]:
    """The packages of each extra, and of none (""), as this installation has them written down."""
    needs: dict[str, list[str]] = {}
    with suppress(importlib.metadata.PackageNotFoundError):
        for line in importlib.metadata.requires(_DISTRIBUTION) or ():
            name, extra = re.match(_NEED, line).groups(default="")  # type: ignore[union-attr]  # any line begins so
            if extra not in _OURS:
                needs.setdefault(extra, []).append(name)
    return needs


# -- what is configured ------------------------------------------------------------------------------


def _configuration() -> Check:
    """The file, and which profiles it has; no values."""
    path = config_path()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        warning = exposed(path) if "'token'" in str(data) else None
    except FileNotFoundError:
        return Check(check="configuration", state="ok", detail=f"{path} does not exist, and need not")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return Check(check="configuration", state="failed", detail=unread(path, error))
    if warning:
        return Check(check="configuration", state="warning", detail=warning)
    profiles = data.get("profiles")
    names = ", ".join(sorted(profiles)) if isinstance(profiles, dict) and profiles else "none"
    return Check(check="configuration", state="ok", detail=f"{path} (profiles: {names})")


def _settings(found: Settings) -> Iterator[Check]:
    origins = found.origins
    yield Check(check="address", state="ok", detail=f"{found.url} ({origins.get('url', 'the demo account')})")
    if found.url.startswith("emulator:"):
        yield Check(check="key", state="ok", detail="the emulator's own, or what was given")
        return
    email = found.credentials.email
    if email is not None:
        yield Check(check="e-mail", state="ok", detail=f"{email} ({origins['email']})")
    kind = "an API token" if email is None else "the account's global key" if is_v4(found.url) else "an API key"
    yield Check(check="key", state="ok", detail=f"{kind} ({origins['token']})")


# -- what answers ------------------------------------------------------------------------------------


async def _shaken(host: str, port: int, context: ssl.SSLContext | None) -> tuple[str, str] | None:
    """Connects and hangs up; where there is a context, the version of TLS and the certificate's end."""
    with anyio.fail_after(_PATIENCE):
        if context is None:
            await (await anyio.connect_tcp(host, port)).aclose()
            return None
        async with await anyio.connect_tcp(host, port, ssl_context=context, tls_standard_compatible=False) as stream:
            certificate = stream.extra(TLSAttribute.peer_certificate) or {}  # noqa: S610  this is no Django
            return str(stream.extra(TLSAttribute.tls_version)), str(certificate["notAfter"])  # noqa: S610


def _trust() -> ssl.SSLContext:
    """What calls trust, too."""
    import httpx

    return httpx.create_ssl_context()


async def _reached(url: str) -> Check:
    """Whether somebody answers, and how long its certificate holds."""
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    name = "tls" if secure else "connection"
    try:
        shaken = await _shaken(host, port, _trust() if secure else None)
    except (OSError, anyio.BrokenResourceError, anyio.EndOfStream) as error:
        return Check(check=name, state="failed", detail=f"{host}:{port}: {_why(error)}")
    if shaken is None:
        return Check(check=name, state="ok", detail=f"{host}:{port} answers; nothing is encrypted")
    version, until = shaken
    end = ssl.cert_time_to_seconds(until)
    days = int((end - time.time()) // 86400)
    detail = f"{host}:{port} speaks {version}; its certificate holds until {until}, for {days:,} days"
    return Check(check=name, state="warning" if days < _SOON else "ok", detail=detail)


def _why(error: BaseException) -> str:
    """What failed, and what to do about it."""
    # anyio says only that all attempts failed; the last of them says why.
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, ssl.SSLCertVerificationError):
        words, then = f"certificate: {error.verify_message}", "SSL_CERT_FILE names a file of other authorities"
    elif isinstance(error, ssl.SSLError | anyio.BrokenResourceError | anyio.EndOfStream):
        words, then = "no TLS is spoken there", "is it an http: address?"
    elif isinstance(error, socket.gaierror):
        words, then = "the name is not known", "check its spelling, and the resolver"
    elif isinstance(error, TimeoutError):
        words, then = f"no answer within {_PATIENCE:.0f} s", "check the network and firewalls"
    else:
        words, then = str(error) or type(error).__name__, "is the server running, and the port right?"
    if proxy := next((name for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY") if os.environ.get(name)), None):
        then += f" {proxy} is set, and used with trust_env=True only"
    return f"{words}; {then}"


# -- who asks ----------------------------------------------------------------------------------------


async def _asked(found: Settings, account: str | None, pace: Pace | None) -> list[Check]:
    """The credentials, checked with one call (and what they see, with another), and the budget."""
    checks: list[Check] = []
    try:
        if is_v4(found.url):
            return await _asked_today(found, account or found.account, pace)
        async with connect(
            found.url,
            email=found.credentials.email,
            token=found.credentials.token,
            retry=None,
            pace=pace,
            allow_plain_http=True,
        ) as client:
            page = await client.zone_load_multi()
            more = " or more" if page.has_more else ""
            checks.append(Check(check="credentials", state="ok", detail=f"accepted; {page.count:,} zones{more}"))
            left = await client.budget()
            checks.append(_budget(None if left is None else (left.left, left.limit, left.seconds), pace))
    except ConfigurationError as error:  # a package that the pace needs, say
        checks.append(Check(check="settings", state="failed", detail=str(error)))
    except CloudflareError as error:
        checks.append(_refused(error))
    return checks


def _budget(left: tuple[int, int, float] | None, pace: Pace | None) -> Check:
    if left is None:
        return Check(check="budget", state="ok", detail="calls are not paced here")
    shared = None if pace is None else pace.store
    knows = "this process knows" if shared is None else f"those know that share {shared.shown}"
    detail = f"{left[0]:,} of {left[1]:,} calls in {left[2]:g} s are left, as far as {knows}"
    return Check(check="budget", state="ok" if left[0] else "warning", detail=detail)


def _refused(error: CloudflareError) -> Check:
    words = str(error)
    if isinstance(error, Unauthorized):
        words += "; check the key and the e-mail address, or make a new key"
    elif "the shared budget" in words:  # nothing was sent, so neither the key nor the address is known to be wrong
        where = "is the place right that --pace, CFCLIENT_PACE or the profile names?"
        return Check(check="budget", state="failed", detail=f"{words}; {where}")
    elif not isinstance(error, ApiError):
        words += "; is it the address of the API?"
    return Check(check="credentials", state="failed", detail=words)


async def _asked_today(found: Settings, account: str | None, pace: Pace | None) -> list[Check]:
    from .backends.v4.identity import identify
    from .http.chosen import chosen

    url, _, query = found.url.partition("?")
    named = [value for key, _, value in (pair.partition("=") for pair in query.split("&")) if key == "account"]
    account = account or (named[0] if named else None)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(chosen(None))
        pacing = None if pace is None else Pacing(http, pace, url=url, credentials=found.credentials)
        if pacing is not None:
            stack.push_async_callback(pacing.aclose)
            http = pacing.http(found.credentials)
        told = await identify(http, found.credentials, url=url.rstrip("/"), account=account)
        left = None if pacing is None else await pacing.budget(found.credentials)
    checks = []
    if told.status is None:
        checks.append(Check(check="credentials", state="ok", detail="the key is accepted; it may do all its user may"))
    else:
        until = f", until {told.expires}" if told.expires else ", without an end"
        good = told.status == "active"
        detail = f"the API token is {told.status}{until}"
        checks.append(Check(check="credentials", state="ok" if good else "failed", detail=detail))
    if told.zones is None:
        detail = "no zone may be listed (Zone > Zone > Read); zone ids work where names do not"
        checks.append(Check(check="zones", state="warning", detail=detail))
    else:
        checks.append(Check(check="zones", state="ok" if told.zones else "warning", detail=f"{told.zones:,} are seen"))
    detail = ", ".join(told.permissions) or "not told; cfclient support --permissions says what each action takes"
    checks.append(Check(check="permissions", state="ok", detail=detail))
    checks.append(_budget(None if left is None else (left.left, left.limit, left.seconds), pace))
    return checks


# -- all of it ---------------------------------------------------------------------------------------


def _alone(_: Settings) -> Pace | None:
    return Pace()


async def examine(
    find: Callable[[], Settings],
    *,
    account: str | None = None,
    allow_plain_http: bool = False,
    pace: Callable[[Settings], Pace | None] = _alone,
) -> list[Check]:
    """Every check, in the order in which a call needs them; `find` and `pace` find the settings, or raise."""
    checks = [*installed(), _configuration()]
    try:
        found = find()
        if not found.url.startswith("emulator:"):
            checked_address(
                found.url.partition("?")[0], allow_plain_http=allow_plain_http, example="https://a.example/client/v4"
            )
            Credentials(found.credentials.email, found.credentials.token)
        policy = pace(found)
    except ConfigurationError as error:
        skipped = Check(check="credentials", state="skipped", detail="there is nobody to ask yet")
        return [*checks, Check(check="settings", state="failed", detail=str(error)), skipped]
    checks += _settings(found)
    if found.url.startswith("emulator:"):
        checks.append(Check(check="connection", state="ok", detail="none is needed: it is in this process"))
        return [*checks, *await _asked(found, account, policy)]
    reached = await _reached(found.url)
    checks.append(reached)
    if reached.state == "failed":
        detail = "not asked, because there is no connection"
        return [*checks, Check(check="credentials", state="skipped", detail=detail)]
    return [*checks, *await _asked(found, account, policy)]
