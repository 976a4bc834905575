"""The emulator's version 4 face: records, under the eyes of Cloudflare's own description."""

from __future__ import annotations

from typing import Any

import pytest

from cfclient import actions as act
from cfclient.backends.emulator import DEMO, Emulator
from cfclient.emulated.ids import known, v4_id
from tests import judged
from tests.emulated import NOW, TOKEN, Asker, Clock, asking, strict

pytestmark = pytest.mark.anyio


def small(**options: Any) -> Emulator:
    """One zone with four records."""
    return Emulator.from_json(
        {
            "accounts": [
                {
                    "tokens": [{"value": "demo-token"}],
                    "zones": [
                        {
                            "zone_name": "example.com",
                            "zone_id": "7",
                            "records": [
                                {"type": "A", "name": "@", "content": "192.0.2.1", "service_mode": True, "rec_id": "1"},
                                {"type": "MX", "name": "@", "content": "mail.example.net", "prio": 10, "rec_id": "2"},
                                {"type": "CNAME", "name": "www", "content": "example.com", "rec_id": "3"},
                                {"type": "SPF", "name": "@", "content": "v=spf1 -all", "rec_id": "4"},
                            ],
                        }
                    ],
                }
            ]
        },
        **options,
    )


ZONE = f"/zones/{v4_id('zone', '7')}"
RECORDS = f"{ZONE}/dns_records"


def at(rec_id: str) -> str:
    """The path of a record."""
    return f"{RECORDS}/{v4_id('record', rec_id)}"


async def names(ask: Asker, **params: Any) -> list[str]:
    """Types and names of a listing."""
    return [f"{one['type']} {one['name']}" for one in await ask.result("GET", RECORDS, params=params)]


# -- reading ------------------------------------------------------------------------------------------


async def test_a_record_as_version_4_shows_it() -> None:
    """All that version 1 knows of it, in version 4's words."""
    async with strict(small(clock=Clock())) as ask:
        record = await ask.result("GET", at("1"))

    assert {
        "id": v4_id("record", "1"),
        "name": "example.com",
        "type": "A",
        "content": "192.0.2.1",
        "proxiable": True,
        "proxied": True,
        "ttl": 1,
        "settings": {},
        "meta": {"auto_added": False, "managed_by_apps": False, "managed_by_argo_tunnel": False},
        "comment": None,
        "tags": [],
    } == {key: value for key, value in record.items() if not key.endswith("_on")}


async def test_records_come_by_type_then_by_name_as_was_seen() -> None:
    """What was an SPF record is a TXT."""
    async with strict(small()) as ask:
        assert ["A example.com", "CNAME www.example.com", "MX example.com", "TXT example.com"] == await names(ask)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"type": "MX"}, ["MX example.com"]),
        ({"name": "www.example.com"}, ["CNAME www.example.com"]),
        ({"name.exact": "WWW.example.com"}, ["CNAME www.example.com"]),
        ({"name.startswith": "www"}, ["CNAME www.example.com"]),
        ({"name.contains": "nothing"}, []),
        ({"content": "192.0.2.1"}, ["A example.com"]),
        ({"content.endswith": ".net"}, ["MX example.com"]),
        ({"proxied": "true"}, ["A example.com"]),
        ({"proxied": "true", "type": "MX"}, []),
        ({"proxied": "true", "type": "MX", "match": "any"}, ["A example.com", "MX example.com"]),
        ({"search": "SPF1"}, ["TXT example.com"]),
        ({"comment.present": "true"}, []),
        ({"comment.absent": "true", "type": "A"}, ["A example.com"]),
        ({"order": "name", "direction": "desc", "per_page": 1}, ["CNAME www.example.com"]),
        ({"order": "content", "per_page": 1}, ["A example.com"]),
        ({"order": "proxied", "direction": "desc", "per_page": 1}, ["A example.com"]),
        ({"order": "ttl", "per_page": 3, "page": 2}, ["TXT example.com"]),
    ],
)
async def test_filters_and_orders(params: dict[str, Any], expected: list[str]) -> None:
    """Those of the description."""
    async with strict(small()) as ask:
        assert expected == await names(ask, **params)


async def test_comments_and_tags_are_filtered_by() -> None:
    """Without regard to case; a tag by its name or with its value."""
    body = {
        "type": "A",
        "name": "x",
        "content": "192.0.2.9",
        "comment": "Ask Ann",
        "tags": ["team:dns", "old"],
    }
    async with strict(small()) as ask:
        await ask.result("POST", RECORDS, body)
        found = {
            name: len(await names(ask, **{name: value}))
            for name, value in {
                "comment": "ask ann",
                "comment.contains": "ANN",
                "comment.present": "true",
                "tag": "team:dns",
                "tag.present": "OLD",
                "tag.absent": "old",
                "tag.exact": "team:x",
                "tag.startswith": "team:d",
            }.items()
        }

    assert {
        "comment": 1,
        "comment.contains": 1,
        "comment.present": 1,
        "tag": 1,
        "tag.present": 1,
        "tag.absent": 4,
        "tag.exact": 0,
        "tag.startswith": 1,
    } == found


async def test_pages_say_how_much_there_is() -> None:
    """A page beyond the end is empty; sizes go up to five million."""
    async with strict(small()) as ask:
        _, first = await ask("GET", RECORDS, params={"per_page": 3})
        _, beyond = await ask("GET", RECORDS, params={"per_page": 5_000_000, "page": 2})
        too_big = await wrong_refusal(small(), "GET", RECORDS, params={"per_page": 5_000_001})

    odd = await wrong_refusal(small(), "GET", RECORDS, params={"order": "age"})
    assert 400 == odd[0]
    assert {"page": 1, "per_page": 3, "count": 3, "total_count": 4, "total_pages": 2} == first["result_info"]
    assert ([], 0, 1) == (beyond["result"], beyond["result_info"]["count"], beyond["result_info"]["total_pages"])
    assert 400 == too_big[0]


async def wrong_refusal(
    emulator: Emulator, method: str, path: str, body: Any = None, **more: Any
) -> tuple[int, int, str]:
    """The refusal of a request that the description refuses as well."""
    async with asking(emulator) as ask:
        return await ask.refusal(method, path, body, **more)


# -- writing ------------------------------------------------------------------------------------------


async def test_what_version_4_writes_version_1_reads() -> None:
    """And the other way round, the same record by both of its ids."""
    clock = Clock()
    emulator = small(clock=clock)
    async with strict(emulator) as ask:
        made = await ask.result("POST", RECORDS, {"type": "A", "name": "new", "content": "192.0.2.7", "ttl": 300})
        record = emulator.site("example.com").records[-1]
        clock.now += 60
        emulator.perform(DEMO, act.RecEdit("example.com", record.rec_id, "A", "new", "192.0.2.8", service_mode=True))
        read = await ask.result("GET", f"{RECORDS}/{made['id']}")

    assert ("new.example.com", "192.0.2.7", 300, made["id"]) == (
        record.name,
        record.content,
        record.ttl,
        v4_id("record", record.rec_id),
    )
    assert ("192.0.2.8", True, made["created_on"]) == (read["content"], read["proxied"], read["created_on"])
    assert read["created_on"] < read["modified_on"]


BODIES: dict[str, dict[str, Any]] = {
    "A": {"content": "192.0.2.1"},
    "AAAA": {"content": "2001:db8::1"},
    "CNAME": {"content": "target.example.net"},
    "MX": {"content": "mail.example.net", "priority": 5},
    "NS": {"content": "ns.example.net"},
    "PTR": {"content": "host.example.net"},
    "TXT": {"content": '"quoted" text'},
    "CAA": {"data": {"flags": 0, "tag": "issue", "value": 'ca.example; a="b"'}},
    "CERT": {"data": {"type": 9, "key_tag": 1, "algorithm": 1, "certificate": "AQ=="}},
    "DNSKEY": {"data": {"flags": 1, "protocol": 3, "algorithm": 5, "public_key": "AQ=="}},
    "DS": {"data": {"key_tag": 1, "algorithm": 2, "digest_type": 1, "digest": "AB" * 20}},
    "HTTPS": {"data": {"priority": 1, "target": ".", "value": 'alpn="h3,h2" port=443'}},
    "LOC": {
        "data": {
            "lat_degrees": 51,
            "lat_minutes": 30,
            "lat_seconds": 12.748,
            "lat_direction": "N",
            "long_degrees": 0,
            "long_minutes": 7,
            "long_seconds": 39.611,
            "long_direction": "W",
            "altitude": -3.5,
            "size": 1,
            "precision_horz": 10000,
            "precision_vert": 10,
        }
    },
    "NAPTR": {
        "data": {
            "order": 100,
            "preference": 10,
            "flags": "S",
            "service": "SIP+D2T",
            "regex": "",
            "replacement": "_sip._tcp.example.com.",
        }
    },
    "SMIMEA": {"data": {"usage": 3, "selector": 0, "matching_type": 0, "certificate": "AABB"}},
    "SRV": {"data": {"priority": 1, "weight": 5, "port": 5060, "target": "sip.example.net"}},
    "SSHFP": {"data": {"algorithm": 1, "type": 1, "fingerprint": "AB" * 20}},
    "SVCB": {"data": {"priority": 0, "target": "svc.example.net.", "value": ""}},
    "TLSA": {"data": {"usage": 3, "selector": 0, "matching_type": 1, "certificate": "AB" * 32}},
    "URI": {"data": {"weight": 5, "target": "https://example.net/?a=1"}, "priority": 10},
}


@pytest.mark.parametrize("type_", BODIES)
async def test_every_type_is_written_and_read(type_: str) -> None:
    """What is given comes back, a PATCH of something else leaves it, and where there is `data`, it is needed."""
    body, emulator = {"type": type_, "name": "_x._tcp", **BODIES[type_]}, small()
    async with strict(emulator) as ask:
        made = await ask.result("POST", RECORDS, body)
        read = await ask.result("GET", f"{RECORDS}/{made['id']}")
    async with asking(small()) as ask:
        given = {"type": type_, "name": "_x._tcp", "priority": 5, "content": made["content"]}
        status, again = await ask("POST", RECORDS, given)
    async with asking(emulator) as ask:
        patched = await ask.result("PATCH", f"{RECORDS}/{made['id']}", {"ttl": 120})

    assert made == read
    assert (400, 9101) if "data" in made else (200, None) == (status, next((e["code"] for e in again["errors"]), None))
    assert BODIES[type_] == {key: made[key] for key in BODIES[type_]}
    assert (made["content"], made.get("data"), made.get("priority"), 120) == (
        patched["content"],
        patched.get("data"),
        patched.get("priority"),
        patched["ttl"],
    )


async def test_a_text_that_is_of_no_form_has_no_data() -> None:
    """As a file of the emulator may have one; it is shown as it is, and an edit needs the data."""
    odd = {"type": "CAA", "name": "@", "content": "odd", "rec_id": "7"}
    emulator = Emulator.from_json({"accounts": [{"zones": [{"zone_name": "example.com", "records": [odd]}]}]})
    where = f"/zones/{v4_id('zone', emulator.site('example.com').zone.zone_id)}/dns_records/{v4_id('record', '7')}"
    async with asking(emulator) as ask:
        shown = await ask.result("GET", where)
        refused = await ask.refusal("PATCH", where, {"ttl": 120})

    # The service has no such record, so the description knows no such reply.
    assert 1 == len(judged.taken())
    assert ("odd", None) == (shown["content"], shown.get("data"))
    assert (400, 9101) == refused[:2]


async def test_numbers_in_text_are_taken_for_numbers() -> None:
    """As an external program sends them; what is a text stays one."""
    data = {"flags": "0", "tag": "issue", "value": "5"}
    async with asking(small()) as ask:
        made = await ask.result("POST", RECORDS, {"type": "CAA", "name": "@", "data": data})

    assert {"flags": 0, "tag": "issue", "value": "5"} == made["data"]


async def test_a_patch_changes_what_is_given_and_a_put_overwrites() -> None:
    """So that a PUT without `proxied` shows the origin's address, and forgets comment, tags and settings."""
    body = {
        "type": "CNAME",
        "name": "x",
        "content": "a.example",
        "proxied": True,
        "comment": "mine",
        "tags": ["a:b"],
        "settings": {"flatten_cname": True},
    }
    async with strict(small()) as ask:
        made = await ask.result("POST", RECORDS, body)
        where = f"{RECORDS}/{made['id']}"
        bare = {"type": "CNAME", "name": "x.example.com", "content": "b.example"}
        patched = await ask.result("PATCH", where, bare)
        put = await ask.result("PUT", where, bare)

    kept = ("content", "proxied", "comment", "tags", "settings")
    assert ["b.example", True, "mine", ["a:b"], {"flatten_cname": True}] == [patched[key] for key in kept]
    assert ["b.example", False, None, [], {"flatten_cname": False}] == [put[key] for key in kept]
    assert made["id"] == patched["id"] == put["id"]


async def test_version_1_s_edit_leaves_what_only_version_4_knows() -> None:
    """And the state goes through JSON with it."""
    emulator = small()
    body = {"type": "A", "name": "x", "content": "192.0.2.5", "comment": "mine", "tags": ["a:b"]}
    async with strict(emulator) as ask:
        made = await ask.result("POST", RECORDS, body)
        rec_id = emulator.site("example.com").records[-1].rec_id
        emulator.perform(DEMO, act.RecEdit("example.com", rec_id, "A", "x", "192.0.2.6"))
        read = await ask.result("GET", f"{RECORDS}/{made['id']}")
    again = Emulator.from_json(emulator.to_json())

    assert ("192.0.2.6", "mine", ["a:b"]) == (read["content"], read["comment"], read["tags"])
    assert emulator.accounts == again.accounts
    assert "mine" == again.site("example.com").annotations[rec_id].comment


async def test_deleting() -> None:
    """Only the id is answered; then it is gone for both."""
    emulator = small()
    async with strict(emulator) as ask:
        answer = await ask.result("DELETE", at("3"))
        gone = [await ask.refusal(method, at("3")) for method in ("GET", "DELETE")]

    assert {"id": v4_id("record", "3")} == answer
    assert [(404, 81044, "Record does not exist.")] * 2 == gone
    assert "3" not in {record.rec_id for record in emulator.site("example.com").records}


async def test_a_proxied_record_has_no_ttl_of_its_own() -> None:
    """The proxy answers with its own."""
    async with strict(small()) as ask:
        body = {"type": "A", "name": "x", "content": "192.0.2.5", "ttl": 300, "proxied": True}
        made = await ask.result("POST", RECORDS, body)

    assert 1 == made["ttl"]


async def test_names_in_unicode_are_kept_in_punycode() -> None:
    """As the zone is told to the world."""
    async with strict(small()) as ask:
        made = await ask.result("POST", RECORDS, {"type": "A", "name": "bücher", "content": "192.0.2.5"})

    assert "xn--bcher-kva.example.com" == made["name"]


# -- refusals -----------------------------------------------------------------------------------------

A = {"type": "A", "name": "x", "content": "192.0.2.5"}
SRV = BODIES["SRV"]["data"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([], 9207),
        ({}, 9207),
        ({**A, "type": "SPF"}, 9207),
        ({**A, "type": 5}, 9207),
        ({"type": "A", "content": "192.0.2.5"}, 9000),
        ({**A, "name": "a..b"}, 9000),
        ({**A, "name": ""}, 9000),
        ({**A, "name": "\u00df" * 70}, 9000),
        ({**A, "name": ".".join(["a" * 60] * 4)}, 9000),
        ({**A, "content": "2001:db8::1"}, 9005),
        ({**A, "content": 5}, 9005),
        ({"type": "A", "name": "x"}, 9005),
        ({**A, "type": "AAAA"}, 9006),
        ({**A, "type": "CNAME", "content": "a b"}, 9007),
        ({**A, "type": "MX"}, 9100),
        ({**A, "type": "MX", "priority": 65_536}, 9100),
        ({**A, "type": "TXT", "content": ""}, 9010),
        ({**A, "ttl": 59}, 9021),
        ({**A, "ttl": 86_401}, 9021),
        ({**A, "ttl": True}, 9021),
        ({**A, "ttl": 90.5}, 9021),
        ({**A, "proxied": 1}, 9003),
        ({**A, "type": "TXT", "proxied": True}, 9004),
        ({**A, "content": "10.0.0.1", "proxied": True}, 9041),
        ({**A, "comment": "x" * 501}, 9208),
        ({**A, "tags": "a"}, 9209),
        ({**A, "settings": "a"}, 9207),
        ({"type": "SRV", "name": "_a._tcp", "content": "what?"}, 9101),
        ({"type": "SRV", "name": "_a._tcp", "data": {**SRV, "proto": "_tcp"}}, 9101),
        ({"type": "SRV", "name": "_a._tcp", "data": {"priority": 1}}, 9101),
        ({"type": "SRV", "name": "_a._tcp", "data": {**SRV, "port": 65_536}}, 9102),
        ({"type": "SRV", "name": "_a._tcp", "data": {**SRV, "target": "a b"}}, 9102),
        ({"type": "CAA", "name": "@", "data": {"flags": 0, "tag": "issue", "value": 5}}, 9102),
        ({"type": "A", "name": "@", "content": "192.0.2.1"}, 81058),
        ({"type": "MX", "name": "@", "content": "MAIL.example.net", "priority": 10}, 81058),
        ({"type": "CNAME", "name": "@", "content": "a.example"}, 81053),
        ({"type": "AAAA", "name": "www", "content": "2001:db8::1"}, 81054),
    ],
)
async def test_what_is_refused_changes_nothing(body: Any, code: int) -> None:
    """HTTP 400, and a code that says why."""
    emulator = small()
    before = emulator.accounts
    status, found, _ = await wrong_refusal(emulator, "POST", RECORDS, body)

    assert (400, code) == (status, found)
    assert before == emulator.accounts


async def test_the_least_lifetime_is_the_plan_s() -> None:
    """30 seconds for an enterprise."""
    emulator = Emulator.from_json(
        {
            "accounts": [
                {"zones": [{"zone_name": "example.com", "zone_id": "7", "props": {"plan": "ENT_ZONE"}, "records": []}]}
            ]
        }
    )
    async with strict(emulator) as ask:
        made = await ask.result("POST", RECORDS, {**A, "ttl": 30})

    assert 30 == made["ttl"]


async def test_the_type_of_a_record_stays() -> None:
    """In-place changes ended in 2026."""
    body = {"type": "AAAA", "name": "@", "content": "2001:db8::1"}

    assert {(400, 9207)} == {(await wrong_refusal(small(), method, at("1"), body))[:2] for method in ("PATCH", "PUT")}


async def test_refusals_in_the_form_before_october_2024() -> None:
    """1004, and the cause in `error_chain`; what is no validation stays as it is."""
    emulator = small()
    emulator.v4.chained = True
    async with asking(emulator) as ask:
        _, wrong = await ask("POST", RECORDS, {**A, "content": "x"})
        _, again = await ask("PATCH", at("1"), {"ttl": 2})
        _, put = await ask("PUT", at("1"), {"type": "A"})
        twice = await ask.refusal("POST", RECORDS, {"type": "A", "name": "@", "content": "192.0.2.1"})

    words = "Content for A record must be a valid IPv4 address."
    cause = {"code": 9005, "message": words}
    assert [{"code": 1004, "message": "DNS Validation Error", "error_chain": [cause]}] == wrong["errors"]
    assert [9021, 9000] == [reply["errors"][0]["error_chain"][0]["code"] for reply in (again, put)]
    assert 81058 == twice[1]


# -- the batch ----------------------------------------------------------------------------------------


async def test_a_batch_goes_in_its_own_order() -> None:
    """Deletes, patches, puts, posts: so a CNAME can take the place of an address."""
    emulator = small()
    batch = {
        "posts": [{"type": "CNAME", "name": "@", "content": "a.example"}],
        "deletes": [{"id": v4_id("record", "1")}],
        "puts": [{"id": v4_id("record", "2"), "type": "MX", "name": "@", "content": "b.example", "priority": 1}],
        "patches": [{"id": v4_id("record", "3"), "type": "CNAME", "name": "www", "ttl": 600, "content": "c.example"}],
    }
    async with strict(emulator) as ask:
        answer = await ask.result("POST", f"{RECORDS}/batch", batch)

    assert ["192.0.2.1", "c.example", "b.example", "a.example"] == [
        answer[kind][0]["content"] for kind in ("deletes", "patches", "puts", "posts")
    ]
    assert ["MX", "CNAME", "SPF", "CNAME"] == [str(record.type) for record in emulator.site("example.com").records]


@pytest.mark.parametrize(
    ("batch", "code"),
    [
        ({"deletes": [{"id": v4_id("record", "1")}], "posts": [{**A, "content": "x"}]}, 9005),
        ({"posts": [A], "patches": [{"id": "0" * 32}]}, 81044),
        ({"deletes": [{}]}, 9207),
        ({"posts": {}}, 9207),
        ({"posts": 5}, 9207),
        ({"posts": [{**A, "name": f"n{index}"} for index in range(201)]}, 9207),
    ],
)
async def test_a_batch_is_carried_out_whole_or_not_at_all(batch: Any, code: int) -> None:
    """Whatever comes before the refusal is undone."""
    emulator = small()
    before = emulator.accounts
    _, found, _ = await wrong_refusal(emulator, "POST", f"{RECORDS}/batch", batch)

    assert code == found
    assert before == emulator.accounts


# -- the export ---------------------------------------------------------------------------------------


async def test_a_zone_is_exported_as_a_zone_file() -> None:
    """Dnspython reads it; every record is in it."""
    zonefile = pytest.importorskip("dns.zone", reason="dnspython is not installed")
    emulator = small()
    async with strict(emulator) as ask:
        for type_, body in BODIES.items():
            await ask.result("POST", RECORDS, {"type": type_, "name": f"_{type_}._tcp", **body})
        await ask.result("POST", RECORDS, {"type": "TXT", "name": "long", "content": 'ü"\\' * 200, "comment": "a\nb"})
        await ask.result("POST", RECORDS, {"type": "TXT", "name": "quoted", "content": '"as it is"'})
        reply = await ask.http.get(f"https://emulator.example/client/v4{RECORDS}/export")
    zone = zonefile.from_text(reply.text, origin="example.com.", relativize=False)

    assert "text/plain; charset=utf-8" == reply.headers["content-type"]
    (text,) = zone.get_rdataset("long.example.com.", "TXT")
    assert 'ü"\\' * 200 == b"".join(text.strings).decode()
    # The zone's own SOA and two NS records are there beside its records.
    assert len(emulator.site("example.com").records) + 3 == sum(1 for _ in zone.iterate_rdatas())


async def test_tokens_see_and_write_the_same() -> None:
    """The demo token may everything."""
    async with strict(small(clock=Clock()), TOKEN) as ask:
        made = await ask.result("POST", RECORDS, A)

    assert "x.example.com" == made["name"]
    assert made["created_on"].startswith("2023-11-14T")
    assert NOW == Clock().now


def test_ids_go_there_and_back() -> None:
    """Numbers are changed without loss; what is no number is kept or hashed."""
    idents = {"1", "007", "a", "f" * 32, str(2**128), "9" * 40, "99999999999"}

    assert idents == {known("record", v4_id("record", one), idents) for one in idents}
    assert {32} == {len(v4_id("record", one)) for one in idents}
    assert "f" * 32 == v4_id("zone", "f" * 32)
    assert v4_id("zone", "1") != v4_id("record", "1")
    assert [None, None] == [known("record", shown, idents) for shown in ("0" * 32, "not an id")]
