"""The waist between asking and answering: a backend takes an action and gives its answer.

Everything that answers is a `Backend`: the documented endpoint, the emulator, today's Cloudflare, a
`Client`, and every wrapper around one of them. Everything that makes one from credentials is a `Connect`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

import attrs

from .actions import Action
from .errors import ConfigurationError

__all__ = ["Backend", "Connect", "Credentials", "Departure", "RawBackend", "departed", "departing"]

T = TypeVar("T")


def _sendable(_: object, attribute: attrs.Attribute[str], value: object) -> None:
    """Refuses what cannot be a credential, without a word of what it is: it may be the key."""
    what = {"email": "the e-mail address", "token": "the key"}[attribute.name]
    if not isinstance(value, str) or not value or value != value.strip() or not value.isprintable():
        reason = "expected text, not empty, without spaces around it and without control characters"
        raise ConfigurationError(f"{what} cannot be used: {reason}")


@attrs.frozen
class Credentials:
    """Who asks: the account's e-mail address and its API key (§2.1). The key is in no repr."""

    email: str = attrs.field(validator=_sendable)
    token: str = attrs.field(repr=False, validator=_sendable)


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


class Departure:
    """Whether anything of a call may have left this machine; an adapter says so by `departed()`."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = False


#: the departure of the call under way in this task
departing: ContextVar[Departure | None] = ContextVar("cfclient_departing", default=None)


def departed() -> None:
    """Says that from here on the call may be carried out, whatever becomes of its task."""
    departure = departing.get()
    if departure is not None:
        departure.left = True
