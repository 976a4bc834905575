"""What the adapters share: timeouts, the reading of a body, and the one border that errors cross.

The law of errors: whatever a library raises becomes a `CloudflareError` here, and is kept as its cause
without a traceback, because the library's frames hold the body of the request, and the body holds the API key.
For the same reason no frame of ours has a body in a local.

An adapter brings a coroutine that sends one request and reads its reply, and a table of what the errors of
its library mean. Tables are keyed by the names of classes, so that a library is known without being loaded,
and one that bears another name but has the same classes needs no table of its own.
"""

from __future__ import annotations

import logging
import re
import sys
import zlib
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final

import anyio
import anyio.lowlevel
import attrs

from cfclient.bounds import too_large
from cfclient.errors import CloudflareError, ConfigurationError, ConnectionFailed, UnexpectedAnswer
from cfclient.http import Reply, Request

__all__ = ["ACCEPT", "BadEncoding", "Body", "Meanings", "Timeouts", "answered", "checked_limit", "turn", "unquoting"]

#: What a body may be encoded as; it is decoded here, bit by bit, so that a bomb is noticed before it bursts.
ACCEPT: Final = {"accept-encoding": "gzip, deflate"}


def _positive(_: object, attribute: attrs.Attribute[float], value: float) -> None:
    if not value > 0:
        raise ConfigurationError(f"{attribute.name}={value!r}: expected seconds, more than 0 (math.inf for no limit)")


@attrs.frozen(kw_only=True)
class Timeouts:
    """How many seconds one exchange may take; the wait for a free connection counts towards none of them."""

    #: for the connection, and again for its TLS handshake
    connect: float = attrs.field(default=10.0, validator=_positive)
    #: without any byte of the answer; starts again with every byte
    read: float = attrs.field(default=30.0, validator=_positive)
    #: without the server taking any more of the request
    write: float = attrs.field(default=30.0, validator=_positive)
    #: for everything together, because an answer that trickles never runs into `read`
    total: float = attrs.field(default=60.0, validator=_positive)


def checked_limit(limit: int) -> int:
    """The limit, if it is one."""
    if limit < 1:
        raise ConfigurationError(f"limit={limit!r}: expected at least 1 connection")
    return limit


async def turn(gate: anyio.CapacityLimiter) -> None:
    """Takes a place, in order; where one is free, without a round of the event loop: the exchange makes its own."""
    await anyio.lowlevel.checkpoint_if_cancelled()
    try:
        gate.acquire_nowait()
    except anyio.WouldBlock:
        await gate.acquire()


class BadEncoding(Exception):
    """A body that is not encoded as its headers say; the text says how. It does not get past the border."""


# What zlib calls them; 0 where there is nothing to unpack.
_ENCODINGS: Final = {"": 0, "identity": 0, "gzip": 31, "x-gzip": 31, "deflate": 15}


class Body:
    """The body of a reply, taken in piece by piece, decompressed, and never larger than it may be."""

    __slots__ = ("_encoding", "_limit", "_pieces", "_size", "_unpack")

    def __init__(self, encoding: str, limit: int) -> None:
        self._encoding = encoding.strip().lower()
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0
        self._unpack: Any = None
        if self._encoding not in _ENCODINGS:
            raise BadEncoding("another encoding than was asked for")

    def add(self, piece: bytes) -> None:
        """One more piece, as it came in."""
        if not _ENCODINGS[self._encoding]:
            self._keep(piece)
            return
        while piece:
            if self._unpack is None:
                # "deflate" means zlib's form (RFC 9110 §8.4.1.2), but some servers leave its header out.
                bare = self._encoding == "deflate" and piece[0] & 0x0F != 8
                self._unpack = zlib.decompressobj(-15 if bare else _ENCODINGS[self._encoding])
            elif self._unpack.eof:
                raise BadEncoding("something follows its end")
            try:
                self._keep(self._unpack.decompress(piece, self._limit + 1 - self._size))
            except zlib.error as error:
                raise BadEncoding(str(error)) from None
            piece = self._unpack.unconsumed_tail or self._unpack.unused_data

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._limit:
            raise UnexpectedAnswer(too_large(self._limit))
        self._pieces.append(piece)

    def whole(self) -> bytes:
        """All of it, once all pieces are there."""
        if self._unpack is not None and not self._unpack.eof:
            raise BadEncoding("it ends too early")
        return b"".join(self._pieces)


@attrs.frozen
class Meanings:
    """What a library's errors mean."""

    #: the top-level packages that have these classes
    packages: tuple[str, ...]
    #: by a class's name: the words, and whether the request may have been carried out; None where an answer came
    table: Mapping[str, tuple[str, bool | None]]
    #: an error's own words
    words: Callable[[Exception], str] = str
    #: a closer look, where a class does not say enough
    look: Callable[[Exception], tuple[str, bool | None] | None] = lambda _: None

    def of(self, error: Exception) -> tuple[str, bool | None]:
        """What this one means; the nearest class in the table decides."""
        if isinstance(error, BadEncoding):
            return _BAD_ENCODING
        found = self.look(error)
        for kind in type(error).__mro__ if found is None else ():
            if kind.__module__.partition(".")[0] in self.packages and kind.__name__ in self.table:
                return self.table[kind.__name__]
        # What the library lets through, such as an OSError or an ssl.SSLError, and what a hook of the user's raises.
        return found or ("the exchange failed in an unforeseen way", True)


_BAD_ENCODING: Final = ("the body is not encoded as its headers say", None)


async def answered(
    send: Callable[[Request], Awaitable[Reply]],
    sent: Callable[[], bool],
    request: Request,
    total: float | None,
    meanings: Meanings,
) -> Reply:
    """The one border: beyond it there are no errors of the library, and no traceback through it.

    Args:
        send: sends the request and reads its reply.
        sent: whether the request may have left whole, asked where time ran out.
        request: what is sent.
        total: in how many seconds; None where the library sees to that.
        meanings: what the library's errors mean.
    """
    handled = sys.exception()  # what the caller is handling just now is the caller's, traceback and all
    mark = _exchanging.set(True)
    try:
        if total is None:
            return await send(request)
        with anyio.move_on_after(total):
            return await send(request)
    except CloudflareError as error:
        error.__context__ = handled
        raise error.with_traceback(None) from None
    except Exception as error:
        failure = _translated(error, request, meanings)
        _forget(error, handled, request)
        raise failure from error
    except BaseException as error:
        # asyncio.timeout keeps the cancellation as the cause of its TimeoutError.
        _forget(error, handled, request)
        raise
    finally:
        _exchanging.reset(mark)
    # Only a deadline of our own ends up here: a cancellation from outside was raised again above.
    raise ConnectionFailed(f"{request.url}: no complete answer within {total:g} s", maybe_carried_out=sent())


_exchanging: ContextVar[bool] = ContextVar("cfclient_exchanging", default=False)


class _Unquoting(logging.Filter):
    """Takes from a library's log what it quotes of an answer: a service may echo the key in its headers.

    Of exchanges that are not ours it takes nothing.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if _exchanging.get():
            text = _STATUS_LINE.sub(r"\1...", record.getMessage())
            record.msg, record.args = _QUOTED.sub("...", text), ()
            record.exc_info = record.exc_text = None
        return True


_STATUS_LINE: Final = re.compile(r'("HTTP/\S+ \d+).*', re.DOTALL)
_unquoting: Final = _Unquoting()


def unquoting(*loggers: str) -> None:
    """Keeps quotations of answers out of these logs, for exchanges of ours; a logger gets the filter only once."""
    for name in loggers:
        logging.getLogger(name).addFilter(_unquoting)


# h11 and aiohttp quote what they cannot parse or write: header lines, and pieces of an answer that may echo the key.
_QUOTED: Final = re.compile(r"""(?:bytearray\()?\bb['"].*""", re.DOTALL)


def _translated(error: Exception, request: Request, meanings: Meanings) -> CloudflareError:
    """The same error in our words."""
    what, maybe_carried_out = meanings.of(error)
    said = _without_quotes(meanings.words(error), request)
    reason = f"{request.url}: {what} ({type(error).__name__}{f': {said}' if said else ''})"
    if maybe_carried_out is None:
        return UnexpectedAnswer(reason)
    return ConnectionFailed(reason, maybe_carried_out=maybe_carried_out)


def _without_quotes(text: str, request: Request) -> str:
    """The text without what it quotes of the request's headers, or of an answer."""
    for value in request.headers.values():
        if len(value) > 7 and value.strip() in text:
            text = text.replace(value.strip(), "...")
    return _QUOTED.sub("...", text)


def _harmless(value: object, request: Request) -> object:
    """What may be kept of an error: words without quotations, numbers, other errors."""
    if isinstance(value, str):
        return _without_quotes(value, request)
    if isinstance(value, tuple | list):
        items = (_harmless(item, request) for item in value)
        # A named tuple stays one, because the error's own text is made of it.
        return getattr(type(value), "_make", tuple)(items)
    return value if isinstance(value, int | float | BaseException) else None


def _forget(error: BaseException, handled: BaseException | None, request: Request) -> None:
    """Takes from an error, and from all that led to it, whatever could hold the request or its key."""
    links: list[object] = [error]
    seen = {id(handled)}
    while links:
        link = links.pop()
        if not isinstance(link, BaseException) or id(link) in seen:
            continue
        seen.add(id(link))
        link.__traceback__ = None
        link.args = tuple(_harmless(arg, request) for arg in link.args)
        for name, value in vars(link).items():
            vars(link)[name] = _harmless(value, request)  # among them the request, its body included, and the response
        links += [link.__cause__, link.__context__, *link.args, *vars(link).values()]
        if isinstance(link, BaseExceptionGroup):
            links += link.exceptions
