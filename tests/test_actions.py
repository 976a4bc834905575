"""The 22 actions: their shape is checked when they are made, by name, value and what would be right."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfclient import actions as act
from cfclient import limits, models, shapes
from cfclient.actions import ACTIONS, Action, Kind
from cfclient.errors import InvalidInput
from tests.samples import EXAMPLES, any_action

SRV: dict[str, Any] = {
    "prio": 1,
    "service": "_sip",
    "srvname": "@",
    "protocol": "_tls",
    "weight": 5,
    "port": 443,
    "target": "sip.example.com",
}


def untyped(value: object) -> Any:
    """A value of the wrong type, past the type checker."""
    return value


def new(kind: str = "A", name: str = "www", content: str = "192.0.2.1", **more: Any) -> act.RecNew:
    """A `rec_new` for example.com."""
    return act.RecNew("example.com", kind, name, content, **more)


# -- the table ----------------------------------------------------------------------------------------


def test_the_table_is_the_reference_s_table(shared: Path) -> None:
    """Wire names, parameters and paragraphs of all 22 actions, in order."""
    rows = re.findall(r"^\| (\d\.\d+) \| (.*?) \| (.*?) \|", (shared / "api" / "README.md").read_text(), re.MULTILINE)
    documented: dict[str, tuple[str, set[str]]] = {}
    for section, names, parameters in rows:
        for name in re.findall(r"`(\w+)`", names):
            listed = set(re.findall(r"`([a-z_]+)`", re.sub(r"\(.*?\)", "", parameters)))
            documented[name] = section, listed
    documented["rec_edit"] = "5.2", documented["rec_new"][1] | {"id", "service_mode"}

    ours = {
        name: (cls.section, {field.metadata["wire"] for field in act.on_wire(cls)} | set(cls.fixed))
        for name, cls in ACTIONS.items()
    }

    # Not documented for rec_new, seen in real requests: sent only where it is given.
    ours["rec_new"][1].remove("service_mode")
    assert documented == ours


def test_kinds() -> None:
    """What repeating each does: all that retrying will rest on."""
    kinds = {kind: {name for name, cls in ACTIONS.items() if cls.kind is kind} for kind in Kind}

    assert {
        "stats",
        "zone_load_multi",
        "rec_load_all",
        "zone_check",
        "zone_ips",
        "ip_lkup",
        "zone_settings",
    } == kinds[Kind.READ]
    assert {"fpurge_ts", "zone_file_purge"} == kinds[Kind.ACT]
    assert {"rec_new"} == kinds[Kind.CREATE]
    assert {"rec_delete"} == kinds[Kind.DELETE]
    assert set(ACTIONS) - set().union(*(kinds[kind] for kind in Kind if kind is not Kind.SET)) == kinds[Kind.SET]


@given(any_action)
def test_an_action_is_a_frozen_hashable_value(action: Action[Any]) -> None:
    """Equal where its parameters are, and never changed."""
    again = attrs.evolve(action)

    assert action == again
    assert hash(action) == hash(again)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        action.zone = "other.example"  # type: ignore[attr-defined]  # that is the point


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (act.SecLvl("example.com", "help"), act.SecLvl("example.com", models.SecurityLevel.UNDER_ATTACK)),
        (act.CacheLvl("example.com", "iqs"), act.CacheLvl("example.com", models.CacheLevel.SIMPLIFIED)),
        (act.Minify("example.com", "6"), act.Minify("example.com", models.Minify.CSS | models.Minify.HTML)),
        (act.Async("example.com", 0), act.Async("example.com", models.RocketLoader.OFF)),
        (act.Stats("example.com", interval="120"), act.Stats("example.com", interval=models.Interval.PRO_6_HOURS)),
        (act.Devmode("example.com", "1"), act.Devmode("example.com", True)),
        (act.Devmode("example.com", 0), act.Devmode("example.com", False)),
        (act.Ipv46("example.com", 3), act.Ipv46("example.com", True)),
        (act.ZoneCheck("example.com,example.net"), act.ZoneCheck(["example.com", "example.net"])),
        (act.Ban(ipaddress.ip_address("2001:db8::1")), act.Ban("2001:DB8:0:0::1")),
        (act.RecDelete("example.com", 9001), act.RecDelete("example.com", "9001")),
        (act.ZoneIps("example.com", visitor_class="s"), act.ZoneIps("EXAMPLE.com.", visitor_class="s", hours="24")),
        (new("a"), new(models.RecordType.A)),
        (new(ttl="300"), new(ttl=300)),
        (new(name="@"), new(name="example.com")),
        (new("CNAME", content="www.bücher.example"), new("CNAME", content="www.xn--bcher-kva.example.")),
        (new("LOC", content="IN LOC 51 30 N 0 7 W  0m"), new("LOC", content="51 30 N 0 7 W 0m")),
    ],
)
def test_the_wire_s_own_form_and_python_s_make_the_same_action(made: Action[Any], expected: Action[Any]) -> None:
    """A value is taken as the enumeration's member or as the wire's own string or number."""
    assert expected == made


# -- refusals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "parameter", "words"),
    [
        (lambda: act.Stats("example"), "zone", "a domain name such as 'example.com'"),
        (lambda: act.Stats("exa mple.com"), "zone", "a domain name"),
        (lambda: act.Stats("-a.example"), "zone", "a domain name"),
        (lambda: act.Stats("a..example"), "zone", "a domain name"),
        (lambda: act.Stats("a" * 64 + ".example"), "zone", "a domain name"),
        (lambda: act.Stats(".".join(["abcdefg"] * 32)), "zone", "a domain name"),
        (lambda: act.Stats(untyped(7)), "zone", "a domain name"),
        (lambda: act.Stats("192.0.2.1"), "zone", "a domain name"),
        (lambda: act.ZoneCheck(untyped(None)), "zones", "at least one domain name, in an iterable"),
        (lambda: act.ZoneLoadMulti(offset=-(10**5000)), "offset", "a whole number of at least 0"),
        (lambda: act.IpLkup("fe80::1%eth0"), "ip", "an IPv4 or IPv6 address"),
        (lambda: act.ZoneFilePurge("example.com", "http://a.example/\ud800"), "url", "UTF-8"),
        (lambda: act.ZoneFilePurge("example.com", "http://a<b>/"), "url", "an absolute URL"),
        (lambda: act.ZoneFilePurge("example.com", "http://a\\b/"), "url", "an absolute URL"),
        (lambda: act.ZoneFilePurge("example.com", "http://./"), "url", "an absolute URL"),
        (lambda: new("CNAME", content="."), "content", "a host name"),
        (lambda: new("MX", content="12345", prio=1), "content", "a host name"),
        (lambda: new("LOC", content="5\uff11 N 0 W 0m"), "content", "a location as RFC 1876 writes it"),
        (lambda: new("SRV", content="", **{**SRV, "protocol": ["_tcp"]}), "protocol", "one of '_tcp'"),
        (lambda: new(name=".".join(["a" * 60] * 4)), "name", "at most 253 characters together with the zone's name"),
        (lambda: act.Stats("\u2260-\u00df\ufffd.example"), "zone", "a domain name such as 'example.com' (Codepoint"),
        (lambda: act.Stats("example.com", interval=21), "interval", "20 (PAST_30_DAYS), 30"),
        (lambda: act.Stats("example.com", interval=True), "interval", "one of 20"),
        (lambda: act.ZoneLoadMulti(offset=-1), "offset", "a whole number of at least 0"),
        (lambda: act.RecLoadAll("example.com", offset="x"), "offset", "a whole number of at least 0"),
        (lambda: act.ZoneCheck([]), "zones", "at least one domain name"),
        (lambda: act.ZoneCheck(["example.com", "x"]), "zones", "a domain name"),
        (lambda: act.ZoneIps("example.com", hours=0), "hours", "a whole number from 1 to 48"),
        (lambda: act.ZoneIps("example.com", hours=49), "hours", "a whole number from 1 to 48"),
        (lambda: act.ZoneIps("example.com", hours=untyped(1.5)), "hours", "a whole number"),
        (lambda: act.ZoneIps("example.com", hours=True), "hours", "a whole number"),
        (lambda: act.ZoneIps("example.com", visitor_class="x"), "visitor_class", "'r' (REGULAR)"),
        (lambda: act.ZoneIps("example.com", geo="x"), "geo", "True or False, or the wire's 0, 1"),
        (lambda: act.IpLkup("1.2.3"), "ip", "an IPv4 or IPv6 address"),
        (lambda: act.Ban(untyped(16909060)), "ip", "an IPv4 or IPv6 address"),
        (lambda: act.SecLvl("example.com", "hel"), "value", "'help' (UNDER_ATTACK), 'high' (HIGH)"),
        (lambda: act.CacheLvl("example.com", ""), "value", "'agg' (AGGRESSIVE)"),
        (lambda: act.Devmode("example.com", 3), "on", "True or False, or the wire's 0, 1"),
        (lambda: act.Ipv46("example.com", 2), "on", "True or False, or the wire's 0, 3, 1"),
        (lambda: act.Minify("example.com", 8), "value", "0 to 7: JavaScript 1, CSS 2, HTML 4 added up"),
        (lambda: act.Async("example.com", "x"), "value", "'0' (OFF), 'a' (AUTOMATIC), 'm' (MANUAL)"),
        (lambda: act.ZoneFilePurge("example.com", "/style.css"), "url", "an absolute URL"),
        (lambda: act.ZoneFilePurge("example.com", "ftp://example.com/"), "url", "an absolute URL"),
        (lambda: act.ZoneFilePurge("example.com", "http://"), "url", "an absolute URL"),
        (lambda: act.ZoneFilePurge("example.com", "http://a.example:x/"), "url", "an absolute URL"),
        (lambda: act.ZoneFilePurge("example.com", "http://a.example/\n"), "url", "an absolute URL"),
        (lambda: act.ZoneFilePurge("example.com", untyped(None)), "url", "an absolute URL"),
        (lambda: act.RecDelete("example.com", "../1"), "id", "a record's id, as rec_load_all gives it"),
        (lambda: act.RecDelete("example.com", True), "id", "a record's id"),
        (lambda: act.RecDelete("example.com", untyped(None)), "id", "a record's id"),
        (lambda: new("A!"), "type", "a record type such as 'A'"),
        (lambda: new(name="a b"), "name", "a name such as 'www'"),
        (lambda: new(name="www.*"), "name", "a name such as 'www'"),
        (lambda: new(name=untyped(None)), "name", "a name such as 'www'"),
        (lambda: new(content="2001:db8::1"), "content", "an IPv4 address such as '192.0.2.1' for type A"),
        (lambda: new("AAAA"), "content", "an IPv6 address such as '2001:db8::1' for type AAAA"),
        (lambda: new("CNAME"), "content", "a host name such as 'mail.example.com', not an address"),
        (lambda: new("MX", content="2001:db8::1", prio=1), "content", "a host name"),
        (lambda: new("NS", content="a b"), "content", "a host name"),
        (lambda: new("TXT", content=""), "content", "text that is not empty"),
        (lambda: new("TXT", content="\x00"), "content", "text"),
        (lambda: new("TXT", content="\ud800"), "content", "text that can be encoded as UTF-8"),
        (lambda: new("TXT", content="x" * 65_280), "content", "at most 65279 octets"),
        (lambda: new("CAA", content=""), "content", "the content of a record of type 'CAA'"),
        (lambda: new("LOC", content="here"), "content", "a location as RFC 1876 writes it"),
        (lambda: new("LOC", content="91 N 0 W 0m"), "content", "a location as RFC 1876 writes it"),
        (lambda: new("LOC", content="90 0 1 N 0 W 0m"), "content", "a location as RFC 1876 writes it"),
        (lambda: new("LOC", content="1 N 0 W -100001m"), "content", "altitude from -100000 m"),
        (lambda: new("LOC", content="1 N 0 W 0m 90000001m"), "content", "up to 90000000 m"),
        (lambda: new(ttl=0), "ttl", "a whole number from 1 to"),
        (lambda: new(prio=1), "prio", "nothing for type 'A': it applies to MX, SRV"),
        (lambda: new("MX", content="mail.example.com"), "prio", "a value for type 'MX'"),
        (lambda: new("MX", content="mail.example.com", prio=65_536), "prio", "a whole number from 0 to 65535"),
        (lambda: new(port=1), "port", "nothing for type 'A': it applies to SRV"),
        (lambda: new("SRV", content="", **{**SRV, "service": None}), "service", "a value for type 'SRV'"),
        (lambda: new("SRV", content="", **{**SRV, "service": "sip"}), "service", "a service such as '_sip'"),
        (lambda: new("SRV", content="", **{**SRV, "service": ""}), "service", "text that is not empty"),
        (lambda: new("SRV", content="", **{**SRV, "protocol": "tcp"}), "protocol", "one of '_tcp', '_udp', '_tls'"),
        (lambda: new("SRV", content="", **{**SRV, "weight": -1}), "weight", "a whole number from 0 to 65535"),
        (lambda: new("SRV", content="", **{**SRV, "target": "192.0.2.1"}), "target", "a host name"),
        (lambda: new("SRV", content="", **{**SRV, "srvname": "a b"}), "srvname", "a name such as 'www'"),
        (lambda: new("TXT", content="x", service_mode=True), "service_mode", "it applies to A, AAAA, CNAME"),
        (lambda: act.RecDelete("example.com", 10**5000), "id", "a record's id, as rec_load_all gives it"),
        (lambda: new(service_mode="x"), "service_mode", "True or False, or the wire's 0, 1"),
        (lambda: act.RecEdit("example.com", "1", "A", "www", "x"), "content", "an IPv4 address"),
    ],
)
def test_bad_input_is_refused_by_name(make: Any, parameter: str, words: str) -> None:
    """An InvalidInput that is also a ValueError, with the parameter and what would be right."""
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        make()

    assert isinstance(caught.value, InvalidInput)
    assert (parameter, "E_INVLDINPUT") == (caught.value.parameter, caught.value.code)
    assert str(caught.value).startswith((f"{parameter}=", f"{parameter} is missing: "))
    assert caught.value.expected is not None


def test_a_long_value_is_shortened_in_the_message() -> None:
    """The message stays a line; the error keeps the value."""
    with pytest.raises(InvalidInput) as caught:
        new("A", content="1" * 1000)

    assert len(str(caught.value)) < 250
    assert caught.value.value == "1" * 1000


@pytest.mark.parametrize(
    "url", ["http://192.0.2.1/", "https://[2001:db8::1]:8443/a", "http://b\u00fccher.example./x", "http://a_b.example"]
)
def test_a_url_s_host_is_an_address_or_a_name(url: str) -> None:
    """In any script."""
    assert url == act.ZoneFilePurge("example.com", url).url


@pytest.mark.parametrize("name", ["www", "*", "*.dev", "_dmarc", "a_b", "0/25", "-x-", "xn--vii", "www.example.com"])
def test_names_that_the_dns_allows_are_taken(name: str) -> None:
    """Laxer than host names: underscores, RFC 2317's slashes, Punycode that is no valid IDNA."""
    assert name == new(name=name).name


def test_the_root_is_a_host() -> None:
    """A null MX (RFC 7505) points to it."""
    assert new("MX", content=".", prio=0).content == "."


def test_a_record_of_any_type_can_be_made() -> None:
    """Only a service's own table says which it writes."""
    assert new("CAA", content="0 issue").content == "0 issue"


@given(st.text(max_size=20))
def test_any_text_makes_a_name_or_a_clear_refusal(text: str) -> None:
    """Nothing but InvalidInput comes out, and what is taken is plain ASCII, and is taken again as it is."""
    try:
        name = shapes.record_name(text)
    except InvalidInput:
        name = "refused"

    assert name.isascii()
    assert name == shapes.record_name(name)


@given(st.text(max_size=20), st.sampled_from([shapes.web_url, shapes.loc_text, shapes.ip_address]))
def test_any_text_makes_a_value_or_a_clear_refusal(text: str, shape: Any) -> None:
    """For the other shapes too."""
    try:
        value = shape(text)
    except InvalidInput:
        value = None

    assert value is None or value == shape(value)


# -- limits of a service ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ACTIONS)
def test_version_1_takes_the_documented_examples(name: str) -> None:
    """What the document shows is within its limits."""
    limits.V1.check(EXAMPLES[name])


@pytest.mark.parametrize(
    ("action", "parameter", "words"),
    [
        (new(ttl=119), "ttl", "1 (automatic) or 120 to 86400 seconds on API version 1"),
        (new(ttl=86_401), "ttl", "1 (automatic) or 120 to 86400 seconds on API version 1"),
        (
            new("CAA", content="x"),
            "type",
            "a type that API version 1 writes: A, AAAA, CNAME, LOC, MX, NS, SPF, SRV, TXT",
        ),
        (act.RecEdit("example.com", "1", "A", "www", "192.0.2.1", ttl=60), "ttl", "1 (automatic)"),
        (act.CacheLvl("example.com", "iqs"), "value", "one of 'agg', 'basic' on API version 1"),
    ],
)
def test_what_version_1_does_not_take_is_refused_by_name(action: Action[Any], parameter: str, words: str) -> None:
    """Another service may take the same action."""
    with pytest.raises(InvalidInput, match=re.escape(words)) as caught:
        limits.V1.check(action)

    assert parameter == caught.value.parameter


@pytest.mark.parametrize("ttl", [1, 120, 86_400])
def test_the_edges_of_the_ttl_are_taken(ttl: int) -> None:
    """§5.1."""
    limits.V1.check(new(ttl=ttl))


def test_only_is_a_hint_that_is_on_no_wire() -> None:
    """Names of fields, from any iterable or one alone; an unknown one is told with those that there are."""
    some = act.ZoneSettings("example.com", only=["ssl", "ssl", "sec_lvl"])

    assert frozenset({"ssl", "sec_lvl"}) == some.only
    assert frozenset({"ssl"}) == act.ZoneSettings("example.com", only="ssl").only
    assert [("z", "example.com")] == list(some.parameters())
    with pytest.raises(
        InvalidInput, match="only='colour' is not valid: expected names of fields of ZoneSettings: user"
    ):
        act.ZoneSettings("example.com", only=["colour"])
    with pytest.raises(InvalidInput, match="only='missing'"):
        act.ZoneSettings("example.com", only=["missing"])


@pytest.mark.parametrize("only", [5, ["colour", 5], [["ssl"]], b"ssl"])
def test_what_cannot_be_names_of_settings_is_refused_by_name(only: Any) -> None:
    """Whatever it is: nothing else than an InvalidInput comes of it."""
    with pytest.raises(InvalidInput, match="expected names of fields of ZoneSettings: user") as caught:
        act.ZoneSettings("example.com", only=only)

    assert "only" == caught.value.parameter
