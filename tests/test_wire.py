"""The wire, both ways: what the document says, what the live service sent, and the law of round trips."""

from __future__ import annotations

import html
import importlib.util
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfclient import actions as act
from cfclient import models, wire
from cfclient.actions import ACTIONS, Action
from cfclient.errors import ApiError, InvalidInput, RateLimited, Unauthorized, UnexpectedAnswer
from tests.samples import ACTION_STRATEGIES, ANSWER_STRATEGIES, CREDENTIALS, EXAMPLES, any_action

OURS = "8afbe6dea02407989af4dd4c97bb6e25"


def libcloud_replies() -> list[Path]:
    """The replies captured from the live service that apache-libcloud carries; nothing of it is imported."""
    spec = importlib.util.find_spec("libcloud")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    folder = Path(spec.submodule_search_locations[0]) / "test/dns/fixtures/cloudflare"
    return sorted(folder.glob("*.json"))


def lost(expected: Any, actual: Any, path: str = "reply") -> Iterator[str]:
    """Where a value, or its JSON type, is not the same; keys that are only in `actual` are no loss."""
    if isinstance(expected, dict):
        for key, value in expected.items():
            if key not in actual:
                yield f"{path}.{key} is missing"
            else:
                yield from lost(value, actual[key], f"{path}.{key}")
    elif isinstance(expected, list):
        if len(expected) != len(actual):
            yield f"{path} has {len(actual)} items, not {len(expected)}"
        else:
            for index, (one, other) in enumerate(zip(expected, actual, strict=True)):
                yield from lost(one, other, f"{path}[{index}]")
    elif type(expected) is not type(actual) or expected != actual:
        yield f"{path} is {actual!r}, not {expected!r}"


def check_lossless(name: str, body: bytes) -> None:
    """A reply is read, written and read again without losing a key outside its echoed request."""
    action = EXAMPLES[name]
    documented = json.loads(body)
    documented.pop("request", None)

    value = wire.read(action, body)
    written = wire.encode(wire.write(action, value))

    assert list(lost(documented, json.loads(written))) == []
    assert value == wire.read(action, written)


# -- the document -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in ACTIONS if name != "nul"])
def test_a_documented_reply_is_read_without_loss(name: str, shared: Path) -> None:
    """Each of the 21 example replies of the document."""
    check_lossless(name, (shared / "api" / "replies" / f"{name}.json").read_bytes())


def documented_requests(shared: Path) -> dict[str, dict[str, str]]:
    """The parameters of the document's example requests, by action."""
    requests: dict[str, dict[str, str]] = {}
    text = (shared / "api" / "client-api-v1.txt").read_text()
    for block in text.split("curl https://www.cloudflare.com/api_json.html")[1:]:
        request = block.split("\n\n")[0]
        parameters = dict(part.split("'")[0].split("=", 1) for part in request.split("-d '")[1:])
        requests[parameters["a"]] = parameters
    return requests


def test_our_requests_decode_to_the_documented_parameters(shared: Path) -> None:
    """Each of the 20 example requests, the e-mail aside; `rec_new` adds the ttl."""
    documented = documented_requests(shared)
    ours = {name: wire.pairs(wire.form(EXAMPLES[name], CREDENTIALS)) for name in documented}

    for parameters in (*documented.values(), *ours.values()):
        assert parameters.pop("email")
        parameters.pop("tkn")
    documented["rec_new"]["ttl"] = "1"
    assert len(documented) == 20
    assert documented == ours


# -- the live service ---------------------------------------------------------------------------------


def test_there_are_18_captured_replies() -> None:
    """The package really carries them, so that the next test tests something."""
    assert len(libcloud_replies()) == 18


@pytest.mark.parametrize("path", libcloud_replies(), ids=lambda path: path.stem)
def test_a_captured_reply_is_read_without_loss(path: Path) -> None:
    """Each reply captured from the live service in December 2015."""
    check_lossless(path.stem.rstrip("_"), path.read_bytes())


def test_captured_records_have_python_types() -> None:
    """Numbers, bools and the parts that only real replies have."""
    body = next(path for path in libcloud_replies() if path.stem == "rec_load_all").read_bytes()

    page = wire.read(act.RecLoadAll("example.com"), body)

    apex = page.objs[0]
    exchange = next(record for record in page.objs if record.type is models.RecordType.MX)
    assert (page.count, page.has_more, len(page.objs)) == (18, False, 18)
    assert (apex.ttl, apex.auto_ttl, apex.service_mode, apex.prio, apex.rec_tag) == (1, True, True, None, None)
    assert (exchange.prio, exchange.mx and exchange.mx.auto) == (20, False)


# -- laws ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ACTIONS)
def test_what_is_sent_is_understood(name: str) -> None:
    """parse(form(a)) == a."""

    @given(ACTION_STRATEGIES[name])
    def law(action: Action[Any]) -> None:
        parameters = wire.pairs(wire.form(action, CREDENTIALS))

        assert action == wire.parse(parameters)
        assert CREDENTIALS.token == parameters["tkn"]
        assert CREDENTIALS.email == parameters["email"]

    law()


@pytest.mark.parametrize("name", ACTIONS)
def test_what_is_answered_is_understood(name: str) -> None:
    """read(a, write(a, x)) == x, and so after JSON."""

    @given(ANSWER_STRATEGIES[name])
    def law(answer: Any) -> None:
        action = EXAMPLES[name]

        body = wire.encode(wire.write(action, answer))

        assert answer == wire.read(action, body)

    law()


@given(any_action)
def test_the_pairs_are_plain_form_encoding(action: Action[Any]) -> None:
    """Any form decoder reads our body the same way."""
    body = wire.form(action, CREDENTIALS)

    assert list(wire.pairs(body).items()) == parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)
    assert body.isascii()


# -- our own bytes ------------------------------------------------------------------------------------

PINNED = {
    "stats": "z=example.com&interval=20",
    "zone_load_multi": "",
    "rec_load_all": "z=example.com",
    "zone_check": "zones=example.com%2Cexample2.com%2Cexample3.com",
    "zone_ips": "z=example.com&hours=48&class=r&geo=1",
    "ip_lkup": "ip=0.0.0.0",
    "zone_settings": "z=example.com",
    "sec_lvl": "z=example.com&v=help",
    "cache_lvl": "z=example.com&v=agg",
    "devmode": "z=example.com&v=1",
    "fpurge_ts": "z=example.com&v=1",
    "zone_file_purge": "z=example.com&url=http%3A%2F%2Fwww.example.com%2Fstyle.css",
    "wl": "key=0.0.0.0",
    "ban": "key=0.0.0.0",
    "nul": "key=0.0.0.0",
    "ipv46": "z=example.com&v=3",
    "async": "z=example.com&v=a",
    "minify": "z=example.com&v=6",
    "mirage2": "z=example.com&v=1",
    "rec_new": "z=example.com&type=A&name=sub&content=1.2.3.4&ttl=1",
    "rec_edit": "z=example.com&id=9001&type=A&name=sub&content=1.2.3.4&ttl=1&service_mode=1",
    "rec_delete": "z=example.com&id=9001",
}


@pytest.mark.parametrize("name", ACTIONS)
def test_our_bytes_are_pinned(name: str) -> None:
    """The exact body of each action's request."""
    more = f"&{PINNED[name]}" if PINNED[name] else ""

    expected = f"a={name}&tkn={OURS}&email=user%40example.com{more}".encode()
    assert expected == wire.form(EXAMPLES[name], CREDENTIALS)


# -- requests that are not of the API -----------------------------------------------------------------


def test_an_unknown_action_is_named() -> None:
    """And the 22 are offered."""
    with pytest.raises(InvalidInput, match=r"a='purge' is not valid: expected one of the 22 actions: stats"):
        wire.parse({"a": "purge"})


def test_a_missing_parameter_is_named() -> None:
    """By its name in cfclient."""
    with pytest.raises(InvalidInput, match="zone is missing: expected a value, because stats needs one"):
        wire.parse({"a": "stats"})


def test_a_missing_content_is_an_empty_one() -> None:
    """Because an SRV record's content may be empty, and is then not sent."""
    parameters = wire.pairs("a=rec_new&z=example.com&type=SRV&name=x&prio=1&service=_sip&srvname=x&protocol=_tcp")

    action = wire.parse({**parameters, "weight": "0", "port": "5060", "target": "sip.example.com"})

    assert action.content == ""  # type: ignore[attr-defined]  # a RecNew


# -- replies that are not answers ---------------------------------------------------------------------

LISTING = act.RecLoadAll("example.com")


@pytest.mark.parametrize(
    ("body", "error", "text"),
    [
        (
            b'{"result":"error","msg":"Unknown token or email","err_code":"E_UNAUTH"}',
            Unauthorized,
            "rec_load_all: Unknown token or email (E_UNAUTH)",
        ),
        (
            b'{"result":"error","msg":"Bad hours","err_code":"E_INVLDINPUT"}',
            InvalidInput,
            "rec_load_all: Bad hours (E_INVLDINPUT)",
        ),
        (
            b'{"result":"error","msg":"Too many","err_code":"E_MAXAPI"}',
            RateLimited,
            "rec_load_all: Too many (E_MAXAPI)",
        ),
        (b'{"result":"error","msg":"No","err_code":"ip"}', ApiError, "rec_load_all: No (ip)"),
        (
            b'{"request":{"act":"rec_edit"},"result":"error","msg":"Invalid record id."}',
            InvalidInput,
            "rec_load_all: Invalid record id.",
        ),
        (b'{"result":"error","msg":"Something else."}', ApiError, "rec_load_all: Something else."),
        (b'{"result":"error","msg":null}', ApiError, "rec_load_all: the service gives no reason"),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 403, 500, 503])
def test_a_refusal_is_the_service_s_own_word(body: bytes, error: type[ApiError], text: str, status: int) -> None:
    """Under any HTTP status: a body is judged by its bytes."""
    with pytest.raises(ApiError) as caught:
        wire.read(LISTING, body, status=status)

    assert (error, text) == (type(caught.value), str(caught.value))


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (200, b"<!DOCTYPE html><html>", "the answer is an HTML page, not JSON (HTTP 200): '<!DOCTYPE html><html>'"),
        (503, b" <html>\r\n", "the answer is an HTML page, not JSON (HTTP 503): '<html>'"),
        (
            410,
            b"<html>",
            (
                "the answer is an HTML page, not JSON; CloudFlare retired version 1 of its API in 2018, "
                "so is this the address you mean? (HTTP 410): '<html>'"
            ),
        ),
        (
            404,
            b'{"success":false}',
            (
                "the answer is JSON, but not a reply of this API: it has no `result`; CloudFlare retired version 1 "
                "of its API in 2018, so is this the address you mean? (HTTP 404): '{\"success\":false}'"
            ),
        ),
        (
            301,
            b"",
            "the address redirects, and a redirect is not followed with a key in the body (HTTP 301)",
        ),
        (200, b"", "the answer is empty (HTTP 200)"),
        (200, b'{"result":"succ', 'the answer is truncated or broken JSON (HTTP 200): \'{"result":"succ\''),
        (200, b'{"result":"\xff"}', 'the answer is not valid UTF-8 (HTTP 200): \'{"result":"\ufffd"}\''),
        (200, b"gone fishing", "the answer is not JSON (HTTP 200): 'gone fishing'"),
        (200, b"[1]", "the answer is JSON, but not a reply of this API: it has no `result` (HTTP 200): '[1]'"),
        (
            200,
            b'{"result":"success","response":{"recs":{"objs":[{"rec_id":"1","ttl":[],"type":"A","content":"x"}]}}}',
            (
                "required field missing @ reply.objs[0].name; expected a whole number, got list @ reply.objs[0].ttl"
                " (HTTP 200)"
            ),
        ),
        (
            200,
            b'{"result":"success","response":{"recs":{"objs":"many"}}}',
            "expected a list, got str @ reply.objs (HTTP 200)",
        ),
        (200, b'{"result":"success","response":{"recs":[1]}}', "expected an object, got list (HTTP 200)"),
    ],
)
def test_an_answer_of_another_shape_says_what_it_is(status: int, body: bytes, text: str) -> None:
    """With the status, the reason by field, and a short excerpt."""
    with pytest.raises(UnexpectedAnswer) as caught:
        wire.read(LISTING, body, status=status)

    assert f"rec_load_all: {text}" == str(caught.value)
    assert status == caught.value.status


def test_deep_nesting_is_an_unexpected_answer() -> None:
    """A hundred thousand open brackets neither crash nor leak RecursionError."""
    with pytest.raises(UnexpectedAnswer, match="nested more than 64 deep"):
        wire.read(LISTING, b"[" * 100_000)


def test_an_unforeseen_shape_is_still_an_unexpected_answer() -> None:
    """A part of a reply that is of no use at all: nothing but our errors comes out of reading."""
    with pytest.raises(UnexpectedAnswer, match=r"zone_settings: the reply is not of the documented shape \(KeyError\)"):
        wire.read(EXAMPLES["zone_settings"], b'{"result":"success","response":{"result":{"objs":{"a":1}}}}')


def test_the_key_is_hidden_wherever_a_message_quotes_the_service() -> None:
    """In a refusal's words, its code, and the excerpt of a page, encoded or not."""
    key = "sesame/öpen"
    refused = json.dumps({"result": "error", "msg": f"no {key}", "err_code": f"E_{key}"}).encode()
    forms = "sesame%2F%C3%B6pen sesame/%c3%b6pen sesame\\/\\u00f6pen SESAME/ÖPEN"
    page = f"<html>{forms} {key}".encode()

    with pytest.raises(ApiError) as refusal:
        wire.read(LISTING, refused, hide=(key, ""))
    with pytest.raises(UnexpectedAnswer) as unexpected:
        wire.read(LISTING, page, hide=(key,))

    assert str(refusal.value) == "rec_load_all: no *** (E_***)"
    assert unexpected.value.excerpt == "<html>*** *** *** *** ***"


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(lambda key: f"<html>{html.escape(key)}", id="as HTML"),
        pytest.param(lambda key: f"<html>{'.' * 150}{key}", id="cut by the end of the excerpt"),
        pytest.param(lambda key: f"<html>{'.' * 100}{key}", id="a long one"),
        pytest.param(lambda key: f"<html>{key * 9}", id="several long ones"),
    ],
)
@pytest.mark.parametrize("key", ["8afbe6dea02407989af4dd4c97bb6e25", "<a&b>'c\"" * 8, "8afbe6dea0240798" * 300])
def test_no_part_of_the_key_is_in_an_excerpt(page: Callable[[str], str], key: str) -> None:
    """Wherever it stands, and however long it is."""
    with pytest.raises(UnexpectedAnswer) as caught:
        wire.read(LISTING, page(key).encode(), hide=(key,))

    shown = caught.value.excerpt
    assert not any(part in shown for part in (key[:8], html.escape(key)[:8]))
    assert not any(part in str(caught.value) for part in (key[:8], html.escape(key)[:8]))


def test_control_characters_are_removed_from_what_is_quoted() -> None:
    """A terminal that shows the message is not steered by it."""
    body = json.dumps({"result": "error", "msg": "a\x1b[31mb\u202ec\nd"}).encode()

    with pytest.raises(ApiError) as caught:
        wire.read(LISTING, body)

    assert caught.value.msg == "a [31mb c d"


@given(st.binary(max_size=200))
def test_whatever_bytes_come_only_our_errors_come_out(body: bytes) -> None:
    """For both ways of reading."""
    for action in (LISTING, EXAMPLES["zone_settings"]):
        # A reply that says success and nothing else is one; any other error fails this test.
        with suppress(ApiError, UnexpectedAnswer):
            wire.read(action, body)


_KEYS = """
    recs zones result objs obj zone rec ips rec_id type name content zone_id zone_name count has_more ttl props response
    attributes cooldown expires_on fpurge_ts dev_mode minify confirm_code allow orig_ns_names url
"""
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.sampled_from(["", "1", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(_KEYS.split()),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("name", ACTIONS)
def test_whatever_json_comes_it_is_a_value_or_an_unexpected_answer(name: str) -> None:
    """A success of any shape: nothing but our errors comes out."""

    @given(_json)
    def law(response: Any) -> None:
        body = json.dumps({"result": "success", "msg": None, "response": response}).encode()
        reason = f"{name}: none"
        try:
            wire.read(EXAMPLES[name], body)
        except UnexpectedAnswer as error:
            reason = error.reason

        assert reason.startswith(f"{name}: ")

    law()


# -- tolerance ----------------------------------------------------------------------------------------


def settings(**objs: Any) -> models.ZoneSettings:
    """What is read from these keys of a `zone_settings` reply."""
    body = json.dumps({"result": "success", "response": {"result": {"objs": [objs]}}}).encode()
    return wire.read(act.ZoneSettings("example.com"), body)


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ({"bic": True}, {"bic": True}),
        ({"bic": 0}, {"bic": False}),
        ({"bic": "on"}, {"bic": True}),
        ({"bic": ""}, {"bic": None}),
        ({"chl_ttl": 900}, {"chl_ttl": 900}),
        ({"chl_ttl": 900.0}, {"chl_ttl": 900}),
        ({"chl_ttl": ""}, {"chl_ttl": None}),
        ({"ch_ttl": "900"}, {"chl_ttl": 900}),
        ({"ch_ttl": "900", "chl_ttl": "300"}, {"chl_ttl": 300, "extra": {"ch_ttl": "900"}}),
        ({"dnssec": ""}, {"dnssec": ""}),
        ({"dev_mode": 0}, {"dev_mode": False}),
        ({"dev_mode": "1"}, {"dev_mode": True}),
        ({"dev_mode": False}, {"dev_mode": False}),
        ({"ssl": "7"}, {"ssl": 7}),
        ({"minify": 7}, {"minify": models.Minify.ALL}),
        ({"minify": "9"}, {"minify": models.Minify(9)}),
        ({"sec_lvl": "paranoid"}, {"sec_lvl": "paranoid"}),
        ({"brand_new": [1]}, {"extra": {"brand_new": [1]}}),
        ({"extra": 1}, {"extra": {"extra": 1}}),
        ({"async": "a"}, {"async_": models.RocketLoader.AUTOMATIC}),
    ],
)
def test_a_setting_is_read_in_any_of_its_forms(given_: dict[str, Any], expected: dict[str, Any]) -> None:
    """Numbers and strings, empty strings, values and keys that nobody has heard of."""
    assert models.ZoneSettings(**expected) == settings(**given_)


@pytest.mark.parametrize(
    "given_",
    [
        {"bic": 2},
        {"bic": []},
        {"chl_ttl": 1.5},
        {"dnssec": {}},
        {"fpurge_ts": 10**18},
        {"ssl": "x"},
        {"waf_profile": 0.5},
    ],
)
def test_a_setting_of_no_use_is_kept_as_it_came(given_: dict[str, Any]) -> None:
    """It does not hide the others, and is written back unchanged."""
    read = settings(**given_, sec_lvl="high", news=1)

    written = wire.write(act.ZoneSettings("example.com"), read)["response"]["result"]["objs"][0]
    assert models.ZoneSettings(sec_lvl=models.SecurityLevel.HIGH, extra={**given_, "news": 1}) == read
    assert {**given_, "sec_lvl": "high", "news": 1} == written


@pytest.mark.parametrize(
    ("zone", "reason"),
    [
        ({"zone_id": "1"}, "required field missing @ reply.objs[0].zone_name"),
        ({"zone_name": "a.example", "zone_id": []}, "expected text, got list @ reply.objs[0].zone_id"),
        ({"zone_name": "a.example", "zone_id": "1", "props": 1}, "expected an object, got int @ reply.objs[0].props"),
        (
            {"zone_name": "a.example", "zone_id": "1", "step": {}},
            "expected a whole number, got dict @ reply.objs[0].step",
        ),
        (
            {"zone_name": "a.example", "zone_id": "1", "props": {"pro": 2}},
            "expected a bool, 0 or 1, got int @ reply.objs[0].props.pro",
        ),
    ],
)
def test_a_field_of_no_use_is_told_by_its_place(zone: dict[str, Any], reason: str) -> None:
    """The kind of value is named, never the value."""
    body = json.dumps({"result": "success", "response": {"zones": {"objs": [zone]}}}).encode()

    with pytest.raises(UnexpectedAnswer) as caught:
        wire.read(act.ZoneLoadMulti(), body)

    assert f"zone_load_multi: {reason}" == caught.value.reason


def test_nulls_and_php_s_odd_arrays_do_not_hide_a_listing() -> None:
    """Null for what has a default, a record without content, an array with holes."""
    zone = {"zone_id": "1", "zone_name": "a.example", "ns_vanity_map": {"a": 1}, "allow": None, "fqdns": None}
    zones = {"has_more": None, "count": None, "objs": {"3": zone}}
    bare = {"rec_id": "1", "type": "A", "name": "a.example", "content": None}

    page = wire.read(act.ZoneLoadMulti(), json.dumps({"result": "success", "response": {"zones": zones}}).encode())
    records = wire.read(LISTING, json.dumps({"result": "success", "response": {"recs": {"objs": [bare]}}}).encode())

    assert models.Page(objs=(models.Zone(zone_id="1", zone_name="a.example", ns_vanity_map=(1,)),)) == page
    assert (models.Record(rec_id="1", type=models.RecordType.A, name="a.example"),) == records.objs


@pytest.mark.parametrize(("given_", "expected"), [(38, 38), (38.5, 38.5), ("38.50", 38.5), ("-97", -97.0), ("", None)])
def test_a_number_is_read_in_any_of_its_forms(given_: Any, expected: float | None) -> None:
    """A whole number stays one, so that it is written back as it came."""
    body = json.dumps({"result": "success", "response": {"ips": [{"ip": "192.0.2.1", "latitude": given_}]}}).encode()

    (visitor,) = wire.read(act.ZoneIps("example.com"), body)

    assert (expected, type(expected)) == (visitor.latitude, type(visitor.latitude))


@pytest.mark.parametrize("given_", ["north", "nan", "1e999", [], True])
def test_what_is_no_number_is_told_by_field(given_: Any) -> None:
    """In the list too."""
    body = json.dumps({"result": "success", "response": {"ips": [{"ip": "192.0.2.1", "latitude": given_}]}}).encode()

    with pytest.raises(UnexpectedAnswer, match=r"zone_ips: expected a number, got \w+ @ reply\[0\].latitude"):
        wire.read(act.ZoneIps("example.com"), body)


def page(**record: Any) -> models.Record:
    """What is read from these keys of a record in a page."""
    entry = {"rec_id": "1", "type": "A", "name": "example.com", "content": "192.0.2.1", **record}
    body = json.dumps({"result": "success", "response": {"recs": {"objs": [entry]}}}).encode()
    return wire.read(LISTING, body).objs[0]


def test_the_tolerant_way_and_the_fast_way_read_the_same() -> None:
    """What msgspec refuses (an id that is a number, an empty string) cattrs reads, to the same class."""
    fast = page(ttl="120", props={"proxiable": 1})
    tolerant = page(rec_id=1, ttl="120", prio="", props={"proxiable": "1"})

    assert fast == tolerant


def test_an_empty_php_array_stands_for_an_empty_object() -> None:
    """PHP writes an empty mapping as an empty list."""
    zone = {"zone_id": 7, "zone_name": "example.com", "props": [], "confirm_code": [], "orig_ns_names": ["A"]}
    body = json.dumps({"result": "success", "response": {"zones": {"objs": [zone]}}}).encode()

    expected = models.Zone(zone_id="7", zone_name="example.com", props=models.ZoneProps(), orig_ns_names=("A",))
    assert (expected,) == wire.read(act.ZoneLoadMulti(), body).objs


@pytest.mark.parametrize("recs", [None, {}, {"objs": None}, {"objs": [], "count": 0, "has_more": False}])
def test_an_empty_zone_is_an_empty_page(recs: Any) -> None:
    """Whether its list is missing, null or empty."""
    body = json.dumps({"result": "success", "response": {"recs": recs}}).encode()

    assert models.Page() == wire.read(LISTING, body)


@pytest.mark.parametrize("name", ["rec_new", "rec_edit"])
def test_a_record_that_the_reply_does_not_show_is_said_so(name: str) -> None:
    """The service reports success: the error must not make it look like a refusal."""
    with pytest.raises(UnexpectedAnswer, match=r"the service reports success, but its reply has no record"):
        wire.read(EXAMPLES[name], b'{"result":"success","msg":null}')


@pytest.mark.parametrize("name", [name for name in ACTIONS if name not in {"rec_new", "rec_edit"}])
def test_a_bare_success_is_an_answer(name: str) -> None:
    """Replies shrank over the years to `{"result":"success","msg":null}`."""
    value = wire.read(EXAMPLES[name], b'{"result":"success","msg":null}')

    assert value == wire.read(EXAMPLES[name], wire.encode(wire.write(EXAMPLES[name], value)))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"192.0.2.1": "BAD:7"}, models.ThreatScore(ip="192.0.2.1", verdict="BAD", score=7)),
        ({"192.0.2.1": "CLEAN"}, models.ThreatScore(ip="192.0.2.1", verdict="CLEAN")),
        ({"192.0.2.1": 5}, models.ThreatScore(ip="192.0.2.1", score=5)),
        ({"192.0.2.1": False}, models.ThreatScore(ip="192.0.2.1")),
        ({"[IP]": "BAD:0"}, models.ThreatScore(ip="[IP]", verdict="BAD", score=0)),
        ([], models.ThreatScore(ip="192.0.2.1")),
    ],
)
def test_a_threat_score_is_read_in_any_of_its_forms(body: Any, expected: models.ThreatScore) -> None:
    """The document's text, a number, false, and none at all."""
    assert expected == wire.read(act.IpLkup("192.0.2.1"), json.dumps({"result": "success", "response": body}).encode())


def test_zone_ids_are_cleaned() -> None:
    """In 2013 the last key ended in a newline; an empty one is dropped, a null id too."""
    body = b'{"result":"success","response":{"zones":{"a.example":1,"b.example\\n":"0f","":3,"c.example":null}}}'

    assert wire.read(act.ZoneCheck("a.example"), body) == {"a.example": "1", "b.example": "0f"}


@pytest.mark.parametrize("name", ["zone_check", "ip_lkup"])
def test_a_mapping_of_another_kind_is_refused(name: str) -> None:
    """A list where names or addresses should be."""
    with pytest.raises(UnexpectedAnswer, match=f"{name}: expected an object of"):
        wire.read(
            EXAMPLES[name],
            b'{"result":"success","response":{"zones":[1]}}'
            if name == "zone_check"
            else b'{"result":"success","response":[1]}',
        )


def test_raw_is_the_whole_reply_without_the_echo() -> None:
    """The echoed request, key included, is dropped at the border."""
    body = b'{"request":{"tkn":"sesame"},"response":{"new":1},"result":"success","msg":null,"more":2}'

    assert wire.raw(LISTING, body) == {"response": {"new": 1}, "result": "success", "msg": None, "more": 2}


def test_an_error_is_written_as_the_service_wrote_it() -> None:
    """With its code where it has one, and with the request where it is given."""
    assert wire.write_error(Unauthorized("Unknown token or email", code="E_UNAUTH")) == {
        "result": "error",
        "msg": "Unknown token or email",
        "err_code": "E_UNAUTH",
    }
    assert wire.write_error(ApiError("Invalid zone."), request={"act": "x"}) == {
        "request": {"act": "x"},
        "result": "error",
        "msg": "Invalid zone.",
    }


def test_why_a_setting_is_missing_is_on_no_wire() -> None:
    """It is neither written nor read: a key of that name is a reply's own."""
    action = act.ZoneSettings("example.com")
    settings = models.ZoneSettings(ssl=models.SslMode.FULL, missing={"minify": "gone"})

    sent = wire.write(action, settings)
    read = wire.read(action, b'{"result":"success","response":{"result":{"objs":[{"missing":"x"}]}}}')

    assert [{"ssl": "2"}] == sent["response"]["result"]["objs"]
    assert models.ZoneSettings(extra={"missing": "x"}) == read


def test_a_spoilt_byte_in_a_key_is_no_reply() -> None:
    """It would pass for a key that nobody knows, and the record would lack what the key says."""
    body = b'{"result":"success","response":{"recs":{"has_more":false,"count":1,"objs":[{"rec_id":"1","t\xffl":"1"}]}}}'

    with pytest.raises(UnexpectedAnswer, match="not valid UTF-8") as caught:
        wire.read(act.RecLoadAll("example.com"), body)

    assert caught.value.transient


def test_an_id_of_today_that_consists_of_digits_stays_text() -> None:
    """Its zeros at the front would be lost, and no client reads a number of 32 digits."""
    ids = {"a.example": "31415", "b.example": "0" * 16 + "1" * 16}
    reply = wire.write(act.ZoneCheck(list(ids)), ids)

    assert {"a.example": 31415, "b.example": "0" * 16 + "1" * 16} == reply["response"]["zones"]
    assert ids == wire.read(act.ZoneCheck(list(ids)), wire.encode(reply))
