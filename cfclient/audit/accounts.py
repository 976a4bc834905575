"""Many accounts in one run: each with its own zones, its own limits, and its own report.

    [accounts.acme]                          # the name: letters, digits, dots, dashes, underscores
    url = "https://v1.example.net/api_json.html"
    email = "you@example.com"                # left out where the key is an API token
    token_env = "ACME_KEY"                   # or token_file = "acme.key", or token = "..."
    zones = ["example.com"]                  # left out for all of the account's

A zone is always told together with its account, so one that two accounts see is two, never mixed up.
Accounts of one address share its connections; what the service allows is counted for each principal,
as for everybody else (`acting_as`).
"""

from __future__ import annotations

import os
import re
import tomllib
import warnings
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio
import attrs
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from cfclient import shapes
from cfclient.audit.gather import Audit, audit
from cfclient.audit.model import Exemption, Rule, Summary, ZoneAudit
from cfclient.audit.rules import RULES
from cfclient.backend import Connect, Credentials, Token
from cfclient.backends.emulator import DEMO
from cfclient.client import Client
from cfclient.connect import connect
from cfclient.errors import CloudflareError, ConfigurationError, InvalidInput, MisusedClient
from cfclient.loops import tasks_beside
from cfclient.private import exposed, unread

__all__ = ["AccountsAudit", "AuditAccount", "Step", "audit_accounts", "read_accounts"]

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")


def _sound_name(_: object, __: attrs.Attribute[str], value: str) -> None:
    if not _NAME.fullmatch(value):
        raise ConfigurationError(
            f"account {value!r}: expected a name of up to 64 letters, digits, dots, dashes and underscores"
        )


@attrs.frozen(kw_only=True)
class AuditAccount:
    """An account that is to be audited."""

    #: its folder is called so
    name: str = attrs.field(validator=_sound_name)
    #: as `connect` takes it
    url: str | Connect
    credentials: Credentials
    #: names or ids; None for all of the account's
    zones: tuple[str, ...] | None = None


# -- the file ----------------------------------------------------------------------------------------

_KEYS: Final = {"url": str, "email": str, "token": str, "token_env": str, "token_file": str, "zones": list}


def read_accounts(path: Path, *, environment: Mapping[str, str] = os.environ) -> tuple[AuditAccount, ...]:
    """The accounts of a file, whose shape stands at the head of this module.

    Where other users of the machine may read a file with keys in it, that is a warning.

    Raises:
        ConfigurationError: it cannot be read, or is not of that shape; the message names the place.
    """
    reason, data = "", dict[str, Any]()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = unread(path, error)
    if reason:
        # Not within the except clause: what is raised there keeps the error, and that one the file.
        raise ConfigurationError(reason)
    tables = data.get("accounts")
    if not isinstance(tables, dict) or not tables or not all(isinstance(table, dict) for table in tables.values()):
        raise ConfigurationError(f"{path}: expected tables such as [accounts.acme]")
    if any("token" in table for table in tables.values()):
        _warn(path)
    return tuple(_account(path, name, table, environment) for name, table in tables.items())


def _warn(path: Path) -> None:
    if words := exposed(path):
        warnings.warn(words, stacklevel=3)


def _account(path: Path, name: str, table: Mapping[str, Any], environment: Mapping[str, str]) -> AuditAccount:
    place = f"{path}: account {name!r}"
    for key, value in table.items():
        if key not in _KEYS or not isinstance(value, _KEYS[key]):
            raise ConfigurationError(f"{place}: {key!r} is not as expected: known are {', '.join(_KEYS)}")
    if "url" not in table:
        raise ConfigurationError(f"{place}: 'url' is missing")
    zones = table.get("zones")
    if zones is not None and not (zones and all(isinstance(zone, str) for zone in zones)):
        raise ConfigurationError(f"{place}: 'zones' is not as expected: a list of names, or left out for all")
    email: str | None = table.get("email")
    token: Token | None = _token(path, place, table, environment)
    if table["url"].startswith("emulator:"):
        email, token = email or DEMO.email, token or DEMO.token
    if token is None:
        raise ConfigurationError(f"{place}: the key is missing: give token_env, token_file or token")
    return AuditAccount(
        name=name,
        url=table["url"],
        credentials=Credentials(email, token),
        zones=None if zones is None else tuple(zones),
    )


def _token(path: Path, place: str, table: Mapping[str, Any], environment: Mapping[str, str]) -> str | None:
    token: str | None
    given = [key for key in ("token", "token_env", "token_file") if key in table]
    if len(given) > 1:
        raise ConfigurationError(f"{place}: {' and '.join(given)} are given: one of them is enough")
    if given == ["token_env"]:
        token = environment.get(table["token_env"])
        if not token:
            raise ConfigurationError(f"{place}: the environment has no {table['token_env']}")
        return token
    if given == ["token_file"]:
        file = path.parent / table["token_file"]
        token, reason = None, ""
        try:
            token = file.read_text(encoding="utf-8").strip()
        except OSError as error:
            reason = unread(file, error)
        except UnicodeDecodeError:
            reason = f"{file} cannot be read: it is no text"
        if reason:
            raise ConfigurationError(f"{place}: {reason}")
        _warn(file)
        return token
    token = table.get("token")
    return token


# -- the run -----------------------------------------------------------------------------------------


@attrs.frozen
class Step:
    """A zone of an account that is finished; or, where there is no zone, the account itself."""

    account: str
    zone: ZoneAudit | None = None


class AccountsAudit(AsyncIterator[Step]):
    """The zones of all accounts as they finish, and each account when it is done."""

    def __init__(self, receive: MemoryObjectReceiveStream[Step | Exception], places: anyio.CapacityLimiter) -> None:
        self._receive = receive
        self._places = places
        self._runs: dict[str, Audit] = {}
        #: the accounts whose zones could not be listed, each with the reason
        self.failures: dict[str, str] = {}

    @property
    def total(self) -> int:
        """How many zones there will be, as far as they are listed."""
        return sum(run.total for run in self._runs.values())

    @property
    def summaries(self) -> Mapping[str, Summary]:
        """The numbers of each account whose zones are known."""
        return {name: run.summary for name, run in self._runs.items()}

    @property
    def owners(self) -> Mapping[str, frozenset[str]]:
        """The ids of the accounts as the service names them, for each account whose zones were listed."""
        return {name: run.owners for name, run in self._runs.items()}

    async def __anext__(self) -> Step:
        """The next zone that is finished, or the next account."""
        try:
            step = await self._receive.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None
        except anyio.ClosedResourceError:
            raise MisusedClient("the block that audited the accounts was left: nothing more comes") from None
        if isinstance(step, Exception):
            raise step
        return step

    async def take(
        self, client: Client, account: AuditAccount, send: MemoryObjectSendStream[Step | Exception], **options: Any
    ) -> None:
        """Audits one account into the stream, when there is a place for it."""
        async with send, self._places:
            try:
                async with audit(client, account.zones, **options) as run:
                    self._runs[account.name] = run
                    async for zone in run:
                        await send.send(Step(account.name, zone))
            except CloudflareError as error:
                self.failures[account.name] = str(error) or type(error).__name__
            except Exception as error:  # raised by whoever takes the steps, as itself
                await send.send(error)
                return
            await send.send(Step(account.name))


@asynccontextmanager
async def audit_accounts(
    accounts: Iterable[AuditAccount],
    *,
    concurrency: int = 16,
    at_once: int = 32,
    rules: Iterable[Rule] = RULES,
    exemptions: Iterable[Exemption] = (),
    skip: Mapping[str, Collection[str]] | None = None,
    all_settings: bool = False,
    **connecting: Any,
) -> AsyncIterator[AccountsAudit]:
    """A block that audits many accounts at once.

    `async with cfclient.audit_accounts(accounts) as run: async for step in run: ...`

    Args:
        accounts: which; each name comes once.
        concurrency: how many zones of each account are read at a time.
        at_once: how many accounts are audited at a time; the others wait for one of them to be done.
        rules: what to check.
        exemptions: what is known and is no finding.
        skip: for an account's name, the names of zones that are left out.
        all_settings: ask for every setting, as of `audit`.
        connecting: options of `connect`, such as `http`, `retry` and `allow_plain_http`.

    An account whose zones cannot be listed is one of the run's `failures`, and stops no other.
    """
    accounts = tuple(accounts)
    shapes.integer("concurrency", concurrency, 1)
    places = anyio.CapacityLimiter(shapes.integer("at_once", at_once, 1))
    names = [account.name for account in accounts]
    if not names or len(set(names)) < len(names):
        raise InvalidInput.of("accounts", names, "at least one, and each name once")
    rules, exemptions = tuple(rules), tuple(exemptions)
    async with AsyncExitStack() as stack:
        clients = await _clients(stack, accounts, connecting)
        send, receive = anyio.create_memory_object_stream[Step | Exception](0)
        run = AccountsAudit(receive, places)
        async with receive, tasks_beside() as tasks:
            with send:
                for account, client in zip(accounts, clients, strict=True):
                    options = {
                        "concurrency": concurrency,
                        "rules": rules,
                        "exemptions": exemptions,
                        "skip": (skip or {}).get(account.name, ()),
                        "all_settings": all_settings,
                    }
                    tasks.start_soon(partial(run.take, client, account, send.clone(), **options))
            yield run


async def _clients(
    stack: AsyncExitStack, accounts: Iterable[AuditAccount], connecting: Mapping[str, Any]
) -> list[Client]:
    """A client for each account; those of one address share its connections."""
    doors: dict[str | Connect, Client] = {}
    clients = []
    for account in accounts:
        if account.url not in doors:
            # Nobody asks through the door itself; its credentials only keep `connect` from looking for some.
            door = connect(account.url, email="nobody@example.invalid", token="nobody", **connecting)  # noqa: S106
            doors[account.url] = await stack.enter_async_context(door)
        clients.append(doors[account.url].acting_as(account.credentials))
    return clients
