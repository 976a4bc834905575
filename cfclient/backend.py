"""The waist between asking and answering: a backend takes an action and gives its answer.

Everything that answers is a `Backend`: the documented endpoint, the emulator, today's Cloudflare, a
`Client`, and every wrapper around one of them. Everything that makes one from credentials is a `Connect`.
"""

from __future__ import annotations

import hashlib
import inspect
import math
from collections.abc import Awaitable, Callable, Hashable
from contextvars import ContextVar
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

import attrs

from .actions import Action
from .errors import ConfigurationError

__all__ = [
    "Backend",
    "Connect",
    "Credentials",
    "Departure",
    "Exchange",
    "RawBackend",
    "Token",
    "departed",
    "departing",
    "earlier",
    "in_bulk",
]

T = TypeVar("T")


#: a key, or what gives one for each exchange: keys that live for minutes
Token: TypeAlias = str | Callable[[], str | Awaitable[str]]


def _sendable(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """Refuses what cannot be a credential, without a word of what it is: it may be the key."""
    what = {"email": "the e-mail address", "token": "the key"}[attribute.name]
    if (value is None and attribute.name == "email") or (callable(value) and attribute.name == "token"):
        return
    if not isinstance(value, str) or not value or value != value.strip() or not value.isprintable():
        reason = "expected text, not empty, without spaces around it and without control characters"
        raise ConfigurationError(f"{what} cannot be used: {reason}")
    if attribute.name == "token" and not value.isascii():
        raise ConfigurationError(f"{what} cannot be used: expected ASCII, as every key of Cloudflare's is")


@attrs.frozen
class Credentials:
    """Who asks: the account's e-mail address and its API key (§2.1). The key is in no repr.

    Without an e-mail address the key is an API token, which today's Cloudflare takes and version 1 did not.
    The key may be a callable, sync or async, that is asked for it before each exchange.
    """

    email: str | None = attrs.field(validator=_sendable)
    token: Token = attrs.field(repr=False, validator=_sendable)

    @property
    def key(self) -> str:
        """The key as text; where a callable gives it, that of `await settled()`."""
        if not isinstance(self.token, str):
            raise ConfigurationError("the key comes from a callable, so it is known only to `await settled()`")
        return self.token

    @property
    def principal(self) -> str:
        """Whose limits and locks these are: the same text for the same user, and nothing of the key in it."""
        if self.email is not None:
            return self.email
        if isinstance(self.token, str):
            return f"token {hashlib.blake2b(self.token.encode(errors='surrogatepass'), digest_size=8).hexdigest()}"
        return f"token of {id(self.token):x}"

    async def settled(self) -> Credentials:
        """The same with the key as text: what a callable gives just now.

        Raises:
            ConfigurationError: the callable failed, or gave what cannot be a key.
        """
        if isinstance(self.token, str):
            return self
        try:
            given = self.token()
            if inspect.isawaitable(given):
                given = await given
        except Exception as error:
            # Its frames may hold what the key was made from.
            cause = error.with_traceback(None)
            failure = ConfigurationError(f"the callable that gives the key failed ({type(error).__name__})")
            raise failure from cause
        if callable(given):
            raise ConfigurationError("the callable that gives the key gave another callable: expected text")
        return Credentials(self.email, given)


class Backend(Protocol):
    """Carries actions out."""

    async def perform(self, action: Action[T], /) -> T:
        """The answer to this action, or a `CloudflareError`."""
        ...


@runtime_checkable
class RawBackend(Backend, Protocol):
    """A backend that has the service's own reply to show."""

    async def raw(self, action: Action[Any], /) -> dict[str, Any]:
        """The whole decoded reply, the echoed request left out."""
        ...


Connect: TypeAlias = Callable[[Credentials], Backend]


@attrs.frozen(kw_only=True)
class Exchange:
    """One HTTP request of an attempt, as a hook sees it; its headers and its body, where a key is, are not here."""

    method: str
    url: str
    #: None where no answer came
    status: int | None
    #: where no answer came, or none that is one: the class of the error, or "cancelled"
    failure: str | None
    #: seconds since the epoch
    began: float
    #: seconds, to the end of the answer's body; the wait for its turn is not in it
    duration: float


class Departure:
    """Whether anything of a call may have left this machine; an adapter says so by `departed()`.

    And for how many seconds its exchanges waited for their turn, which pacing says; and what they were, where
    somebody looks on.
    """

    __slots__ = ("_since", "_waiting", "before", "exchanges", "left", "looking", "patience", "waited")

    def __init__(
        self, exchanges: list[Exchange] | None = None, *, before: float = 0.0, patience: float = math.inf
    ) -> None:
        self.left: bool = False
        #: how many exchanges are under way that only look, in a call that changes something: they change nothing
        self.looking: int = 0
        #: seconds; of exchanges that wait at the same time, each second counts once
        self.waited: float = 0.0
        #: seconds that earlier attempts of the same call waited
        self.before: float = before
        #: seconds for which the service may still hold the call back
        self.patience: float = patience
        self.exchanges: list[Exchange] = [] if exchanges is None else exchanges
        self._waiting = 0
        self._since = 0.0

    def leaves(self) -> None:
        """From here on what the call is to change may be changed."""
        if not self.looking:
            self.left = True

    def waits(self, now: float) -> None:
        """An exchange begins to wait for its turn."""
        if not self._waiting:
            self._since = now
        self._waiting += 1

    def goes(self, now: float) -> None:
        """It waits no longer."""
        self._waiting -= 1
        if not self._waiting:
            self.waited += now - self._since

    def spent(self, now: float) -> float:
        """Seconds that the whole call has waited so far."""
        return self.before + self.waited + (now - self._since if self._waiting else 0.0)


#: the departure of the call under way in this task
departing: ContextVar[Departure | None] = ContextVar("cfclient_departing", default=None)

#: what earlier attempts of the read under way have read already, where one read is many exchanges; None for no such
earlier: ContextVar[dict[Hashable, Any] | None] = ContextVar("cfclient_earlier", default=None)


def departed() -> None:
    """Says that from here on the call may be carried out, whatever becomes of its task."""
    departure = departing.get()
    if departure is not None:
        departure.leaves()


#: whether this task's calls are bulk work, which leaves room for others; `stream_all` and the audit say so
in_bulk: ContextVar[bool] = ContextVar("cfclient_in_bulk", default=False)
