"""What any service behind HTTP may send that is no reply of its API, and what can be said of it; no I/O.

Messages are made safe here: an excerpt of a body has its secrets and its control characters removed
before it is cut, and an error keeps no frames that hold the body.
"""

from __future__ import annotations

import email.utils
import html
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import quote, quote_plus

from .errors import CloudflareError

__all__ = ["excerpt", "hidden", "is_transient", "no_json", "seconds", "without_frames"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def hidden(text: str, hide: Iterable[str]) -> str:
    """The text without these secrets, in whatever form they are echoed, and without control characters."""
    for secret in filter(None, hide):
        escaped = json.dumps(secret)[1:-1]
        forms = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), html.escape(secret)}
        forms |= {escaped, escaped.replace("/", "\\/"), secret.replace("/", "\\/")}
        longest_first = sorted(forms, key=len, reverse=True)
        text = re.sub("|".join(map(re.escape, longest_first)), "***", text, flags=re.IGNORECASE)
    return _CONTROL.sub(" ", text)


def excerpt(body: bytes, hide: Iterable[str]) -> str:
    """The beginning of a body, secrets removed before it is cut, so that no part of one is left."""
    secrets = tuple(hide)
    # An escape of one character takes twelve at the most.
    longest = 12 * max(map(len, secrets), default=0)
    size = 4096
    while True:
        text = hidden(body[:size].decode("utf-8", "replace"), secrets)
        # A secret that the last byte cuts in two must end behind what is shown.
        if size >= len(body) or len(text) >= 160 + longest:
            return text[:160].strip()
        size *= 2


def no_json(body: bytes, status: int) -> str:
    """Why this is no reply, in words that a person can act on."""
    start = body[:200].lstrip().lower()
    if 300 <= status < 400:
        return "the address redirects, and a redirect is not followed with a key in the body"
    if not body:
        return "the answer is empty"
    if start.startswith(b"<"):
        return "the answer is an HTML page, not JSON"
    if not start.startswith((b"{", b"[")):
        return "the answer is not JSON"
    try:
        body.decode()
    except UnicodeDecodeError:
        return "the answer is not valid UTF-8"
    return "the answer is truncated or broken JSON"


def is_transient(status: int) -> bool:
    """Whether bytes that are no reply may be one the next time: not where the address itself is wrong."""
    return status < 300 or status >= 500


def without_frames(error: CloudflareError) -> CloudflareError:
    """The error, without the frames that read the reply: a reply may echo the key, and they hold it."""
    error.__context__ = error.__cause__ = None
    return error.with_traceback(None)


def seconds(retry_after: str) -> float | None:
    """The seconds to wait that a `Retry-After` says, in seconds or as a date (RFC 9110 §10.2.3)."""
    text = retry_after.strip()
    if text.isascii() and text.isdecimal() and len(text) <= 9:
        return float(text)
    try:
        date = email.utils.parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # a year, or an hour, of eleven digits
        return None
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
