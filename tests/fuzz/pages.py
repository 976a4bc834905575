"""Pages of records out of any bytes, of both versions, and what has to become of them.

Bytes alone never become a page, because nothing tells a fuzzer how near it is to one. So they choose: which keys a
record has, how they are written, what their values are, which of them come twice, what is spoilt afterwards.
Whether a key comes twice is then asked of Python's own decoder, which knows nothing of how cfclient counts.
"""

from __future__ import annotations

import json
import random
from typing import Any, Final

import msgspec

from cfclient import wire
from cfclient.actions import RecLoadAll
from cfclient.backends.v4.envelope import Envelope
from cfclient.backends.v4.records import WireRecord
from cfclient.errors import UnexpectedAnswer
from cfclient.plain import structure
from tests import test_v4_listing as version_4
from tests.test_rows import LISTING, MX, PROPS, RECORD, Pairs

_TWICE: Final = "a key comes twice"
_NEEDED: Final = frozenset(
    {"rec_id", "name", "type", "has_more", "count", "objs", "recs", "response", "result", "id", "success"}
)
_CONTENTS: Final = (
    "",
    "192.0.2.1",
    "example.net",
    "::1",
    "a:b",
    'v=spf1 "ttl":"1"',
    "\\",
    'x\\":',
    "\u00fc:",
    "\u2028",
)
_UNKNOWN: Final = ("new", "a:b", "", '"', "rec", "TTL", "content ", "\u00fc", "contents")
_SPACES: Final = ("", "", "", "", " ", "\n\t")


class _Choices:
    """Choices by these bytes; when they are used up, by a generator of which they are the seed."""

    def __init__(self, data: bytes) -> None:
        self._given = iter(data)
        self._further = random.Random(data)

    def below(self, number: int) -> int:
        given = next(self._given, None)
        return self._further.randrange(number) if given is None else given % number

    def of(self, values: Any) -> Any:
        return values[self.below(len(values))]

    def rarely(self) -> bool:
        return self.below(64) == 63


class _Writer:
    """Writes a reply in which each object is a list of pairs, and knows whether it let a key come twice."""

    def __init__(self, choices: _Choices) -> None:
        self._choices = choices
        self.twice = False

    def text(self, text: str, *, escaped: bool) -> str:
        """As JSON; with some characters as escapes that need none."""
        if not escaped:
            return json.dumps(text, ensure_ascii=bool(self._choices.below(2)))
        return f'"{"".join(map(self._character, text))}"'

    def _character(self, one: str) -> str:
        return f"\\u{ord(one):04x}" if ord(one) < 0x80 and self._choices.below(2) else json.dumps(one)[1:-1]

    def value(self, value: Any) -> str:
        if isinstance(value, tuple):
            return f"[{','.join(map(self.value, value))}]"
        if isinstance(value, list):
            return self.object(value)
        return self.text(value, escaped=self._choices.rarely()) if isinstance(value, str) else json.dumps(value)

    def object(self, pairs: Pairs) -> str:
        choices = self._choices
        pairs = [(key, value) for key, value in pairs if key in _NEEDED or choices.below(16) < 15]
        if choices.rarely():
            unknown = choices.of(_UNKNOWN), choices.of([None, "x:y", 1, [("a", 1)]])
            pairs.insert(choices.below(len(pairs) + 1), unknown)
        if pairs and choices.rarely():
            pairs.insert(choices.below(len(pairs) + 1), choices.of(pairs))
        self.twice = self.twice or len(dict(pairs)) < len(pairs)
        space = choices.of(_SPACES)
        written = [(self.text(key, escaped=choices.rarely()), self.value(value)) for key, value in pairs]
        return f"{{{','.join(f'{space}{key}{space}:{space}{value}' for key, value in written)}{space}}}"


def _record(choices: _Choices) -> Pairs:
    changed: dict[str, Any] = {}
    if choices.below(2):
        changed["content"] = choices.of(_CONTENTS)
    if choices.below(4) == 3:
        changed["display_content"] = choices.of([None, *_CONTENTS])
    if choices.rarely():
        changed[choices.of(["name", "zone_name", "type", "rec_id"])] = choices.of(_CONTENTS)
    parts = {"props": choices.of([PROPS, PROPS, PROPS, [], None]), "mx": choices.of([MX, MX, [], None])}
    return [(key, changed.get(key, parts.get(key, value))) for key, value in RECORD]


def _record_4(choices: _Choices) -> Pairs:
    changed: dict[str, Any] = {}
    if choices.below(2):
        changed["content"] = choices.of(_CONTENTS)
    if choices.below(8) == 7:
        changed[choices.of(["comment", "name", "type", "id", "created_on"])] = choices.of(_CONTENTS)
    if choices.below(8) == 7:
        changed["tags"] = (choices.of(_CONTENTS), "a:b")
    for name in "data", "meta", "settings":
        if choices.below(4) == 3:
            changed[name] = choices.of([[], None, [("a:b", ())], [("a", [("b", choices.of(_CONTENTS))])]])
    return [(key, changed.get(key, value)) for key, value in version_4.RECORD]


def _reply(choices: _Choices) -> Pairs:
    rows = tuple(_record(choices) for _ in range(choices.below(5)))
    listing: Pairs = [("recs", [("has_more", choices.of([False, True])), ("count", len(rows)), ("objs", rows)])]
    zone, message = ("a:b", "a:b") if choices.rarely() else ("example.com", None)
    request: Pairs = [("act", "rec_load_all"), ("a", "rec_load_all"), ("z", zone)]
    whole: Pairs = [("response", listing), ("result", "success"), ("msg", message)]
    if choices.below(2):
        whole.insert(choices.below(2), ("request", request))
    return whole


def _reply_4(choices: _Choices) -> Pairs:
    rows = tuple(_record_4(choices) for _ in range(choices.below(5)))
    messages = ([("code", 1), ("message", "a:b")],) if choices.rarely() else ()
    beside: Pairs = [("errors", ()), ("messages", messages), ("result_info", choices.of([version_4.INFO, [], None]))]
    return [("result", rows), ("success", True), *beside]


def written(data: bytes) -> tuple[int, bytes, bool]:
    """Of which version a reply is that these bytes choose, the reply, and whether a key comes twice."""
    choices = _Choices(data)
    writer = _Writer(choices)
    version = choices.of((1, 4))
    body = writer.object(_reply(choices) if version == 1 else _reply_4(choices)).encode()
    return version, body, writer.twice


def spoilt(data: bytes) -> tuple[int, bytes]:
    """Such a reply, of which version it was, with a few of its bytes left out, changed or repeated."""
    choices = _Choices(data[::-1])
    version, intact, _ = written(data)
    body = bytearray(intact)
    for _ in range(1 + choices.rarely()):
        at = (choices.below(256) << 8 | choices.below(256)) % len(body)
        length = 1 + choices.below(16)
        piece = body[at : at + length]
        match choices.below(3):
            case 0:
                body[at : at + length] = b""
            case 1:
                body[at : at + 1] = bytes([choices.below(256)])
            case _:
                body[at:at] = piece
    return version, bytes(body)


def _comes_twice(body: bytes) -> bool:
    """Whether a key comes twice in any object, as Python reads it."""
    found = False

    def pairs(of: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal found
        made = dict(of)
        found = found or len(made) < len(of)
        return made

    json.loads(body, object_pairs_hook=pairs)
    return found


def _told(envelope: Envelope[list[WireRecord]]) -> tuple[object, ...]:
    """What it says, whichever class its rows are of."""
    rows = [[getattr(row, name) for name in WireRecord.__struct_fields__] for row in envelope.result or ()]
    return rows, envelope.success, envelope.result_info


def judge(version: int, body: bytes) -> None:
    """Reads this reply as of that version; what is answered has no key twice, and is what the tolerant way reads.

    Raises:
        CloudflareError: it was refused, which any bytes may be.
        AssertionError: it was answered, and should not have been, or otherwise.
    """
    if version == 4:
        found = version_4.read(body)
        assert not _comes_twice(body), body
        plain = msgspec.json.decode(body, type=Envelope[list[WireRecord]], strict=False)
        assert _told(plain) == _told(found), body
        return
    page = wire.read(LISTING, body)
    assert not _comes_twice(body), body
    listing = (json.loads(body).get("response") or {}).get("recs") or {}
    assert page == structure(listing, RecLoadAll.answer), body


def judge_written(data: bytes) -> None:
    """The same for a reply of which it is known whether a key comes twice, so that it must be refused for that."""
    version, body, twice = written(data)
    assert twice == _comes_twice(body), body
    refused = ""
    try:
        judge(version, body)
    except UnexpectedAnswer as error:
        refused = str(error)
    assert (_TWICE in refused) == bool(refused) == twice, (refused, body)
