"""A key that is easily found, and the search for it in whatever is kept of an error."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Iterator

__all__ = ["CANARY", "chain", "leaks", "shows"]

CANARY = "c4n4ry-8afbe6dea02407989af4dd4c97bb6e25"


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all that led to it, members of groups included."""
    todo: list[BaseException | None] = [error]
    seen: list[BaseException] = []
    while todo:
        link = todo.pop()
        if link is None or link in seen:
            continue
        seen.append(link)
        todo += [link.__cause__, link.__context__, *(link.exceptions if isinstance(link, BaseExceptionGroup) else ())]
        yield link


def leaks(error: BaseException, caller: str) -> list[str]:
    """Where the key can be found in what is kept of an error: its words, its attributes, its frames."""
    found = []
    shown = "".join(traceback.TracebackException.from_exception(error).format())
    if CANARY in shown:
        found.append(shown)
    for link in chain(error):
        if CANARY in f"{link!s} {link!r} {link.args!r}" or CANARY.encode() in pickle.dumps((link.args, vars(link))):
            found.append(repr(link))
        for frame, line in traceback.walk_tb(link.__traceback__):
            if frame.f_code.co_filename == caller:
                continue  # the caller's own frames are the caller's
            found += [f"{frame.f_code.co_name}:{line} {name}" for name, value in frame.f_locals.items() if shows(value)]
    return found


def shows(value: object) -> bool:
    return CANARY in repr(value) or (isinstance(value, bytes | bytearray) and CANARY.encode() in value)
