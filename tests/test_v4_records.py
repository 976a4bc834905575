"""Records on version 4: every type both ways, edits that keep what they do not say, pages in the fewest calls."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfclient import actions as act
from cfclient import models
from cfclient.backends.v4.records import DATA, _components, _content_of, body_of
from cfclient.backends.v4.zones import Reference
from cfclient.errors import InvalidInput, UnexpectedAnswer
from cfclient.http import Reply, Request
from cfclient.models import RecordType
from tests.test_v4 import clock, fake, opened
from tests.v4fake import ZONE, Fake, no, ok, record, zone

pytestmark = pytest.mark.anyio

__all__ = ["clock", "fake"]

NAMED = Reference(ZONE, "example.com", None)
SRV: dict[str, Any] = {
    "prio": 1,
    "service": "_sip",
    "srvname": "voice",
    "protocol": "_tcp",
    "weight": 5,
    "port": 5060,
    "target": "a.example.net",
}

# Each type: the content of the action, its other parameters, and what version 4 is sent beyond type, name, ttl.
WRITTEN: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("A", "192.0.2.1", {}, {"content": "192.0.2.1"}),
    ("AAAA", "2001:db8::1", {"service_mode": True}, {"content": "2001:db8::1", "proxied": True}),
    ("CNAME", "www.example.net", {"service_mode": False}, {"content": "www.example.net", "proxied": False}),
    ("MX", "mail.example.net", {"prio": 10}, {"content": "mail.example.net", "priority": 10}),
    ("TXT", 'quotes " and ünicode', {}, {"content": 'quotes " and ünicode'}),
    ("SPF", "v=spf1 -all", {}, {"type": "TXT", "content": "v=spf1 -all"}),
    ("NS", "ns.example.net", {}, {"content": "ns.example.net"}),
    ("PTR", "host.example.net", {}, {"content": "host.example.net"}),
    ("CAA", '0 issue "ca.example"', {}, {"data": {"flags": 0, "tag": "issue", "value": "ca.example"}}),
    (
        "CAA",
        "128 iodef mailto:a@example.com",
        {},
        {"data": {"flags": 128, "tag": "iodef", "value": "mailto:a@example.com"}},
    ),
    (
        "CERT",
        "9 1 8 AbC= dEf=",
        {},
        {"data": {"type": 9, "key_tag": 1, "algorithm": 8, "certificate": "AbC=dEf="}},
    ),
    (
        "DNSKEY",
        "257 3 13 mdss wRj=",
        {},
        {"data": {"flags": 257, "protocol": 3, "algorithm": 13, "public_key": "mdsswRj="}},
    ),
    (
        "DS",
        "2371 13 2 1F987CC6",
        {},
        {"data": {"key_tag": 2371, "algorithm": 13, "digest_type": 2, "digest": "1F987CC6"}},
    ),
    (
        "HTTPS",
        '1 . alpn="h3,h2" ipv4hint="192.0.2.1"',
        {},
        {"data": {"priority": 1, "target": ".", "value": 'alpn="h3,h2" ipv4hint="192.0.2.1"'}},
    ),
    ("SVCB", "0 svc.example.net", {}, {"data": {"priority": 0, "target": "svc.example.net", "value": ""}}),
    (
        "NAPTR",
        r'100 10 "S" "SIP+D2U" "!^.*$!sip:a\\b@example.com!" _sip._udp.example.com',
        {},
        {
            "data": {
                "order": 100,
                "preference": 10,
                "flags": "S",
                "service": "SIP+D2U",
                "regex": r"!^.*$!sip:a\b@example.com!",
                "replacement": "_sip._udp.example.com",
            }
        },
    ),
    (
        "SMIMEA",
        "3 0 0 308201",
        {},
        {"data": {"usage": 3, "selector": 0, "matching_type": 0, "certificate": "308201"}},
    ),
    ("SSHFP", "2 1 123abc", {}, {"data": {"algorithm": 2, "type": 1, "fingerprint": "123abc"}}),
    (
        "TLSA",
        "3 1 1 0b9f a782",
        {},
        {"data": {"usage": 3, "selector": 1, "matching_type": 1, "certificate": "0b9fa782"}},
    ),
    (
        "URI",
        '10 1 "https://example.com/a b"',
        {},
        {"priority": 10, "data": {"weight": 1, "target": "https://example.com/a b"}},
    ),
    (
        "LOC",
        "51 30 12.748 N 0 7 39.611 W 0m 1m 10000m 10m",
        {},
        {
            "data": {
                "lat_degrees": 51,
                "lat_minutes": 30,
                "lat_seconds": 12.748,
                "lat_direction": "N",
                "long_degrees": 0,
                "long_minutes": 7,
                "long_seconds": 39.611,
                "long_direction": "W",
                "altitude": 0,
                "size": 1,
                "precision_horz": 10000,
                "precision_vert": 10,
            }
        },
    ),
    (
        "LOC",
        "51 N 0 7 w -24.5",
        {},
        {
            "data": {
                "lat_degrees": 51,
                "lat_minutes": 0,
                "lat_seconds": 0,
                "lat_direction": "N",
                "long_degrees": 0,
                "long_minutes": 7,
                "long_seconds": 0,
                "long_direction": "W",
                "altitude": -24.5,
                "size": 1,
                "precision_horz": 10000,
                "precision_vert": 10,
            }
        },
    ),
    (
        "SRV",
        "",
        SRV,
        {
            "name": "_sip._tcp.voice.example.com",
            "data": {"priority": 1, "weight": 5, "port": 5060, "target": "a.example.net"},
        },
    ),
]


@pytest.mark.parametrize(("type_", "content", "more", "sent"), WRITTEN)
async def test_every_type_is_written_as_the_description_has_it(
    fake: Fake, type_: str, content: str, more: dict[str, Any], sent: dict[str, Any]
) -> None:
    """Content where that is text, data where that is components; a ttl of a minute."""
    async with opened(fake) as cf:
        await cf.rec_new("example.com", type_, "sub", content, ttl=60, **more)

    assert {"type": type_, "name": "sub.example.com", "ttl": 60, **sent} == fake.body()
    assert f"POST /zones/{ZONE}/dns_records" == fake.lines[-1]


def test_every_type_that_is_known_is_written() -> None:
    """OPENPGPKEY too, which the description is too old for."""
    action = act.RecNew("example.com", "OPENPGPKEY", "a._openpgpkey", "mQINBFNfGhY=")

    assert set(RecordType) == {RecordType(type_) for type_, *_ in WRITTEN} | {RecordType.OPENPGPKEY}
    assert {
        "type": "OPENPGPKEY",
        "name": "a._openpgpkey.example.com",
        "ttl": 1,
        "content": "mQINBFNfGhY=",
    } == body_of(action, NAMED)


@pytest.mark.parametrize(
    ("type_", "content", "words"),
    [
        ("CAA", "issue ca.example", r"the text of a record of type 'CAA': FLAGS TAG \"VALUE\""),
        ("TLSA", "3 1 x 00", "USAGE SELECTOR MATCHING_TYPE CERTIFICATE"),
        ("DS", "1 2 3", "KEY_TAG ALGORITHM DIGEST_TYPE DIGEST"),
    ],
)
async def test_content_that_has_other_components_is_refused_by_name(
    fake: Fake, type_: str, content: str, words: str
) -> None:
    """Before a record is sent."""
    async with opened(fake) as cf:
        with pytest.raises(InvalidInput, match=words) as caught:
            await cf.rec_new("example.com", type_, "sub", content)

    assert "content" == caught.value.parameter
    assert [] == [line for line in fake.lines if "dns_records" in line]


@pytest.mark.parametrize(
    ("type_", "ttl", "words"),
    [("WKS", 1, "type='WKS' is not valid: expected a type that Cloudflare's API version 4 writes"), ("A", 59, "60 to")],
)
async def test_the_limits_are_version_4_s_own(fake: Fake, type_: str, ttl: int, words: str) -> None:
    """Told before anything is sent."""
    async with opened(fake) as cf:
        with pytest.raises(InvalidInput, match=words):
            await cf.rec_new("example.com", type_, "sub", "192.0.2.1", ttl=ttl)

    assert [] == fake.asked


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("@", "example.com"),
        ("example.com", "example.com"),
        ("www", "www.example.com"),
        ("www.example.com", "www.example.com"),
        ("*", "*.example.com"),
        ("bücher", "xn--bcher-kva.example.com"),
        ("notexample.com", "notexample.com.example.com"),
    ],
)
def test_names_go_out_absolute_and_in_punycode(name: str, sent: str) -> None:
    """However they are given."""
    assert sent == body_of(act.RecNew("example.com", "A", name, "192.0.2.1"), NAMED)["name"]


async def test_names_come_back_as_people_read_them(fake: Fake) -> None:
    """A label that is no valid IDNA stays as it is."""
    fake.add(name="xn--bcher-kva.xn--a.example.com")
    async with opened(fake) as cf:
        (found,) = await cf.records("example.com").all()

    assert ("xn--bcher-kva.xn--a.example.com", "bücher.xn--a") == (found.name, found.display_name)


async def test_a_record_is_read_whole(fake: Fake) -> None:
    """In version 1's fields."""
    made = fake.add(name="www.example.com", proxied=True, ttl=300)
    async with opened(fake) as cf:
        (found,) = await cf.records("example.com").all()

    assert (
        models.Record(
            rec_id=made["id"],
            rec_tag=made["id"],
            zone_name="example.com",
            name="www.example.com",
            display_name="www",
            type=RecordType.A,
            content="192.0.2.1",
            display_content="192.0.2.1",
            ttl=300,
            ttl_ceil=86_400,
            auto_ttl=False,
            service_mode=True,
            props=models.RecordProps(
                proxiable=True,
                cloud_on=True,
                cf_open=True,
                ssl=False,
                expired_ssl=False,
                expiring_ssl=False,
                pending_ssl=False,
            ),
        )
        == found
    )


@pytest.mark.parametrize(
    ("fields", "content", "prio"),
    [
        ({"type_": "MX", "content": "mail.example.net", "priority": 10}, "mail.example.net", 10),
        ({"type_": "TXT", "content": '"quoted"', "priority": 10}, '"quoted"', None),
        (
            {
                "type_": "SRV",
                "content": "10 5 5060 a.example",
                "data": {"priority": 10, "weight": 5, "port": 5060, "target": "a.example"},
            },
            "5 5060 a.example",
            10,
        ),
        ({"type_": "SRV", "content": "5 5060 a.example", "priority": 7}, "5 5060 a.example", 7),
        ({"type_": "SRV", "content": "odd", "data": [1]}, "odd", None),
        (
            {"type_": "CAA", "content": None, "data": {"flags": 0.0, "tag": "issue", "value": 'a"b'}},
            r'0 issue "a\"b"',
            None,
        ),
        ({"type_": "CAA", "content": '0 issue "c"'}, '0 issue "c"', None),
        # As it is written, with the priority; where that is not known, as it came.
        (
            {"type_": "URI", "content": '1 "x://y"', "priority": 10, "data": {"weight": 1, "target": "x://y"}},
            '10 1 "x://y"',
            10,
        ),
        ({"type_": "URI", "content": '1 "x://y"', "priority": 10}, '1 "x://y"', 10),
        ({"type_": "NEW", "content": None}, "", None),
    ],
)
async def test_content_and_priority_are_found_wherever_they_lie(
    fake: Fake, fields: dict[str, Any], content: str, prio: int | None
) -> None:
    """In the content, in the components, or beside them."""
    fake.add(**fields)
    async with opened(fake) as cf:
        (found,) = await cf.records("example.com").all()

    assert (content, prio) == (found.content, found.prio)


_word = st.text(st.characters(codec="ascii", exclude_characters=' "\\', exclude_categories=["Cc"]), min_size=1)
_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
_components_of = {
    "a whole number": st.integers(0, 65_535),
    "a word": _word,
    "text in quotes, or one word": _text,
    "all that follows": _text.map(str.strip),
    "all that follows, without its spaces": _word,
}


@given(st.data())
def test_what_is_written_as_components_reads_back(data: st.DataObject) -> None:
    """Of every type of the table."""
    type_ = data.draw(st.sampled_from(sorted(DATA)))
    drawn = {name: data.draw(_components_of[kind]) for name, kind in DATA[type_]}

    assert drawn == _components(type_, _content_of(type_, drawn))


async def test_a_zone_whose_name_comes_in_unicode(fake: Fake) -> None:
    """A name in it is not taken for one below it."""
    fake.rules["GET", "/zones"] = ok([zone("b\u00fccher.example")])
    async with opened(fake) as cf:
        for number, name in enumerate(("b\u00fccher.example", "www.b\u00fccher.example", "www")):
            await cf.rec_new("b\u00fccher.example", "A", name, f"192.0.2.{number}")

    own = "xn--bcher-kva.example"
    assert [own, f"www.{own}", f"www.{own}"] == [fake.body(number)["name"] for number in (1, 2, 3)]


# -- edits ---------------------------------------------------------------------------------------------


async def test_an_edit_keeps_what_it_does_not_say(fake: Fake) -> None:
    """Proxying, comment, tags and settings of the record; in this fake a PUT overwrites them."""
    kept = {"proxied": True, "comment": "do not touch", "tags": ["owner:ops"], "settings": {"ipv4_only": True}}
    made = fake.add(name="www.example.com", **kept)
    path = f"/zones/{ZONE}/dns_records/{made['id']}"
    async with opened(fake) as cf:
        edited = await cf.rec_edit("example.com", made["id"], "A", "www", "192.0.2.7", ttl=120)
    after = dict(fake.records[made["id"]])
    put = Request(method="PUT", url=f"https://x{'/client/v4'}{path}", body=json.dumps(fake.body()).encode())
    await fake.exchange(put)
    overwritten = fake.records[made["id"]]

    assert f"PATCH {path}" == fake.lines[1]
    assert {"type": "A", "name": "www.example.com", "content": "192.0.2.7", "ttl": 120} == fake.body(1)
    assert kept == {key: after[key] for key in kept}
    assert ("192.0.2.7", True, 120) == (edited.content, edited.service_mode, edited.ttl)
    assert kept != {key: overwritten.get(key) for key in kept}


@pytest.mark.parametrize("on", [True, False])
async def test_the_proxy_is_switched_where_that_is_said(fake: Fake, on: bool) -> None:
    """And only then."""
    made = fake.add(proxied=not on)
    async with opened(fake) as cf:
        edited = await cf.rec_edit("example.com", made["id"], "A", "www", "192.0.2.1", service_mode=on)

    assert (on, on) == (fake.body()["proxied"], edited.service_mode)
    assert edited.props is not None
    assert (on, False) == (edited.props.cloud_on, edited.props.vanity_lock)


async def test_a_change_of_the_type_is_one_batch(fake: Fake) -> None:
    """Which keeps comment, tags, proxying and settings; the record has a new id."""
    settings = {"ipv4_only": True, "flatten_cname": False}
    made = fake.add(name="www.example.com", proxied=True, comment="kept", tags=["a:b"], settings=settings)
    async with opened(fake) as cf:
        edited = await cf.rec_edit("example.com", made["id"], "CNAME", "www", "host.example.net")

    assert {
        "deletes": [{"id": made["id"]}],
        "posts": [
            {
                "comment": "kept",
                "tags": ["a:b"],
                "proxied": True,
                "settings": {"ipv4_only": True},
                "type": "CNAME",
                "name": "www.example.com",
                "ttl": 1,
                "content": "host.example.net",
            }
        ],
    } == fake.body()
    assert f"POST /zones/{ZONE}/dns_records/batch" == fake.lines[-1]
    assert (RecordType.CNAME, "host.example.net", True) == (edited.type, edited.content, edited.service_mode)
    assert [edited.rec_id] == list(fake.records)


async def test_a_service_that_leaves_the_type_as_it_was_is_not_believed(fake: Fake) -> None:
    """Its reply shows it; a record that cannot be proxied keeps nothing of that."""
    made = fake.add(type_="TXT", content="x")
    fake.rules["PATCH", f"/zones/{ZONE}/dns_records/{made['id']}"] = ok(made)
    async with opened(fake) as cf:
        edited = await cf.rec_edit("example.com", made["id"], "MX", "www", "mail.example.net", prio=5)

    assert {"type": "MX", "name": "www.example.com", "ttl": 1, "content": "mail.example.net", "priority": 5} == (
        fake.body()["posts"][0]
    )
    assert (RecordType.MX, 5) == (edited.type, edited.prio)


async def test_a_refusal_of_an_edit_is_the_service_s_own(fake: Fake) -> None:
    """Whether the record is there or not; a duplicate is not looked into."""
    made = fake.add()
    path = f"/zones/{ZONE}/dns_records/{made['id']}"
    async with opened(fake) as cf:
        fake.rules["PATCH", path] = no(400, 1004, "DNS Validation Error")
        with pytest.raises(InvalidInput, match=r"DNS Validation Error \(1004\)"):
            await cf.rec_edit("example.com", made["id"], "A", "www", "192.0.2.1")
        fake.rules["PATCH", path] = no(400, 81058, "An identical record already exists.")
        before = len(fake.asked)
        with pytest.raises(InvalidInput, match="81058"):
            await cf.rec_edit("example.com", made["id"], "A", "www", "192.0.2.1")
        duplicate = len(fake.asked) - before
        with pytest.raises(InvalidInput, match=r"Invalid record id\. Record does not exist \(81044\)"):
            await cf.rec_edit("example.com", "f" * 32, "A", "www", "192.0.2.1")
        with pytest.raises(InvalidInput, match=r"Invalid record id\. Record does not exist \(81044\)"):
            await cf.rec_delete("example.com", "f" * 32)

    assert 1 == duplicate


@pytest.mark.parametrize("result", [None, {"posts": []}])
async def test_a_success_without_a_record_is_an_unexpected_answer(fake: Fake, result: Any) -> None:
    """Nobody knows then what became of it."""
    made = fake.add(type_="TXT", content="x")
    fake.rules["POST", f"/zones/{ZONE}/dns_records/batch"] = ok(result)
    async with opened(fake) as cf:
        with pytest.raises(UnexpectedAnswer, match="its reply has no record"):
            await cf.rec_edit("example.com", made["id"], "A", "www", "192.0.2.1")
        fake.rules["POST", f"/zones/{ZONE}/dns_records"] = ok(None)
        with pytest.raises(UnexpectedAnswer, match="its reply has no record"):
            await cf.rec_new("example.com", "A", "www", "192.0.2.1")


# -- pages ---------------------------------------------------------------------------------------------


async def test_a_zone_s_records_come_in_the_fewest_calls(fake: Fake) -> None:
    """Five thousand to a page, and no call for an empty last one."""
    for number in range(12):
        fake.add(name=f"r{number}.example.com")
    async with opened(fake) as cf:
        everything = await cf.records("example.com").all()
        page = await cf.rec_load_all("example.com", size=6)
        rest = await cf.rec_load_all("example.com", offset=6, size=6)
        within = await cf.rec_load_all("example.com", offset=8, size=6)
        beyond = await cf.rec_load_all("example.com", offset=600)

    assert 12 == len(everything)
    assert [
        f"GET /zones/{ZONE}/dns_records?{query}"
        for query in (
            "page=1&per_page=5000",
            "page=1&per_page=6",
            "page=2&per_page=6",
            "page=2&per_page=6",
            "page=1&per_page=5000",
        )
    ] == fake.lines[1:]
    assert [(6, True), (6, False), (4, False), (0, False)] == [
        (one.count, one.has_more) for one in (page, rest, within, beyond)
    ]
    assert everything[8:] == list(within.objs)


async def test_a_page_without_a_total_goes_on_where_it_is_full(fake: Fake) -> None:
    """As listings were in some years."""
    fake.rules["GET", f"/zones/{ZONE}/dns_records"] = ok([record(f"{n:032x}") for n in range(3)])
    async with opened(fake) as cf:
        full = await cf.rec_load_all("example.com", size=3)
        short = await cf.rec_load_all("example.com", size=4)

    assert (True, False) == (full.has_more, short.has_more)


async def test_an_empty_zone_has_no_records(fake: Fake) -> None:
    """Whether the list is empty or null."""
    async with opened(fake) as cf:
        empty = await cf.records("example.com").all()
        fake.rules["GET", f"/zones/{ZONE}/dns_records"] = Reply(status=200, body=b'{"success":true,"result":null}')
        null = await cf.records("example.com").all()

    assert ([], []) == (empty, null)


@pytest.mark.parametrize(
    "data",
    [
        {"priority": "x", "weight": 1, "port": 2, "target": "a"},
        {"priority": [1], "weight": 1, "port": 2, "target": "a"},
        {"priority": {"a": 1}},
        {"priority": "1" * 5000, "weight": 1, "port": 2, "target": "a"},
        {"priority": 1, "weight": {}, "port": [], "target": 3},
        {"priority": True, "weight": 1, "port": 2, "target": "a"},
        {"priority": 1, "weight": 1, "port": 2, "target": 3},
        {"priority": 1e300, "weight": 1, "port": 2, "target": "a"},
    ],
)
async def test_an_srv_of_no_form_is_an_unexpected_answer(fake: Fake, data: Any) -> None:
    """And no fault of Python's; a number may be its text, as some programs write it."""
    fake.add(type_="SRV", data={"priority": "7", "weight": "1", "port": 2, "target": "a.example"}, content=None)
    async with opened(fake) as cf:
        (right,) = await cf.records("example.com").all()
        fake.add(type_="SRV", data=data, content=None)
        with pytest.raises(UnexpectedAnswer, match="SRV"):
            await cf.records("example.com").all()

    assert (7, "1 2 a.example") == (right.prio, right.content)


def test_a_text_is_made_of_the_components_that_are_there() -> None:
    """A reply may leave out the content and a component."""
    assert '0 "ca.example"' == _content_of(models.RecordType.CAA, {"flags": 0, "value": "ca.example"})
