"""The emulator's records, driven at random: what a reader sees is what was written, in the order of creation."""

from __future__ import annotations

from typing import Any

import attrs
import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from cfclient import actions as act
from cfclient.backends.emulator import DEMO, Emulator
from cfclient.errors import InvalidInput
from cfclient.models import Record, RecordType

ZONES = ("a.example", "b.example")
PAGE = 3

zones = st.sampled_from(ZONES)
labels = st.sampled_from(["@", "www", "mail", "*", "bücher", "deep.down"])
ttls = st.just(1) | st.integers(120, 86_400)
proxies = st.none() | st.booleans()

# By type: what a writer gives beside zone, type and name.
contents: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "A": st.fixed_dictionaries(
        {"content": st.sampled_from(["192.0.2.1", "192.0.2.2", "10.0.0.1"]), "service_mode": proxies}
    ),
    "CNAME": st.fixed_dictionaries({"content": st.just("www.example.net"), "service_mode": proxies}),
    "TXT": st.fixed_dictionaries({"content": st.sampled_from(["one", "two"])}),
    "MX": st.fixed_dictionaries({"content": st.just("mx.example.net"), "prio": st.integers(0, 65_535)}),
    "SRV": st.fixed_dictionaries(
        {
            "content": st.just(""),
            "prio": st.integers(0, 9),
            "service": st.just("_sip"),
            "srvname": st.sampled_from(["@", "voice"]),
            "protocol": st.sampled_from(["_tcp", "_udp"]),
            "weight": st.integers(0, 9),
            "port": st.integers(0, 9),
            "target": st.just("sip.example.net"),
        }
    ),
}
writes = st.sampled_from(sorted(contents)).flatmap(lambda type_: st.tuples(st.just(type_), contents[type_]))

# What a reader can tell of a record: name, type, content, prio, ttl, proxy.
Told = tuple[str, str, str, int | None, int, bool]


def told(record: Record) -> Told:
    return (
        record.name,
        record.type.value,
        record.content,
        record.prio,
        record.ttl or 0,
        record.service_mode is True,
    )


def expected(zone: str, name: str, type_: str, given: dict[str, Any], ttl: int, *, proxied: bool) -> Told:
    """What a write of this should leave behind, by rules of the test's own."""
    label = {"@": "", "bücher": "xn--bcher-kva."}.get(name, f"{name}.")
    content = given["content"]
    if type_ == "SRV":
        label = f"_sip.{given['protocol']}." + {"@": ""}.get(given["srvname"], "voice.")
        content = f"{given['weight']} {given['port']} sip.example.net"
    return f"{label}{zone}", type_, content, given.get("prio"), ttl, proxied and content != "10.0.0.1"


@attrs.frozen
class Written:
    """Where a record is, and which it is."""

    zone: str
    ident: str


class Records(RuleBasedStateMachine):
    """Two zones; `model` is what should be in them."""

    written: Bundle[Written] = Bundle("written")
    deleted: Bundle[Written] = Bundle("deleted")

    def __init__(self) -> None:
        super().__init__()
        data = {"accounts": [{"zones": [{"zone_name": zone} for zone in ZONES]}]}
        self.emulator = Emulator.from_json(data, page_size=PAGE, limit=None, clock=lambda: 1_700_000_000.0)
        self.model: dict[str, dict[str, Told]] = {zone: {} for zone in ZONES}
        self.given: set[str] = set()

    @rule(target=written, zone=zones, name=labels, write=writes, ttl=ttls)
    def create(self, zone: str, name: str, write: tuple[str, dict[str, Any]], ttl: int) -> Written:
        """A new record has a new id and stands last; twice the same makes two."""
        type_, given = write

        record = self.emulator.perform(DEMO, act.RecNew(zone, type_, name, ttl=ttl, **given))

        assert record.rec_id not in self.given
        self.given.add(record.rec_id)
        proxied = given.get("service_mode") is True
        self.model[zone][record.rec_id] = expected(zone, name, type_, given, ttl, proxied=proxied)
        assert self.model[zone][record.rec_id] == told(record)
        return Written(zone, record.rec_id)

    @rule(at=written, name=labels, write=writes, ttl=ttls)
    def edit(self, at: Written, name: str, write: tuple[str, dict[str, Any]], ttl: int) -> None:
        """An edit stays in its place; another type is refused; the proxy stays where nothing is said."""
        type_, given = write
        before = self.model[at.zone][at.ident]
        action = act.RecEdit(at.zone, at.ident, type_, name, ttl=ttl, **given)

        if type_ != before[1]:
            with pytest.raises(InvalidInput, match="Invalid record type"):
                self.emulator.perform(DEMO, action)
            return
        record = self.emulator.perform(DEMO, action)

        asked = given.get("service_mode")
        after = expected(at.zone, name, type_, given, ttl, proxied=before[5] if asked is None else asked)
        self.model[at.zone][at.ident] = after
        assert (at.ident, after) == (record.rec_id, told(record))

    @rule(target=deleted, at=consumes(written))
    def delete(self, at: Written) -> Written:
        """Once."""
        self.emulator.perform(DEMO, act.RecDelete(at.zone, at.ident))

        del self.model[at.zone][at.ident]
        return at

    @rule(at=st.one_of(deleted, written), editing=st.booleans(), write=writes)
    def nothing_there(self, at: Written, editing: bool, write: tuple[str, dict[str, Any]]) -> None:
        """A deleted record, or one looked for in the other zone, cannot be deleted or edited."""
        zone = at.zone if at.ident not in self.model[at.zone] else ZONES[1 - ZONES.index(at.zone)]
        type_, given = write
        delete, edit = act.RecDelete(zone, at.ident), act.RecEdit(zone, at.ident, type_, "www", **given)

        with pytest.raises(InvalidInput, match=r"Invalid record id\."):
            if editing:
                self.emulator.perform(DEMO, edit)
            else:
                self.emulator.perform(DEMO, delete)

    @rule(target=written)
    def restart(self) -> Any:
        """The state goes through JSON and comes back equal."""
        again = Emulator.from_json(self.emulator.to_json(), page_size=PAGE, limit=None)

        assert self.emulator.accounts == again.accounts
        return multiple()

    @invariant()
    def pages_show_the_model(self) -> None:
        """All records once, by pages, in the order of creation."""
        for zone in ZONES:
            seen: list[tuple[str, Told]] = []
            more = True
            while more:
                page = self.emulator.perform(DEMO, act.RecLoadAll(zone, offset=len(seen)))
                seen += [(record.rec_id, told(record)) for record in page.objs]
                more = page.has_more
                assert page.count == len(page.objs) <= PAGE
                assert page.count == PAGE or not more

            assert list(self.model[zone].items()) == seen

    @invariant()
    def records_agree_with_themselves(self) -> None:
        """The fields that follow from others do so."""
        for zone in ZONES:
            for record in self.emulator.site(zone).records:
                assert record.props is not None
                assert (record.ttl == 1, record.content) == (record.auto_ttl, record.display_content)
                assert record.service_mode == record.props.cloud_on is not record.props.cf_open
                assert record.props.proxiable or not record.service_mode
                assert (record.mx is not None) is (record.type is RecordType.MX)
                assert zone == record.zone_name


TestRecords = pytest.mark.slow(Records.TestCase)
TestRecords.settings = settings(stateful_step_count=25)
