"""What `serve --to` puts behind the gateway, who may ask it, and what is written of each request."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Annotated, Final, Literal

import attrs
from cyclopts import Group, Parameter

from cfclient.admission import Bound, each_their_own
from cfclient.backend import Connect, Credentials
from cfclient.connect import V4_URL, connect
from cfclient.connect import settings as found_settings
from cfclient.errors import ConfigurationError
from cfclient.gateway import Access
from cfclient.harmless import harmless
from cfclient.pace import Pace
from cfclient.retry import Retry

from .options import Usage, flag, token_of

__all__ = ["NOTHING_BEHIND", "Behind", "accesses"]

_GATEWAY: Final = Group("Gateway (--to)", sort_key=1)

# Old programs wait for a minute at most, many for less; what is not done by then is refused while they listen.
_RETRY: Final = Retry(attempts=3, total=15.0, longest=5.0, patience=10.0)
_PACE: Final = Pace(max_wait=10.0)

# A client of today's Cloudflare has credentials; each request brings its own, so these are never sent.
_NOBODY: Final = "a-gateway-has-no-key-of-its-own"


@Parameter(name="*", group=_GATEWAY)
@attrs.frozen(kw_only=True)
class Behind:
    """Who carries out what the gateway is asked, and who may ask."""

    to: Annotated[
        Literal["v4"] | None,
        Parameter(
            help="Serve version 1 of the API, carried out by today's Cloudflare, for programs that still speak it."
        ),
    ] = None
    url: Annotated[str | None, Parameter(help=f"The address of version 4. Otherwise {V4_URL}.")] = None
    email: Annotated[
        str | None,
        Parameter(
            help="Bind the gateway to this account, instead of each request's own; the key comes from CFCLIENT_TOKEN "
            "or --token-file."
        ),
    ] = None
    token_file: Annotated[
        str | None,
        Parameter(
            allow_leading_hyphen=True,  # "-" is one
            help="A file with the key of the account that it is bound to, or without --email with an API token.",
        ),
    ] = None
    profile: Annotated[str | None, Parameter(help="Bind the gateway to the account of this profile.")] = None
    client_key_file: Annotated[
        Path | None,
        Parameter(
            help="Of a bound gateway: a file with the keys that its clients send as tkn, a line each. "
            "Otherwise CFCLIENT_CLIENT_KEY has the one key."
        ),
    ] = None
    account: Annotated[str | None, Parameter(help="The id of the only account whose zones and lists count.")] = None
    allow_plain_http: Annotated[bool, flag("Send keys unencrypted to an http address on another machine.")] = False

    def refuse_alone(self) -> None:
        """Raises where one of these is given without what it belongs to."""
        for name, value in attrs.asdict(self).items():
            if value:
                raise Usage(f"--{name.replace('_', '-')} belongs to a gateway: give --to v4 too")

    @property
    def bound(self) -> bool:
        """Whether it is bound to one account."""
        return bool(self.email or self.token_file or self.profile)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Connect]:
        """What the gateway serves; settings and files are looked at before anything is opened."""
        keys = self._keys()
        if keys is None:
            url, credentials = self.url or V4_URL, Credentials(None, _NOBODY)
            account, store = self.account, os.environ.get("CFCLIENT_PACE")
        else:
            token = self.token_file and token_of(self.token_file)
            found = found_settings(self.url, email=self.email, token=token, profile=self.profile)
            url, credentials = found.url, found.credentials
            account, store = self.account or found.account, found.pace
        if not url.partition("?")[0].rstrip("/").endswith("/client/v4"):
            raise Usage(f"--to v4 takes an address that ends in /client/v4, such as {V4_URL}, not {url!r}")
        async with connect(
            url,
            email=credentials.email,
            token=credentials.token,
            account=account,
            allow_plain_http=self.allow_plain_http,
            retry=_RETRY,
            pace=None if store == "none" else attrs.evolve(_PACE, store=store or None),
        ) as cf:
            yield each_their_own(cf.acting_as) if keys is None else Bound(cf, keys)

    def _keys(self) -> list[str] | None:
        """The clients' keys; None for a gateway that is bound to no account."""
        if not self.bound:
            if self.client_key_file:
                raise Usage("--client-key-file is for a gateway that is bound to an account: give --email too")
            return None
        one = os.environ.get("CFCLIENT_CLIENT_KEY")
        if self.client_key_file is None:
            if not one:
                raise Usage(
                    "a gateway that is bound to an account needs a key for its clients: give --client-key-file, or set "
                    "CFCLIENT_CLIENT_KEY"
                )
            return [one]
        try:
            lines = self.client_key_file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise Usage(f"--client-key-file {self.client_key_file} cannot be read: {error}") from None
        return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


NOTHING_BEHIND: Final = Behind()


@contextmanager
def accesses(where: str) -> Iterator[Callable[[Access], None] | None]:
    """What writes a line per request there: `-` is standard error, `none` nowhere, anything else a file."""
    if where == "none":
        yield None
    elif where == "-":
        yield _writer(sys.stderr.write)
    else:
        try:
            # Unbuffered, so that each line is there at once, and one that cannot be written is not tried again.
            file = open(where, "ab", buffering=0)  # noqa: SIM115  closed below
        except OSError as error:
            raise ConfigurationError(f"--access-log {where} cannot be written: {error.strerror}") from None
        with file:
            yield _writer(lambda line: file.write(line.encode()))


def _writer(put: Callable[[str], object]) -> Callable[[Access], None]:
    def write(access: Access) -> None:
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        took = f"{access.seconds * 1000:.0f}ms"
        # A full disk is no reason not to answer.
        with suppress(OSError):
            put(f"{moment} {harmless(access.client)} {access.action} {harmless(access.outcome)} {took}\n")

    return write
