"""How fast a client may ask: the policy, what is left of a budget, and how long one call may wait."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from pathlib import Path
from typing import Any, Final, Literal, Self
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import attrs

from cfclient.errors import ConfigurationError

__all__ = ["Budget", "Pace", "Rate", "StoreAddress", "Wait", "longest", "max_wait", "room"]


@attrs.frozen
class Rate:
    """So many exchanges in any so many seconds."""

    calls: int
    seconds: float

    def __str__(self) -> str:
        """For people."""
        return f"{self.calls:,} calls in {self.seconds:g} s"


def room(calls: int, leaves: float) -> int:
    """How many of so many places are to be left free; at least one is there for whoever leaves them."""
    return min(calls - 1, int(calls * leaves))


def _rate(value: Any) -> Any:
    return Rate(*value) if isinstance(value, tuple | list) and len(value) == 2 else value


def _sound_rate(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    sound = isinstance(value, Rate) and isinstance(value.calls, int) and value.calls >= 1 and 0 < value.seconds < 1e9
    if not (sound or (value is None and attribute.name == "egress")):
        raise ConfigurationError(
            f"pace: {attribute.name}={value!r} is not valid: expected (calls, seconds), 1 or more and more than 0"
        )


def _positive(_: object, attribute: attrs.Attribute[Any], value: float) -> None:
    if not value > 0:
        raise ConfigurationError(f"pace: {attribute.name}={value!r} is not valid: expected more than 0")


def _not_negative(_: object, attribute: attrs.Attribute[Any], value: float) -> None:
    if not value >= 0:
        raise ConfigurationError(f"pace: {attribute.name}={value!r} is not valid: expected 0 or more")


def _part(_: object, attribute: attrs.Attribute[Any], value: float) -> None:
    if not 0 <= value < 1:
        raise ConfigurationError(f"pace: {attribute.name}={value!r} is not valid: expected 0 or more, and less than 1")


@attrs.frozen(kw_only=True)
class StoreAddress:
    """Where processes keep the budget that they share; a password in it is in no repr."""

    kind: Literal["file", "redis"]
    #: the path, or the address that redis-py takes
    where: str = attrs.field(repr=False)
    #: what happens where the store cannot be reached: every call fails, or this part of the limit is left
    share: float | None = None
    #: the longest that one question to the store may take, in seconds
    timeout: float = 2.0
    #: a name for the network address of this host; all that have the same one share its window
    egress: str = ""

    @property
    def shown(self) -> str:
        """For messages: without a password."""
        if self.kind == "file":
            return self.where
        parts = urlsplit(self.where)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Of `file:/path` or `redis://host:6379/0`, with `?fallback=share&share=0.25&timeout=2&egress=name`.

        Raises:
            ConfigurationError: it is neither.
        """
        parts = urlsplit(text)
        options, rest = dict[str, str](), list[tuple[str, str]]()
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            if name in {"fallback", "share", "timeout", "egress"}:
                options[name] = value
            else:
                rest.append((name, value))
        fallback = options.get("fallback", "fail")
        share, timeout = _number(options, "share", 0.25), _number(options, "timeout", 2.0)
        if fallback not in {"fail", "share"} or not 0 < share <= 1 or not timeout > 0:
            raise ConfigurationError(
                f"pace: {urlencode(options)} is not valid: expected fallback=fail or fallback=share, "
                "share above 0 and at most 1, timeout above 0"
            )
        left, egress = share if fallback == "share" else None, options.get("egress", "")
        if parts.scheme in {"redis", "rediss", "unix"}:
            where = urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(rest), ""))
            return cls(kind="redis", where=where, share=left, timeout=timeout, egress=egress)
        path = parts.path
        if parts.scheme != "file" or parts.netloc not in {"", "localhost"} or not path or rest or parts.fragment:
            raise ConfigurationError(
                f"pace: {_shown(text)!r} is not valid: expected file:/path/to/budget.db or redis://127.0.0.1:6379/0"
            )
        return cls(
            kind="file", where=str(Path(path).expanduser().absolute()), share=left, timeout=timeout, egress=egress
        )


def _number(options: Mapping[str, str], name: str, default: float) -> float:
    try:
        return float(options.get(name, default))
    except ValueError:
        return float("nan")


def _shown(text: str) -> str:
    """Without what may be a password."""
    before, _, after = text.rpartition("@")
    return f"{before.partition(':')[0]}://...@{after}" if before else text


def _store(value: Any) -> Any:
    if isinstance(value, str):
        return StoreAddress.parse(value)
    return value


@attrs.frozen(kw_only=True)
class Wait:
    """That calls wait for a limit, as the hook sees it; `waiting` is 0 when none waits any longer."""

    principal: str
    #: the limit that they wait for
    rate: Rate
    waiting: int
    #: seconds until the first of them may go, as far as it is known
    seconds: float
    #: whether the service itself asked for it
    held: bool


@attrs.frozen(kw_only=True)
class Pace:
    """How many exchanges a principal may make, and who waits how long.

    `connect(pace=...)` takes one of these, the address of a store, or None for no pacing at all.
    """

    #: exchanges in any `seconds`, per principal
    calls: int = 1200
    seconds: float = 300.0
    #: of one network address, shared by all principals; None for no such limit
    egress: Rate | None = attrs.field(default=Rate(200, 1.0), converter=_rate, validator=_sound_rate)
    #: of one principal, for GraphQL, which has a limit of its own
    graphql: Rate = attrs.field(default=Rate(300, 300.0), converter=_rate, validator=_sound_rate)
    #: the longest that an interactive call waits, in seconds, all of its attempts and exchanges together; one that
    #: would wait longer is a `RateLimited`
    max_wait: float = attrs.field(default=30.0, validator=_not_negative)
    #: the longest that bulk work waits where the service itself said how long, in seconds
    max_hold: float = attrs.field(default=310.0, validator=_not_negative)
    #: the part of each limit that bulk work leaves to others
    bulk_leaves: float = attrs.field(default=0.1, validator=_part)
    #: how long all calls are held back where the service reports its limit, and no time
    unsaid: float = attrs.field(default=30.0, validator=_positive)
    #: how long a request whose end is not known may still be on its way, in seconds
    late: float = attrs.field(default=60.0, validator=_not_negative)
    #: `file:/path` or `redis://host:6379/0`: where processes share the budget; None for this process alone
    store: StoreAddress | None = attrs.field(default=None, converter=_store)
    #: is called when calls begin to wait, while they do, and when none does any longer; it must not block
    hook: Callable[[Wait], None] | None = None

    def __attrs_post_init__(self) -> None:
        if not (isinstance(self.calls, int) and self.calls >= 1 and 0 < self.seconds < 1e9):
            raise ConfigurationError(
                f"pace: calls={self.calls!r} in seconds={self.seconds!r} is not valid: expected "
                "1 or more in more than 0"
            )

    def rate(self, window: str) -> Rate:
        """The limit of this window of a principal."""
        return self.graphql if window == "graphql" else Rate(self.calls, self.seconds)

    def room(self, rate: Rate) -> int:
        """How many places of this limit bulk work leaves free; at least one is its own."""
        return room(rate.calls, self.bulk_leaves)

    @classmethod
    def of(cls, value: Pace | str | None) -> Pace | None:
        """What `connect(pace=...)` was given."""
        if value is None or isinstance(value, cls):
            return value
        if isinstance(value, str):
            return cls(store=value)
        raise ConfigurationError(
            f"pace={value!r} is not valid: expected a Pace, file:/path, redis://host:6379/0, or None for no pacing"
        )


@attrs.frozen(kw_only=True)
class Budget:
    """What is left of a principal's limit just now; what goes by time is in seconds from now."""

    principal: str
    limit: int
    seconds: float
    #: exchanges that may be sent at once
    left: int
    #: exchanges that are under way
    under_way: int
    #: calls that wait for their turn in this process
    waiting: int
    #: until the first place comes back, and until all have that are not under way; 0 where none is out
    refills: float
    full: float
    #: for how long the service itself holds everything back
    held: float


#: how long this task's calls wait at most; None where the policy says
longest: Final[ContextVar[float | None]] = ContextVar("cfclient_longest_wait", default=None)


class max_wait:  # noqa: N801  it is used as a function is
    """A block whose calls wait at most so many seconds for their turn: `with cfclient.max_wait(5): ...`.

    Each call for itself, all of its attempts together. One that would wait longer is a `RateLimited`, before
    anything is sent. It holds for bulk work within the block too, which otherwise waits as long as it takes;
    math.inf lets any call do so.
    """

    def __init__(self, seconds: float) -> None:
        if not seconds >= 0:
            raise ConfigurationError(f"max_wait={seconds!r} is not valid: expected seconds, 0 or more")
        self._seconds = seconds
        self._tokens: list[Token[float | None]] = []

    def __enter__(self) -> None:
        self._tokens.append(longest.set(self._seconds))

    def __exit__(self, *_: object) -> None:
        longest.reset(self._tokens.pop())
