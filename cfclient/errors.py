"""Every error that cfclient raises, sorted by who can mend it.

    CloudflareError                  whatever a call raises, cancellation aside
    |-- ApiError                     the service understood the request and said no
    |   |-- Unauthorized             the key, the e-mail, or what they may do       E_UNAUTH
    |   |-- InvalidInput             a parameter; also a ValueError                 E_INVLDINPUT
    |   |   `-- AmbiguousZone        the name fits several zones: it lists a ZoneChoice for each
    |   `-- RateLimited              too many calls; `retry_after` says how long    E_MAXAPI
    |-- ConnectionFailed             no answer; `maybe_carried_out` says what is known
    |-- UnexpectedAnswer             an answer that is not of the documented shape
    |-- OutcomeUnknown               something was to be created, and nobody knows whether it was
    |-- Unsupported                  this backend cannot carry the action out
    |-- ConfigurationError           a setting is missing or wrong; also a ValueError
    `-- MisusedClient                a closed client, or another event loop; also a RuntimeError

An `InvalidInput` is raised by cfclient itself before anything is sent (`parameter` names the culprit),
or by the service (`parameter` is None).
Messages carry no API key: what the service sends back is searched for it before it becomes part of one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Self

__all__ = [
    "AmbiguousZone",
    "ApiError",
    "CloudflareError",
    "ConfigurationError",
    "ConnectionFailed",
    "InvalidInput",
    "MisusedClient",
    "OutcomeUnknown",
    "RateLimited",
    "Unauthorized",
    "UnexpectedAnswer",
    "Unsupported",
    "ZoneChoice",
    "refusal",
]


class CloudflareError(Exception):
    """The root: whatever a call of cfclient raises, cancellation aside, is one of these."""

    def __reduce__(self) -> tuple[Any, ...]:
        # The constructors take keywords, so the default (class, args) could not be called again.
        return _rebuild, (type(self), self.args, dict(self.__dict__))


def _rebuild(cls: type[CloudflareError], args: tuple[Any, ...], state: dict[str, Any]) -> CloudflareError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class ApiError(CloudflareError):
    """The service understood the request and said no (§2.2).

    Attributes:
        msg: the service's own words.
        code: its `err_code`, or None where it sent none, as it did for most refusals.
        action: the wire name of the action that was refused, or None where no action was made yet.
        numbers: the numeric codes of today's Cloudflare, whose `code` is version 1's for the same; else empty.
    """

    numbers: tuple[int, ...] = ()

    def __init__(self, msg: str, *, code: str | None = None, action: str | None = None) -> None:
        self.msg = msg
        self.code = code
        self.action = action
        super().__init__(msg)

    def __str__(self) -> str:
        """Who refused what, and why."""
        code = f" ({self.code})" if self.code else ""
        return f"{self.action}: {self.msg}{code}" if self.action else f"{self.msg}{code}"


class Unauthorized(ApiError):
    """The service does not accept the e-mail and the key, or not for this (`E_UNAUTH`, §2.2)."""


class InvalidInput(ApiError, ValueError):
    """A parameter is wrong (`E_INVLDINPUT`, §2.2); nothing was changed.

    Attributes:
        parameter: the parameter's name in cfclient where cfclient itself refused it before sending;
            None where the service did.
        value: the value that was refused, None where the service refused.
        expected: what would be right, None where the service refused.
    """

    parameter: str | None = None
    value: object = None
    expected: str | None = None

    @classmethod
    def of(cls, parameter: str, value: object, expected: str) -> Self:
        """The refusal of one parameter before anything was sent."""
        what = f"{parameter} is missing" if value is None else f"{parameter}={_short(value)} is not valid"
        error = cls(f"{what}: expected {expected}", code="E_INVLDINPUT")
        error.parameter, error.value, error.expected = parameter, value, expected
        return error


def _short(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:  # a number of thousands of digits is not written out by Python
        return f"a {type(value).__name__} of enormous size"
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text)} characters)"


class ZoneChoice(NamedTuple):
    """One of several zones of the same name."""

    account: str
    id: str
    status: str


class AmbiguousZone(InvalidInput):
    """The name of a zone fits more than one that these credentials can see; nothing was changed.

    Attributes:
        zones: those that it fits: account, id and status of each. The id can be given in the name's place.
    """

    zones: tuple[ZoneChoice, ...] = ()

    @classmethod
    def among(cls, name: str, zones: Iterable[ZoneChoice], *, action: str | None = None) -> Self:
        """The refusal to choose between zones."""
        found = tuple(zones)
        shown = "; ".join(f"account {zone.account}, id {zone.id}, {zone.status}" for zone in found)
        expected = "the zone's id in place of its name, or connect(account=...)"
        error = cls(
            f"zone={name!r} fits {len(found)} zones ({shown}): expected {expected}", code="E_INVLDINPUT", action=action
        )
        error.parameter, error.value, error.expected, error.zones = "zone", name, expected, found
        return error


class RateLimited(ApiError):
    """More calls than the service allows (`E_MAXAPI`, §2.2).

    Attributes:
        retry_after: seconds to wait, or None where nobody said.
        held_back: True where cfclient itself refused, before anything was sent; False where the service did.
        window: which of the principal's limits it is: "api", or "graphql", which today's Cloudflare counts apart.
    """

    window: str = "api"

    def __init__(
        self,
        msg: str,
        *,
        code: str | None = "E_MAXAPI",
        action: str | None = None,
        retry_after: float | None = None,
        held_back: bool = False,
    ) -> None:
        self.retry_after = retry_after
        self.held_back = held_back
        super().__init__(msg, code=code, action=action)

    def __str__(self) -> str:
        """The refusal, and how long to wait where that is known."""
        wait = "" if self.retry_after is None else f"; try again in {self.retry_after:.0f} s"
        return super().__str__() + wait


class ConnectionFailed(CloudflareError):
    """No answer came.

    Attributes:
        reason: what happened, in words.
        maybe_carried_out: False where the request surely never left; True where nobody can know.
    """

    def __init__(self, reason: str, *, maybe_carried_out: bool) -> None:
        self.reason = reason
        self.maybe_carried_out = maybe_carried_out
        super().__init__(reason)

    def __str__(self) -> str:
        """What happened, and whether the request may have been carried out."""
        known = "the request may have been carried out" if self.maybe_carried_out else "the request was not carried out"
        return f"{self.reason} ({known})"


class UnexpectedAnswer(CloudflareError):
    """An answer came that is not of the documented shape.

    Attributes:
        reason: what is wrong with it, by field where it is a reply.
        status: the HTTP status, or None where there was none.
        excerpt: the beginning of the answer, control characters and keys removed.
        transient: whether it is no reply of the API at all (an HTML page, half a reply), for which the next
            attempt may well get one.
        maybe_carried_out: False where the request was one that only looks, before anything was changed; True
            where nobody can know.
        retry_after: seconds to wait, where the answer said so (a `Retry-After` with 5xx); else None.
        window: which of the principal's limits that holds for: "api" or "graphql".
    """

    window: str = "api"

    def __init__(self, reason: str, *, status: int | None = None, excerpt: str = "", transient: bool = False) -> None:
        self.retry_after: float | None = None
        self.maybe_carried_out = True
        self.reason = reason
        self.status = status
        self.excerpt = excerpt
        self.transient = transient
        super().__init__(reason)

    def __str__(self) -> str:
        """The reason, the status and the excerpt, in one line."""
        status = "" if self.status is None else f" (HTTP {self.status})"
        excerpt = f": {self.excerpt!r}" if self.excerpt else ""
        return f"{self.reason}{status}{excerpt}"


class OutcomeUnknown(CloudflareError):
    """Something was to be created, and nobody knows whether it was; it was not asked for again.

    Attributes:
        action: the wire name of the action.
        seen: the ids of what is there now and looks like it, which may have been there before.
        advice: how to find out.
    """

    def __init__(self, action: str, why: str, *, seen: tuple[str, ...] = (), advice: str = "") -> None:
        self.action = action
        self.seen = seen
        self.advice = advice
        super().__init__(f"{action}: {why}; {advice}" if advice else f"{action}: {why}")


class Unsupported(CloudflareError):
    """The backend cannot carry this action out, ever.

    Attributes:
        action: the wire name of the action.
        why: the reason, and what to use instead where something is left.
    """

    def __init__(self, action: str, why: str) -> None:
        self.action = action
        self.why = why
        super().__init__(f"{action}: {why}")


class ConfigurationError(CloudflareError, ValueError):
    """A setting is missing or cannot be used; the message names where it can be given."""


class MisusedClient(CloudflareError, RuntimeError):
    """A client was used after it was closed, or in another event loop than the one it was opened in."""


_BY_CODE: dict[str, type[ApiError]] = {
    "E_UNAUTH": Unauthorized,
    "E_INVLDINPUT": InvalidInput,
    "E_MAXAPI": RateLimited,
}


def refusal(msg: str, *, code: str | None, action: str | None) -> ApiError:
    """The error for a service's refusal: by its code, and without one by what its words blame.

    The live service sent no code with most refusals; those that begin with "Invalid " blame the input.
    """
    by_words = InvalidInput if msg.startswith("Invalid ") else ApiError
    cls = by_words if code is None else _BY_CODE.get(code, ApiError)
    return cls(msg, code=code, action=action)
