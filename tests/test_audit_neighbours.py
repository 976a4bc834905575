"""CNAMEs through several zones of one account: what is found, what it costs, and what is said not to be known."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import anyio
import attrs
import pytest

import cfclient
from cfclient import actions as act
from cfclient.actions import Action
from cfclient.audit import RULES, Beyond, Rule, ZoneAudit, ZoneData, judge
from cfclient.audit.journal import Identity, Journal
from cfclient.audit.neighbours import Entry, Names, Neighbours
from cfclient.errors import ConnectionFailed, InvalidInput
from cfclient.models import Page, Record, RecordType, Zone, ZoneSettings

from . import corpus

pytestmark = pytest.mark.anyio

T = TypeVar("T")

CNAMES = tuple(rule for rule in RULES if rule.id.startswith("cname-"))

#: name, type, content, and whether the proxy answers for it
Row = tuple[str, str, str] | tuple[str, str, str, bool]


def record(row: Row, number: int = 0) -> Record:
    name, type_, content, *proxied = row
    return Record(
        rec_id=str(number),
        name=name,
        type=RecordType(type_),
        content=content,
        ttl=1,
        service_mode=bool(proxied and proxied[0]),
    )


class Account:
    """A service with these zones, that counts which zone's records are asked for, and refuses what it is told to."""

    def __init__(
        self,
        zones: Mapping[str, Iterable[Record]],
        *,
        refuse: Mapping[str, Exception] | None = None,
        status: Mapping[str, dict[str, str]] | None = None,
    ) -> None:
        self.zones = {zone: tuple(records) for zone, records in zones.items()}
        self.refuse = dict(refuse or {})
        self.status = status or {}
        self.read: Counter[str] = Counter()

    @classmethod
    def of(cls, zones: Mapping[str, Iterable[Row]], **more: Any) -> Account:
        records = {zone: [record(row, number) for number, row in enumerate(rows)] for zone, rows in zones.items()}
        return cls(records, **more)

    async def perform(self, action: Action[T], /) -> T:
        await anyio.lowlevel.checkpoint()
        if isinstance(action, act.ZoneLoadMulti):
            zones = tuple(
                attrs.evolve(
                    Zone(zone_id=str(number), zone_name=name, zone_status="V"), **cast("Any", self.status.get(name, {}))
                )
                for number, name in enumerate(self.zones)
            )
            return cast("T", Page(objs=zones, count=len(zones), has_more=False))
        if isinstance(action, act.RecLoadAll):
            self.read[action.zone] += 1
            if action.zone in self.refuse:
                raise self.refuse[action.zone]
            records = self.zones[action.zone]
            return cast("T", Page(objs=records, count=len(records), has_more=False))
        return cast("T", corpus.SOUND)


async def audited(account: Account, rules: Iterable[Rule] = CNAMES, **options: Any) -> dict[str, ZoneAudit]:
    async with cfclient.audit(account, rules=rules, **options) as run:
        return {zone.zone: zone async for zone in run}


def said(audits: Mapping[str, ZoneAudit]) -> dict[str, list[str]]:
    """The messages of the zones that have any."""
    return {zone: [f.message for f in one.findings] for zone, one in sorted(audits.items()) if one.findings}


A, B, C = "a.example", "b.example", "c.example"


@pytest.mark.parametrize(
    ("zones", "expected"),
    [
        pytest.param(
            {A: [("www.a.example", "CNAME", "Gone.B.example.")], B: [("www.b.example", "A", "93.184.216.34")]},
            {A: ["www.a.example is a CNAME to gone.b.example, which the zone b.example does not have"]},
            id="dangling",
        ),
        pytest.param(
            {
                A: [
                    ("1.a.example", "CNAME", "b.example"),
                    ("2.a.example", "CNAME", "text.b.example"),
                    ("3.a.example", "CNAME", "any.wild.b.example"),
                    ("4.a.example", "CNAME", "x.part.b.example"),
                    ("5.a.example", "CNAME", "gone.elsewhere.example"),
                ],
                B: [
                    ("text.b.example", "TXT", "text"),
                    ("*.wild.b.example", "A", "93.184.216.34"),
                    ("part.b.example", "NS", "ns1.dns-host.example"),
                ],
            },
            {},
            id="an apex, another type, a wildcard, below a delegation, elsewhere",
        ),
        pytest.param(
            {
                A: [("www.a.example", "CNAME", "deep.wild.b.example")],
                # A name that exists keeps the wildcard away from what lies below it (RFC 4592 §3.3.1).
                B: [("*.b.example", "A", "93.184.216.34"), ("x.wild.b.example", "A", "93.184.216.34")],
            },
            {A: ["www.a.example is a CNAME to deep.wild.b.example, which the zone b.example does not have"]},
            id="a wildcard that does not reach there",
        ),
        pytest.param(
            {
                A: [("one.a.example", "CNAME", "two.b.example")],
                B: [("two.b.example", "CNAME", "three.c.example"), ("into.b.example", "CNAME", "one.a.example")],
                C: [("three.c.example", "CNAME", "one.a.example")],
            },
            {
                A: ["the CNAMEs one.a.example -> two.b.example -> three.c.example -> one.a.example lead in a circle"],
                B: ["the CNAMEs two.b.example -> three.c.example -> one.a.example -> two.b.example lead in a circle"],
                C: ["the CNAMEs three.c.example -> one.a.example -> two.b.example -> three.c.example lead in a circle"],
            },
            id="a circle through three zones, told in each, and not by what leads into it",
        ),
        pytest.param(
            {
                A: [("one.a.example", "CNAME", "two.b.example")],
                B: [("two.b.example", "CNAME", "three.b.example"), ("three.b.example", "CNAME", "two.b.example")],
            },
            {B: ["the CNAMEs three.b.example -> two.b.example -> three.b.example lead in a circle"]},
            id="a circle elsewhere",
        ),
        pytest.param(
            {
                A: [("www.a.example", "CNAME", "www.b.example")],
                B: [("www.b.example", "CNAME", "www.c.example")],
                C: [("www.c.example", "CNAME", "x.saas.example")],
            },
            {
                A: [
                    "www.a.example -> www.b.example -> www.c.example -> x.saas.example is a chain of 3 CNAMEs",
                ],
                B: ["www.b.example -> www.c.example -> x.saas.example is a chain of 2 CNAMEs"],
            },
            id="a chain",
        ),
        pytest.param(
            {
                A: [
                    ("1.a.example", "CNAME", "proxied.b.example"),
                    ("2.a.example", "CNAME", "b.example"),
                    ("3.a.example", "CNAME", "address.b.example"),
                    ("4.a.example", "CNAME", "alias.b.example", True),
                ],
                B: [
                    ("proxied.b.example", "CNAME", "x.saas.example", True),
                    ("b.example", "CNAME", "x.saas.example"),
                    ("address.b.example", "A", "93.184.216.34"),
                    ("alias.b.example", "CNAME", "x.saas.example"),
                ],
            },
            {},
            id="what the service answers with addresses is no part of a chain",
        ),
        pytest.param(
            {
                A: [("www.a.example", "CNAME", "gone.sub.a.example"), ("w.a.example", "CNAME", "x.sub.a.example")],
                "sub.a.example": [("x.sub.a.example", "A", "93.184.216.34")],
            },
            {A: ["www.a.example is a CNAME to gone.sub.a.example, which the zone sub.a.example does not have"]},
            id="a zone below the zone",
        ),
        pytest.param(
            {
                A: [("www.a.example", "CNAME", "x.b.example"), ("*.w.a.example", "CNAME", "y.b.example")],
                B: [("x.b.example", "CNAME", "any.w.a.example"), ("y.b.example", "A", "93.184.216.34")],
            },
            {
                A: ["www.a.example -> x.b.example -> any.w.a.example -> y.b.example is a chain of 3 CNAMEs"],
                B: ["x.b.example -> any.w.a.example -> y.b.example is a chain of 2 CNAMEs"],
            },
            id="out and back in through a wildcard",
        ),
    ],
)
async def test_the_zones_of_an_account_are_judged_together(
    zones: dict[str, list[Row]], expected: dict[str, list[str]]
) -> None:
    """A CNAME is followed through all of them."""
    assert expected == said(await audited(Account.of(zones)))


@pytest.mark.parametrize("status", [{"zone_status": "P"}, {"zone_type": "P"}])
async def test_a_zone_that_the_world_does_not_see_here(status: dict[str, str]) -> None:
    """Its records are not what a CNAME runs into, so nothing is said."""
    zones: dict[str, list[Row]] = {A: [("www.a.example", "CNAME", "gone.b.example")], B: []}
    account = Account.of(zones, status={B: status})

    assert {} == said(await audited(account))
    assert {A: 1, B: 1} == account.read


@pytest.mark.parametrize("status", [{"zone_status": "P"}, {"zone_type": "P"}])
async def test_a_zone_that_is_not_answered_for_is_no_part_of_the_zone_above_it(status: dict[str, str]) -> None:
    """Its own names are its own: they are not looked for above, and a circle of them is found."""
    zones: dict[str, list[Row]] = {
        "shop.a.example": [
            ("www.shop.a.example", "CNAME", "web.shop.a.example"),
            ("web.shop.a.example", "A", "93.184.216.34"),
            ("1.shop.a.example", "CNAME", "2.shop.a.example"),
            ("2.shop.a.example", "CNAME", "1.shop.a.example"),
        ],
        A: [],
    }
    account = Account.of(zones, status={"shop.a.example": status})

    circle = "the CNAMEs 1.shop.a.example -> 2.shop.a.example -> 1.shop.a.example lead in a circle"
    assert {"shop.a.example": [circle]} == said(await audited(account))


async def test_named_zones_know_each_other() -> None:
    """And nothing of the rest of the account, which is not listed for it."""
    zones: dict[str, list[Row]] = {
        A: [("1.a.example", "CNAME", "gone.b.example"), ("2.a.example", "CNAME", "gone.c.example")],
        B: [],
        C: [],
    }

    assert {A: ["1.a.example is a CNAME to gone.b.example, which the zone b.example does not have"]} == said(
        await audited(Account.of(zones), zones=[A, B])
    )


async def test_named_zones_are_followed_into_whatever_their_status() -> None:
    """It is not known, because they are not listed; with an id among them they are, and it is."""
    zones: dict[str, list[Row]] = {A: [("www.a.example", "CNAME", "gone.b.example")], B: []}
    account = Account.of(zones, status={B: {"zone_status": "P"}})

    dangling = {A: ["www.a.example is a CNAME to gone.b.example, which the zone b.example does not have"]}
    assert dangling == said(await audited(account, zones=[A, B]))
    assert {} == said(await audited(account, zones=[A, "1"]))


async def test_a_zone_that_cannot_be_read_for_others() -> None:
    """What would need it is not checked, with the reason; what does not is said all the same."""
    zones: dict[str, list[Row]] = {
        A: [
            ("1.a.example", "CNAME", "www.b.example"),
            ("2.a.example", "CNAME", "gone.c.example"),
            ("3.a.example", "CNAME", "www.d.example"),
        ],
        B: [],
        C: [],
        "d.example": [],
    }
    refused = InvalidInput("Invalid zone.", code="E_INVLDINPUT")
    account = Account.of(zones, refuse={B: refused, "d.example": refused})

    found = await audited(account)

    reason = (
        "CNAMEs lead into the zone b.example, whose records are not known: Invalid zone. (E_INVLDINPUT) (and 1 more)"
    )
    assert {A: ["2.a.example is a CNAME to gone.c.example, which the zone c.example does not have"]} == said(found)
    assert [(rule, reason) for rule in ("cname-loop", "cname-dangling", "cname-chain")] == list(found[A].not_checked)


async def test_without_a_rule_that_follows_nothing_is_followed() -> None:
    """So nothing is paid for it."""
    zones: dict[str, list[Row]] = {A: [("www.a.example", "CNAME", "www.b.example")], B: []}
    account = Account.of(zones)

    await audited(account, [rule for rule in RULES if not rule.follows])

    assert {A: 1, B: 1} == account.read


# -- MX, NS and SRV -----------------------------------------------------------------------------------

TARGETS = tuple(rule for rule in RULES if rule.id.endswith(("-to-cname", "-to-nowhere")))


@pytest.mark.parametrize("type_", ["MX", "NS", "SRV"])
@pytest.mark.parametrize(
    ("target", "theirs", "words"),
    [
        pytest.param("gone.b.example", [], "which the zone b.example does not have", id="missing"),
        pytest.param(
            "text.b.example",
            [("text.b.example", "TXT", "text")],
            "which has no address in the zone b.example",
            id="another type",
        ),
        pytest.param("b.example", [], "which has no address in the zone b.example", id="an apex without address"),
        pytest.param(
            "h.b.example", [("h.b.example", "CNAME", "x.saas.example")], "a CNAME to x.saas.example", id="alias"
        ),
        pytest.param(
            "h.w.b.example", [("*.w.b.example", "CNAME", "x.saas.example")], "a CNAME to x.saas.example", id="wildcard"
        ),
        # Narrow misses.
        pytest.param("h.b.example", [("H.b.example", "AAAA", "2606:2800:220:1::1")], None, id="an address"),
        pytest.param("h.w.b.example", [("*.w.b.example", "A", "93.184.216.34")], None, id="through a wildcard"),
        pytest.param("h.part.b.example", [("part.b.example", "NS", "ns1.dns-host.example")], None, id="delegated"),
        pytest.param("b.example", [("b.example", "CNAME", "x.saas.example")], None, id="an apex that is flattened"),
        pytest.param("gone.elsewhere.example", [], None, id="no zone of the account"),
    ],
)
async def test_targets_in_other_zones(type_: str, target: str, theirs: list[Row], words: str | None) -> None:
    """As within a zone: they are there, with an address and not with a CNAME."""
    content = f"1 443 {target}." if type_ == "SRV" else f"{target}."
    zones: dict[str, list[Row]] = {A: [("x.a.example", type_, content)], B: theirs}

    found = said(await audited(Account.of(zones), TARGETS)).get(A, [])

    assert [f"the {type_} of x.a.example points to {target}, {words}"] * (words is not None) == found


async def test_a_target_below_a_zone_that_is_another_zone_is_looked_for_there() -> None:
    """Not in the zone above, which does not have it."""
    zones: dict[str, list[Row]] = {
        A: [("a.example", "MX", "mx.sub.a.example")],
        "sub.a.example": [("mx.sub.a.example", "A", "93.184.216.34")],
    }
    assert {} == said(await audited(Account.of(zones), TARGETS))


async def test_targets_in_a_zone_that_cannot_be_read() -> None:
    """Only the rules that would need it say so."""
    zones: dict[str, list[Row]] = {
        A: [
            ("a.example", "MX", "mx.b.example"),
            ("x.a.example", "CNAME", "x.c.example"),
            ("a.example", "MX", "mx.d.example"),
        ],
        B: [],
        C: [("x.c.example", "A", "93.184.216.34")],
        "d.example": [],
    }
    refused = InvalidInput("Invalid zone.", code="E_INVLDINPUT")

    found = await audited(Account.of(zones, refuse={B: refused, "d.example": refused}), (*CNAMES, *TARGETS))

    reason = (
        "an MX points into the zone b.example, whose records are not known: Invalid zone. (E_INVLDINPUT) (and 1 more)"
    )
    assert [(rule, reason) for rule in ("mx-to-cname", "mx-to-nowhere")] == list(found[A].not_checked)


async def test_a_name_that_two_kinds_lead_to_is_followed_to_its_end() -> None:
    """An MX to it does not hide where its CNAME goes."""
    zones: dict[str, list[Row]] = {
        A: [("a.example", "MX", "h.b.example"), ("x.a.example", "CNAME", "h.b.example")],
        B: [("h.b.example", "CNAME", "i.c.example")],
        C: [("i.c.example", "CNAME", "x.saas.example")],
    }
    account = Account.of(zones)

    found = said(await audited(account, (*CNAMES, *TARGETS)))[A]

    assert "the MX of a.example points to h.b.example, a CNAME to i.c.example" in found
    assert "x.a.example -> h.b.example -> i.c.example -> x.saas.example is a chain of 3 CNAMEs" in found


# -- DMARC --------------------------------------------------------------------------------------------

DMARC = tuple(rule for rule in RULES if rule.id == "dmarc-missing")
ADDRESS = "93.184.216.34"
HAS_NONE = "has no TXT record that begins with v=DMARC1"


@pytest.mark.parametrize(
    ("zone", "others", "expected"),
    [
        pytest.param(
            "shop.a.example",
            {A: [("_dmarc.a.example", "TXT", '"v=DMARC1; p=reject"')]},
            None,
            id="the organisation has one",
        ),
        pytest.param(
            "x.shop.a.example",
            {A: [("_dmarc.a.example", "TXT", "v=DMARC1; p=reject")], "shop.a.example": []},
            None,
            id="the organisation has one, the zone between has none",
        ),
        pytest.param("shop.a.example", {A: [("_dmarc.a.example", "CNAME", "x.saas.example")]}, None, id="it is led to"),
        pytest.param("shop.a.example", {A: [("_dmarc.a.example", "NS", "ns.x.example")]}, None, id="it is handed on"),
        pytest.param("shop.a.co.uk", {"a.co.uk": [("*.a.co.uk", "TXT", "v=DMARC1; p=none")]}, None, id="a wildcard"),
        pytest.param(
            "shop.a.example",
            {A: [("_dmarc.a.example", "TXT", "v=DMARC2"), ("_dmarc.b.example", "TXT", "v=DMARC1; p=none")]},
            f"_dmarc.shop.a.example {HAS_NONE}, and neither has _dmarc.a.example, whose policy would hold for it",
            id="the organisation has none",
        ),
        pytest.param("a.co.uk", {}, f"_dmarc.a.co.uk {HAS_NONE}", id="an organisation below a registry's name"),
        pytest.param("a.example", {B: []}, f"_dmarc.a.example {HAS_NONE}", id="an organisation"),
    ],
)
async def test_the_policy_of_an_organisation_holds_for_its_parts(
    zone: str, others: dict[str, list[Row]], expected: str | None
) -> None:
    """As a receiver looks for it (RFC 7489 §6.6.3)."""
    zones: dict[str, list[Row]] = {**others, zone: [(zone, "A", ADDRESS)]}
    audits = await audited(Account.of(zones), DMARC)

    assert ([expected] if expected else [], ()) == (
        [finding.message for finding in audits[zone].findings],
        audits[zone].not_checked,
    )


@pytest.mark.parametrize(
    ("zones", "refuse", "words"),
    [
        ({}, {}, "the DMARC policy of a.example would hold for it, and that zone is not seen here"),
        (
            {A: []},
            {A: InvalidInput("no", code="E_INVLDINPUT")},
            "its DMARC policy may be that of the zone a.example, whose records are not known: no (E_INVLDINPUT)",
        ),
    ],
)
async def test_a_part_whose_organisation_is_not_seen(
    zones: dict[str, list[Row]], refuse: dict[str, Exception], words: str
) -> None:
    """Nobody is accused."""
    zones = {**zones, "shop.a.example": [("shop.a.example", "A", ADDRESS)]}

    found = (await audited(Account.of(zones, refuse=refuse), DMARC))["shop.a.example"]

    assert ((), (("dmarc-missing", words),)) == (found.findings, found.not_checked)


async def test_only_what_a_rule_asks_for_is_looked_up() -> None:
    """So the rules on mail cost no reading of what CNAMEs lead to, and a zone with a policy none of the one above."""
    zones: dict[str, list[Row]] = {
        "shop.a.example": [
            ("_dmarc.shop.a.example", "TXT", "v=DMARC1; p=none"),
            ("w.shop.a.example", "CNAME", "b.example"),
        ],
        A: [("a.example", "MX", "mx.b.example")],
        B: [("mx.b.example", "A", ADDRESS)],
    }
    account = Account.of(zones)

    await audited(account, DMARC)

    assert dict.fromkeys(zones, 1) == account.read


def test_what_a_rule_follows_is_known() -> None:
    """A word that means nothing is refused."""
    with pytest.raises(cfclient.ConfigurationError, match="follows: 'TXT' is none of CNAME, DMARC, MX, NS, SRV"):
        attrs.evolve(RULES[0], follows={"TXT"})
    assert frozenset({"CNAME", "DMARC", "MX", "NS", "SRV"}) == attrs.evolve(RULES[0], follows=True).follows


# -- what it costs ------------------------------------------------------------------------------------


async def test_a_zone_into_which_all_lead_is_read_once_for_them() -> None:
    """However many want it at the same time."""
    zones: dict[str, list[Row]] = {
        f"z{number}.example": [(f"www.z{number}.example", "CNAME", "www.hub.example")] for number in range(40)
    }
    account = Account.of({**zones, "hub.example": [("www.hub.example", "A", "93.184.216.34")]})

    assert {} == said(await audited(account))
    assert {**dict.fromkeys(zones, 1), "hub.example": 2} == account.read


async def test_what_is_kept_of_other_zones_is_bounded() -> None:
    """The zone not used for longest goes; one that is larger than the bound stays as long as it is the last."""
    read: list[str] = []

    async def names(zone: str) -> tuple[Entry, ...]:
        read.append(zone)
        return tuple(Entry.of(record((f"n{number}.{zone}", "A", "93.184.216.34"))) for number in range(3))

    def leading(zone: str) -> ZoneData:
        row = record(("www.x.example", "CNAME", f"n1.{zone}"))
        return ZoneData(zone="x.example", settings=ZoneSettings(), records=(row,))

    neighbours = Neighbours({A, B, C}, names, kept=7)
    for zone in (A, B, A, C, A, B):
        await neighbours.beyond(leading(zone))
    small = Neighbours({A, B}, names, kept=1)
    for zone in (A, A, B):
        await small.beyond(leading(zone))

    assert [A, B, C, B, A, B] == read


async def test_what_is_kept_is_not_counted_again_with_each_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of zones are kept, and each is counted when it comes, and when it goes."""
    counted: Counter[str] = Counter()
    size = Names.__len__

    def counting(names: Names) -> int:
        counted[names._zone] += 1
        return size(names)

    monkeypatch.setattr(Names, "__len__", counting)
    zones = [f"z{number}.example" for number in range(20)]

    async def names(zone: str) -> tuple[Entry, ...]:
        return (Entry.of(record((f"www.{zone}", "A", "93.184.216.34"))),)

    neighbours = Neighbours(frozenset(zones), names, kept=10)
    for zone in zones:
        row = record(("www.x.example", "CNAME", f"www.{zone}"))
        await neighbours.beyond(ZoneData(zone="x.example", settings=ZoneSettings(), records=(row,)))

    assert {**dict.fromkeys(zones, 1), **dict.fromkeys(zones[:10], 2)} == counted


async def test_a_zone_is_followed_into_so_many_others_and_no_further() -> None:
    """What is left is said, and the same ones are followed each time."""
    rows: list[Row] = [(f"n{number}.a.example", "CNAME", f"gone.z{number}.example") for number in range(4)]
    zones = {f"z{number}.example" for number in range(4)}

    async def names(zone: str) -> tuple[Entry, ...]:
        return ()

    data = ZoneData(zone=A, settings=ZoneSettings(), records=tuple(map(record, rows)))
    beyond = await Neighbours(zones, names, most=2).beyond(data)

    assert {
        "gone.z0.example": Beyond(zone="z0.example", there=False, address=False, policy=False),
        "gone.z1.example": Beyond(zone="z1.example", there=False, address=False, policy=False),
        **{
            f"gone.z{number}.example": Beyond(
                zone=f"z{number}.example", failure="2 other zones at most are looked into for a zone"
            )
            for number in (2, 3)
        },
    } == beyond


async def test_a_failure_in_passing_is_not_remembered() -> None:
    """The next zone that leads there asks again; a refusal is one for all."""
    asked = 0

    async def names(zone: str) -> tuple[Entry, ...]:
        nonlocal asked
        asked += 1
        raise (
            ConnectionFailed("no answer", maybe_carried_out=True)
            if zone == A
            else InvalidInput("no", code="E_INVLDINPUT")
        )

    neighbours = Neighbours({A, B}, names)
    rows: tuple[Row, ...] = (("x.c.example", "CNAME", "x.a.example"), ("y.c.example", "CNAME", "y.b.example"))
    data = ZoneData(zone=C, settings=ZoneSettings(), records=tuple(map(record, rows)))
    found = [await neighbours.beyond(data) for _ in range(2)]

    assert found[0] == found[1]
    assert {"no answer (the request may have been carried out)", "no (E_INVLDINPUT)"} == {
        one.failure for one in found[0].values()
    }
    assert 3 == asked


def test_the_first_of_several_cnames_is_followed() -> None:
    """As within a zone; that there are several is a finding of its own there."""
    rows: tuple[Row, ...] = (("x.a.example", "CNAME", "z.example"), ("x.a.example", "CNAME", "y.example"))
    names = Names(A, map(Entry.of, map(record, rows)))

    assert (1, "y.example") == (len(names), names.at("x.a.example").leads)


@pytest.mark.parametrize("ring", [False, True])
def test_a_way_of_thousands_of_cnames_is_told_in_few_words(ring: bool) -> None:
    """Each name is passed once, and a finding does not quote the whole way; a zone is somebody's input."""
    last = "n0000.a.example" if ring else "end.elsewhere.example"
    targets = [*(f"n{number:04}.a.example" for number in range(1, 4000)), last]
    rows = [record((f"n{number:04}.a.example", "CNAME", target), number) for number, target in enumerate(targets)]

    found = judge(ZoneData(zone=A, settings=ZoneSettings(), records=tuple(rows)), CNAMES).findings

    assert (["cname-loop"] if ring else ["cname-chain"] * 3998 + ["cname-chain"]) == [f.rule for f in found]
    assert max(len(f.message) for f in found) < 250
    assert ring or max(len(f.records) for f in found) <= 9


# -- the labelled account -----------------------------------------------------------------------------


def linked(count: int, seed: int) -> Iterator[tuple[ZoneData, set[tuple[str, str]]]]:
    """The zones of the corpus as one account, with CNAMEs between them, whose findings are known by construction."""
    rng = random.Random(seed)
    zones = list(corpus.zones(count, seed))
    more: dict[str, list[Row]] = {data.zone: [] for data, _ in zones}
    labels: dict[str, set[tuple[str, str]]] = {data.zone: {(r, "") for r in rules} for data, rules in zones}
    for number in range(count):
        kind = rng.choice(["dangling", "chain", "loop", "sound", "sound"])
        a, b, c = rng.sample(sorted(more), 3)
        first, second, third = (f"link{number}.{zone}" for zone in (a, b, c))
        if kind == "dangling":
            more[a].append((first, "CNAME", second))
            labels[a].add(("cname-dangling", first))
        elif kind == "chain":
            more[a].append((first, "CNAME", second))
            more[b].append((second, "CNAME", "x.saas.example"))
            labels[a].add(("cname-chain", first))
        elif kind == "loop":
            more[a].append((first, "CNAME", second))
            more[b].append((second, "CNAME", third))
            more[c].append((third, "CNAME", first))
            for zone, name in ((a, first), (b, second), (c, third)):
                labels[zone].add(("cname-loop", name))
        else:
            more[a].append((first, "CNAME", f"mail.{b}"))
    for data, _ in zones:
        rows = tuple(record(row, 10_000 + number) for number, row in enumerate(more[data.zone]))
        yield ZoneData(zone=data.zone, settings=data.settings, records=data.records + rows), labels[data.zone]


@pytest.mark.parametrize("seed", range(2))
async def test_none_missed_and_none_false_over_a_whole_account(seed: int) -> None:
    """What was planted between the zones is found, beside what was planted in them."""
    zones = list(linked(60, seed))
    account = Account({data.zone: data.records for data, _ in zones})
    expected = {data.zone: labels for data, labels in zones}

    found: dict[str, set[tuple[str, str]]] = {}
    for zone, one in (await audited(account, [rule for rule in RULES if not rule.needs])).items():
        found[zone] = {
            (f.rule, f.records[0] if f.rule in {"cname-dangling", "cname-chain", "cname-loop"} else "")
            for f in one.findings
        }

    ours = {rule.id for rule in RULES if not rule.needs}
    plants = {"cname-dangling": "old.", "cname-chain": "first.", "cname-loop": "one."}
    for zone, labels in expected.items():
        labels |= {(rule, f"{plants[rule]}{zone}") for rule, name in set(labels) if not name and rule in plants}
        labels -= {(rule, name) for rule, name in set(labels) if rule not in ours or (not name and rule in plants)}
    assert expected == found


# -- continued ----------------------------------------------------------------------------------------


async def into(path: Path, account: Account, *, most: int | None = None) -> None:
    """Audits into a file, and breaks off after so many zones."""
    with Journal(path, Identity.of("me", CNAMES), CNAMES, resume=True) as journal:
        async with cfclient.audit(account, rules=CNAMES, skip=journal.done, concurrency=3) as run:
            number = 0
            async for zone in run:
                journal.zone(zone)
                number += 1
                if number == most:
                    return
            journal.finish(run.summary)


async def test_an_interruption_changes_nothing(tmp_path: Path) -> None:
    """The lines are the same, whichever zones were read before it and whichever after."""
    records = {data.zone: data.records for data, _ in linked(30, 7)}
    whole, broken = tmp_path / "whole.jsonl", tmp_path / "broken.jsonl"

    await into(whole, Account(records))
    for most in (1, 7, 11, None):
        await into(broken, Account(records), most=most)

    assert sorted(whole.read_text().splitlines()) == sorted(broken.read_text().splitlines())
    assert "which the zone zone-" in whole.read_text()
