"""Version 4's envelope: {result, success, errors, messages, result_info}; its refusals and its pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import attrs

__all__ = ["Answer", "Fault", "Refused", "no_route", "paged", "stamp"]

T = TypeVar("T")

_JSON: Final = "application/json"


@attrs.frozen(kw_only=True)
class Answer:
    """One reply: a status, what is encoded as JSON (or text that is sent as it is), and headers."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = attrs.field(factory=dict, hash=False)

    @classmethod
    def of(cls, result: Any, **more: Any) -> Answer:
        """A success with this result."""
        return cls(body={"result": result, "success": True, "errors": [], "messages": [], **more})


@attrs.frozen
class Fault:
    """One entry of `errors`."""

    code: int
    message: str
    chain: tuple[Fault, ...] = ()

    def plain(self) -> dict[str, Any]:
        """As it is sent."""
        chain = {"error_chain": [fault.plain() for fault in self.chain]} if self.chain else {}
        return {"code": self.code, "message": self.message, **chain}


class Refused(Exception):
    """Version 4's no: an HTTP status and at least one entry of `errors`."""

    def __init__(
        self, status: int, code: int, message: str, *more: Fault, headers: Mapping[str, str] | None = None
    ) -> None:
        self.status = status
        self.faults: tuple[Fault, ...] = (Fault(code, message), *more)
        self.headers: dict[str, str] = dict(headers or {})
        super().__init__(message)

    @classmethod
    def chained(cls, status: int, code: int, message: str, cause: Fault) -> Refused:
        """A refusal that names its cause in `error_chain`."""
        refused = cls(status, code, message)
        refused.faults = (Fault(code, message, (cause,)),)
        return refused

    def answer(self) -> Answer:
        """As it is sent."""
        errors = [fault.plain() for fault in self.faults]
        body = {"result": None, "success": False, "errors": errors, "messages": []}
        return Answer(status=self.status, body=body, headers=self.headers)


def no_route(path: str, status: int = 404) -> Refused:
    """For a path that leads nowhere, or whose identifier is none."""
    return Refused(
        status,
        7003,
        f"Could not route to {path}, perhaps your object identifier is invalid?",
        Fault(7000, "No route for that URI"),
    )


def stamp(moment: datetime) -> str:
    """A time as version 4 writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _number(query: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and low <= int(text) <= high):
        # Not known: code and words. The description says which numbers are taken.
        raise Refused(400, 6003, f"Invalid {name}: expected a number from {low} to {high}")
    return int(text)


def paged(
    entries: Sequence[T], query: Mapping[str, str], show: Callable[[T], Any], *, default: int, low: int, high: int
) -> Answer:
    """The page of a listing that is asked for."""
    page = _number(query, "page", 1, 1, 10**9)
    per_page = _number(query, "per_page", default, low, high)
    found = entries[(page - 1) * per_page : page * per_page]
    return Answer.of(
        [show(entry) for entry in found],
        result_info={
            "page": page,
            "per_page": per_page,
            "count": len(found),
            "total_count": len(entries),
            "total_pages": -(-len(entries) // per_page),
        },
    )
