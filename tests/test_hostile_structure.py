"""Structure that nobody foresaw: replies of both versions, and forms for the gateway, drawn by hypothesis."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cfclient
from cfclient import wire
from cfclient.actions import ACTIONS, ZoneSettings
from cfclient.backend import Credentials
from cfclient.backends.v4 import V4
from cfclient.errors import CloudflareError
from cfclient.gateway import gateway
from cfclient.harmless import harmless, safe_cell
from cfclient.http import Reply, Request
from cfclient.output import write
from tests.samples import EXAMPLES

# The names that a reply may hold, so that what is drawn gets past the first look.
_NAMES = """
    result response msg err_code request recs zones objs obj rec zone ips count has_more id rec_id name zone_name type
    content ttl prio props plan dev_mode ssl sec_lvl success errors messages result_info code message page total_count
    timeZero timeEnd stats value settings 1.2.3.4 0.0.0.0 example.com
"""
_KEYS = st.sampled_from(_NAMES.split()) | st.text(max_size=4)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["success", "error", "1", "0", "", "E_UNAUTH", "E_MAXAPI", "on", "{A,B}", "2026-01-01T00:00:00Z"])
)
_DATA = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=5), max_leaves=25
)
_REPLIES = st.one_of(
    _DATA,
    st.fixed_dictionaries({"result": st.just("success"), "response": _DATA}),
    st.fixed_dictionaries({"result": st.just("success"), "response": st.dictionaries(_KEYS, _DATA, max_size=5)}),
    st.fixed_dictionaries({"result": st.just("error"), "msg": _DATA, "err_code": _DATA}),
)


def _body(data: Any) -> bytes:
    return json.dumps(data).encode()


@pytest.mark.parametrize("name", EXAMPLES)
@given(data=_REPLIES)
def test_only_our_errors_come_out_of_a_reply(name: str, data: Any) -> None:
    """Of version 1; what is answered can be shown in every form."""
    with suppress(CloudflareError):
        answer = wire.read(EXAMPLES[name], _body(data))
        for form in "table", "json", "jsonl", "csv":
            write(form, io.StringIO(), answer)


class Answering:
    """Version 4's side: the same to every request."""

    def __init__(self, status: int, body: bytes) -> None:
        self._reply = Reply(status=status, body=body)
        self._left = 30

    async def exchange(self, request: Request, /) -> Reply:
        self._left -= 1
        assert self._left, "a reply leads to no end of requests"
        return self._reply


_ENVELOPES = st.one_of(
    _DATA,
    st.fixed_dictionaries(
        {
            "success": st.just(True) | st.booleans(),
            "errors": st.just([]) | _DATA,
            "result": _DATA | st.lists(st.dictionaries(_KEYS, _DATA, max_size=6), max_size=3),
            "result_info": st.none() | _DATA | st.fixed_dictionaries({"page": st.just(1), "total_pages": st.just(1)}),
        }
    ),
)


@pytest.mark.parametrize("name", EXAMPLES)
@settings(max_examples=25)  # each runs an event loop of its own
@given(data=_ENVELOPES, status=st.sampled_from([200, 200, 200, 400, 403, 404, 429, 500]))
def test_only_our_errors_come_out_of_version_4(name: str, data: Any, status: int) -> None:
    """Whatever it answers to each of the requests that an action takes."""

    async def asked() -> None:
        with suppress(CloudflareError):
            await V4(Answering(status, _body(data)), Credentials(None, "token")).perform(EXAMPLES[name])

    anyio.run(asked)


_PARAMETERS = "a tkn email z v type name content ttl id key zones hours class geo interval url callback o"
_FORMS = st.dictionaries(
    st.sampled_from(_PARAMETERS.split(" ")) | st.text(max_size=5),
    st.sampled_from([*ACTIONS, "demo-key", "demo@example.com", "0", "1", "A", "MX", "help"]) | st.text(max_size=12),
    max_size=9,
)
_EMULATOR = cfclient.emulator(zones=1, limit=None)


@given(query=_FORMS, form=_FORMS, known=st.booleans())
def test_only_clean_replies_come_out_of_the_gateway(query: dict[str, str], form: dict[str, str], known: bool) -> None:
    """Never its own fault; each is JSON of version 1, or a script around it."""
    sent: list[Any] = []
    body = urlencode({**form, **({"tkn": "demo-key", "email": "demo@example.com"} if known else {})}).encode()

    async def receive() -> Any:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api_json.html",
        "query_string": urlencode(query).encode(),
        "headers": [],
    }
    anyio.run(gateway(_EMULATOR.connect), scope, receive, send)

    assert sent[0]["status"] in {200, 400}
    if not sent[1]["body"].startswith(b"/**/"):
        assert json.loads(sent[1]["body"])["result"] in {"success", "error"}


# -- what is shown -------------------------------------------------------------------------------------

_STEERING = set("\x00\x07\x1b\x7f\x85\x9b\u200e\u2028\u202e\u2066\ud800\t\r")
_ODD = st.text(st.sampled_from([*_STEERING, *"=+-@\n[]ab: ,\"'"]), max_size=12)


@given(_ODD)
def test_text_of_the_service_steers_nothing(text: str) -> None:
    """Whatever is in it, a terminal gets only what it shows, and a spreadsheet no formula."""
    assert not _STEERING & set(harmless(text))
    assert not safe_cell(text).lstrip(" ").startswith(("=", "+", "-", "@"))


@given(_ODD.filter(str.strip))
def test_hostile_names_are_harmless_in_every_form(text: str) -> None:
    """As a value and as a key, nested too; rich takes no markup from them."""
    settings_of = {"sec_lvl": text, text + "k": {text + "i": "[red]x"}}
    reply = {"result": "success", "response": {"result": {"objs": [settings_of]}}}
    answer = wire.read(ZoneSettings("example.com"), _body(reply).replace(b"\\ud800", b""))
    for form in "table", "json", "jsonl", "csv":
        stream = io.StringIO()
        write(form, stream, answer)

        assert not _STEERING & set(stream.getvalue())
    assert "[red]x" in stream.getvalue()
