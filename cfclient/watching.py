"""What onlookers need: exchanges that are noted, and attempts that are told where nothing is asked again.

Only a client that has an onlooker when it is opened goes through here; any other pays nothing.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar, cast

import anyio

from .actions import Action
from .backend import Backend, Departure, Exchange, RawBackend, departing
from .errors import CloudflareError, RateLimited
from .http import Budgeted, Http, Reply, Request
from .retry import Attempt, tell

__all__ = ["observed", "watched"]

T = TypeVar("T")


def watched(http: Http) -> Http:
    """The same adapter; each exchange is noted in the call that it belongs to."""
    return (_WatchedBudgeted if isinstance(http, Budgeted) else _Watched)(http)


class _Watched:
    """An adapter around another."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def __repr__(self) -> str:
        return f"<Watched {self._http!r}>"

    async def exchange(self, request: Request, /) -> Reply:
        """The reply; what became of the request is noted, and nothing of its headers or its body."""
        began, since = time.time(), anyio.current_time()
        status: int | None = None
        failure: str | None = None
        try:
            reply = await self._http.exchange(request)
            status = reply.status
        except BaseException as error:
            cancelled = isinstance(error, anyio.get_cancelled_exc_class())
            failure = "cancelled" if cancelled else f"{type(error).__module__}.{type(error).__qualname__}"
            status = getattr(error, "status", None)  # of an answer that was too large, it is known
            raise
        finally:
            if (call := departing.get()) is not None:
                call.exchanges.append(
                    Exchange(
                        method=request.method,
                        url=request.url,
                        status=status,
                        failure=failure,
                        began=began,
                        duration=anyio.current_time() - since,
                    )
                )
        return reply


class _WatchedBudgeted(_Watched):
    """The same around an adapter that keeps count of a budget."""

    async def limited(self, error: RateLimited, /) -> None:
        """Hands on what the backend says."""
        await cast("Budgeted", self._http).limited(error)


def observed(backend: Backend) -> Backend:
    """A backend that asks once, and tells the onlookers."""
    return (_ObservedRaw if isinstance(backend, RawBackend) else _Observed)(backend)


class _Observed:
    """A backend around another."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def __repr__(self) -> str:
        return f"<Observed {self._backend!r}>"

    async def perform(self, action: Action[T], /) -> T:
        """The answer, asked for once."""
        return cast("T", await self._seen(action, self._backend.perform))

    async def _seen(self, action: Action[Any], ask: Callable[[Action[Any]], Awaitable[Any]]) -> Any:
        since, departure = anyio.current_time(), Departure()
        outcome: Literal["answered", "failed", "cancelled"] = "cancelled"
        failure: CloudflareError | None = None
        answer: Any = None
        token = departing.set(departure)
        try:
            answer = await ask(action)
            outcome = "answered"
        except CloudflareError as error:
            outcome, failure = "failed", error
        finally:
            departing.reset(token)
            tell(
                None,
                Attempt(
                    action=action,
                    number=1,
                    outcome=outcome,
                    error=failure,
                    duration=anyio.current_time() - since,
                    held=departure.waited,
                    exchanges=tuple(departure.exchanges),
                ),
            )
        if failure is not None:
            raise failure
        return answer


class _ObservedRaw(_Observed):
    """The same around a backend that has the service's own reply to show."""

    async def raw(self, action: Action[Any], /) -> dict[str, Any]:
        """The whole decoded reply, asked for once."""
        return cast("dict[str, Any]", await self._seen(action, cast("RawBackend", self._backend).raw))
