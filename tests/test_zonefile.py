"""Zone files, JSON and CSV: what is written is read again, and what is read is what the file says."""

from __future__ import annotations

import sys
from pathlib import Path, PurePath

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfclient import actions as act
from cfclient.audit import OPTIONAL, RULES, ZoneData, judge
from cfclient.backends.demo import demo_account
from cfclient.backends.emulator import DEMO, Emulator
from cfclient.errors import ConfigurationError
from cfclient.models import Record, RecordType, ZoneSettings
from cfclient.planning import make_plan
from cfclient.zonefile import Entry, FileFormat, as_entry, is_ours, read, site, value, write

ZONE = "example.com"
FORMATS: list[FileFormat] = ["bind", "json", "csv"]

SAMPLE = """
$TTL 1h
@       IN SOA ns1.example.net. hostmaster.example.com. 1 7200 3600 1209600 3600
        IN NS ns1.example.net.
@       300 IN A 192.0.2.1 ; cf_tags=cf-proxied:true
www     IN CNAME @      ; cf_tags=cf-proxied:false
@       IN MX 10 Mail
        IN TXT "v=spf1 " "mx \\"quoted\\" \\195\\188"
mail    IN AAAA 2001:DB8::1
_sip._tcp IN SRV 1 5 5060 sip.example.net.
dev     IN NS ns1.example.net.
null    IN MX 0 .
@       IN CAA 0 issue "ca.example"
raw     IN TXT "\\255"
other.example.net. IN A 192.0.2.2
"""


def rec(name: str, type_: str, content: str, **more: object) -> Record:
    absolute = ZONE if name == "@" else f"{name}.{ZONE}"
    fields: dict[str, object] = {"rec_id": "1", "ttl": 1, "service_mode": False, **more}
    return Record(name=absolute, type=RecordType(type_), content=content, **fields)  # type: ignore[arg-type]  # by name


def test_a_zone_file_is_read() -> None:
    """Relative names, several strings, priorities, lifetimes and the proxy's tag."""
    found = read(SAMPLE, zone=ZONE)

    entries = [
        (entry.name.removesuffix(ZONE), entry.type.value, entry.prio, entry.content, entry.ttl, entry.service_mode)
        for entry in found.entries
    ]
    assert entries == [
        ("", "A", None, "192.0.2.1", 300, True),
        ("www.", "CNAME", None, ZONE, 3600, False),
        ("", "MX", 10, f"mail.{ZONE}", 3600, None),
        ("", "TXT", None, 'v=spf1 mx "quoted" ü', 3600, None),
        ("mail.", "AAAA", None, "2001:db8::1", 3600, None),
        ("_sip._tcp.", "SRV", 1, "5 5060 sip.example.net", 3600, None),
        ("dev.", "NS", None, "ns1.example.net", 3600, None),
        ("null.", "MX", 0, ".", 3600, None),
        ("", "CAA", None, '0 issue "ca.example"', 3600, None),
    ]
    assert found.skipped == (
        ("example.com SOA", "is the service's own"),
        ("example.com NS", "is the service's own"),
        ("raw.example.com TXT", "is not text in UTF-8"),
        ("other.example.net A", "lies outside of example.com"),
    )


def test_a_zone_file_says_which_zone_it_is() -> None:
    """By its SOA."""
    text = f"$ORIGIN {ZONE}.\n$TTL 300\n@ SOA a. b. 1 2 3 4 5\nwww A 192.0.2.1\n"

    found = read(text)

    assert (ZONE, 300) == (found.zone, found.entries[0].ttl)


def test_without_a_ttl_the_service_chooses() -> None:
    """Where no line before says one."""
    (entry,) = read("www A 192.0.2.1", zone=ZONE).entries

    assert 1 == entry.ttl


@pytest.mark.parametrize(
    ("text", "file_format", "message"),
    [
        ("www A", "bind", "the zone file cannot be read: .*expecting an identifier"),
        ("www CH A 192.0.2.1", "bind", "the zone file cannot be read"),
        ("$INCLUDE other.zone", "bind", r"cannot be read: .*; \$INCLUDE is not followed"),
        ("{", "json", "the file is not JSON"),
        ("{}", "json", "not a list of records with name, type, content, ttl, prio, service_mode"),
        ("[1]", "json", "entry 1: expected an object"),
        ('[{"nam": 1}]', "json", "entry 1: 'nam' is not known; known are name"),
        ('[{"name": "a", "type": "A"}]', "json", "entry 1: content: expected text"),
        ('[{"name": "a b", "type": "A", "content": "x"}]', "json", "entry 1: name='a b' is not valid"),
        ('[{"name": "a", "type": "A", "content": "x", "ttl": "z"}]', "json", "entry 1: ttl='z' is not valid"),
        (
            '[{"name": "a", "type": "A", "content": "x", "service_mode": 2}]',
            "json",
            "service_mode: expected true or false, got 2",
        ),
        (
            "name,type,content,service_mode\na,A,x,perhaps",
            "csv",
            "service_mode: expected true or false, got 'perhaps'",
        ),
        ("name,type,content\na,A,x,y", "csv", "entry 1: 'more' is not known"),
        ("name,type,content\na,A", "csv", "entry 1: content: expected text"),
        ('name,type,content\na,A,"x', "csv", "the file is not CSV"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(text: str, file_format: FileFormat, message: str) -> None:
    """With the place and what would be right."""
    with pytest.raises(ConfigurationError, match=message):
        read(text, file_format, zone=ZONE)


def test_a_zone_has_to_be_known() -> None:
    """Nothing but the SOA says it."""
    with pytest.raises(ConfigurationError, match="does not say which zone it is: it has no SOA"):
        read("www.example.com. A 192.0.2.1")
    with pytest.raises(ConfigurationError, match="does not say which zone it is: it has no SOA"):
        read("@ SOA a. b. 1 2 3 4 5")
    with pytest.raises(ConfigurationError, match="does not say which zone it is: name it"):
        read("[]", "json")


def test_without_dnspython_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """And JSON needs nothing."""
    monkeypatch.setitem(sys.modules, "dns.zonefile", None)

    with pytest.raises(ConfigurationError, match=r"cfclient-async\[zonefile\]"):
        read(SAMPLE, zone=ZONE)
    with pytest.raises(ConfigurationError, match=r"cfclient-async\[zonefile\]"):
        write(ZONE, [])
    assert "[]\n" == write(ZONE, [], "json")


def test_a_table_may_say_little() -> None:
    """Names are relative or absolute, and what is left out is not said."""
    text = "name,type,content,service_mode\n@,a,192.0.2.1,TRUE\nwww.example.com,TXT,x,\n"

    assert read(text, "csv", zone=ZONE).entries == (
        Entry(name=ZONE, type=RecordType.A, content="192.0.2.1", service_mode=True),
        Entry(name=f"www.{ZONE}", type=RecordType.TXT, content="x"),
    )


def test_what_no_zone_file_can_hold_is_a_comment() -> None:
    """So that the file can be read all the same."""
    text = write(ZONE, [rec("a", "A", "no\naddress"), rec("b", "A", "192.0.2.1"), rec("x" * 70, "A", "192.0.2.1")])

    assert [f"b.{ZONE}"] == [entry.name for entry in read(text, zone=ZONE).entries]
    assert 2 == text.count("; not written")


def test_names_in_unicode_are_written_as_the_dns_has_them() -> None:
    """In Punycode, owner and target alike; what no name can be says why."""
    bad = "\u00fc\u2028x"
    text = write(ZONE, [rec("b\u00fccher", "CNAME", "m\u00fcnchen.example"), rec(bad, "A", "192.0.2.1")])

    _, line, left = text.splitlines()
    assert text.isascii()
    assert [f"xn--bcher-kva.{ZONE}.", "1", "IN", "CNAME", "xn--mnchen-3ya.example."] == line.split()[:5]
    assert left.startswith("; not written, Codepoint U+2028")


@pytest.mark.parametrize(
    ("name", "type_", "content"),
    [
        ("a", "A", "192.0.2.1\nevil 1 IN A 192.0.2.66"),
        ("a\n$INCLUDE /etc/passwd\nb", "A", "192.0.2.1"),
        ("a b", "A", "192.0.2.1"),
        ("a;b", "A", "192.0.2.1"),
        ("a(", "A", "192.0.2.1"),
        ("@", "A", "192.0.2.1\r"),
        ("a", "CNAME", "b;c.example"),
        ("a", "CNAME", "b\x1b[31m.example"),
        ("a", "CAA", '0 issue "\x1b[31m"'),
    ],
)
def test_a_hostile_record_makes_no_line_of_its_own(name: str, type_: str, content: str) -> None:
    """A parser stops at the end of a line, and what stands behind it would be the next one in the file."""
    text = write(ZONE, [rec(name, type_, content), rec("b", "A", "192.0.2.1")])

    assert 3 == len(text.splitlines())
    assert text.splitlines()[1].startswith("; not written")
    assert text.isascii()
    assert text.replace("\n", "").replace("\t", "").isprintable()
    assert [f"b.{ZONE}"] == [entry.name for entry in read(text, zone=ZONE).entries]


@pytest.mark.parametrize("file_format", FORMATS)
def test_the_demo_account_comes_back(file_format: FileFormat) -> None:
    """Every record of every zone, in its order."""
    account, _ = demo_account(20, 4)

    for one in account.sites:
        zone = one.zone.zone_name
        found = read(write(zone, one.records, file_format), file_format, zone=zone)

        ours = [as_entry(record, zone) for record in one.records if is_ours(record.type, record.name, zone)]
        assert [attrs.evolve(entry, content=value(entry)) for entry in ours] == [
            attrs.evolve(entry, content=value(entry)) for entry in found.entries
        ]


_hosts = st.sampled_from([ZONE, "Mail.example.net", "a.b.example.com", "ns1.example.net."])
_names = st.sampled_from(["@", "www", "a.b", "*", "_dmarc", "xn--bcher-kva"])
_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=600)
_numbers = st.integers(0, 65_535)


def _records(
    type_: str, content: st.SearchStrategy[str], **more: st.SearchStrategy[object]
) -> st.SearchStrategy[Record]:
    return st.builds(
        rec,
        _names,
        st.just(type_),
        content,
        ttl=st.just(1) | st.integers(60, 86_400),
        rec_id=st.integers(1, 10**9).map(str),
        **more,
    )


records = st.lists(
    st.one_of(
        _records("A", st.ip_addresses(v=4).map(str), service_mode=st.booleans()),
        _records("AAAA", st.ip_addresses(v=6).map(lambda ip: ip.exploded), service_mode=st.booleans()),
        _records("CNAME", _hosts, service_mode=st.booleans()),
        _records("MX", _hosts | st.just("."), prio=_numbers),
        _records("NS", _hosts),
        _records("TXT", _texts | _texts.map(lambda text: '"' + text.replace("\\", "").replace('"', "") + '"')),
        _records("SPF", st.just("v=spf1 -all")),
        _records(
            "LOC",
            st.sampled_from(
                ["51 30 12.748 N 0 7 39.611 W 0m 1m 10000m 10m", "52 N 1 E 10m", "1 2 3 S 4 5 6 E -3.5m 2m"]
            ),
        ),
        _records("CAA", st.just('0 issue "ca.example"')),
        _records("SRV", st.builds("{} {} {}".format, _numbers, _numbers, _hosts), prio=_numbers),
    ),
    max_size=8,
)


@pytest.mark.parametrize("file_format", FORMATS)
def test_an_export_that_is_imported_changes_nothing(file_format: FileFormat) -> None:
    """Whatever the records are: the plan is empty."""

    @given(records)
    def law(found: list[Record]) -> None:
        entries = read(write(ZONE, found, file_format), file_format, zone=ZONE).entries

        plan = make_plan(ZONE, found, entries)

        assert ((), ()) == (plan.steps, plan.refused)
        assert plan.had == plan.kept == sum(is_ours(record.type, record.name, ZONE) for record in found)

    law()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (rec("a", "AAAA", "2001:DB8:0::1"), rec("a", "AAAA", "2001:db8::1")),
        (rec("a", "A", "no address"), rec("a", "A", "no address")),
        (rec("a", "MX", "Mail.Example.com."), rec("a", "MX", "mail.example.com")),
        (rec("a", "MX", "."), rec("a", "MX", " . ")),
        (rec("a", "TXT", '"a " "b"'), rec("a", "TXT", "a b")),
        (rec("a", "LOC", "1 N 2 E 3m"), rec("a", "LOC", "1 0 0.000 n 2 0 e 3.00 1.00m 10000m 10m")),
        (rec("a", "LOC", "nonsense"), rec("a", "LOC", " nonsense")),
        (rec("a", "LOC", "1.2.3 N 2 E 3m"), rec("a", "LOC", "1.2.3 N  2 E 3m")),
        (rec("a", "CAA", '0  issue "x"'), rec("a", "CAA", '0 issue "x"')),
    ],
)
def test_equal_contents_are_equal_texts(one: Record, other: Record) -> None:
    """However they are written."""
    assert value(one) == value(other)


# -- the emulator -------------------------------------------------------------------------------------


def test_an_emulator_serves_zone_files(tmp_path: Path) -> None:
    """A zone for each, by the name that the file says, with the records that can be imported."""
    sample = tmp_path / "db.example.com"
    sample.write_text(SAMPLE, encoding="utf-8")
    named = tmp_path / "odd.name.zone"
    named.write_text('$ORIGIN example.net.\nwww A 192.0.2.1\n@ TXT \\"quoted\\"\n', encoding="utf-8")

    emulator = Emulator.from_zone_files(sample, named, page_size=2)

    zones = emulator.perform(DEMO, act.ZoneLoadMulti())
    page = emulator.perform(DEMO, act.RecLoadAll("example.net"))
    assert [ZONE, "example.net"] == [zone.zone_name for zone in zones.objs]
    assert ["192.0.2.1", '"\\"quoted\\""'] == [record.content for record in page.objs]
    assert 9 == len(emulator.account().sites[0].records)


def test_a_file_that_says_no_zone_is_refused(tmp_path: Path) -> None:
    """With its name."""
    path = tmp_path / "zone"
    path.write_text("www A 192.0.2.1")

    with pytest.raises(ConfigurationError, match="zone: the zone file does not say which zone"):
        Emulator.from_zone_files(path)
    path = tmp_path / ("a" * 32)
    path.write_text("www A 192.0.2.1")
    with pytest.raises(ConfigurationError, match="aaa: the zone file does not say which zone"):
        Emulator.from_zone_files(path)
    with pytest.raises(ConfigurationError, match="none cannot be read"):
        Emulator.from_zone_files(tmp_path / "none")


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("db.example.com", ZONE),
        ("example.com.zone", ZONE),
        ("example.com", ZONE),
        ("x.example.com.db", "x.example.com"),
    ],
)
def test_a_file_s_name_says_the_zone(name: str, zone: str) -> None:
    """Where nothing in it does."""
    assert zone == site("www A 192.0.2.1", PurePath(name), zone_id="1", ids=iter([1])).zone.zone_name


# -- real data ----------------------------------------------------------------------------------------

#: zone files that Debian's packages carry (bind9, dns-root-data), for the zones that they are of
REAL = {
    Path("/etc/bind/db.local"): "localhost.example",
    Path("/etc/bind/db.127"): "127.in-addr.arpa",
    Path("/etc/bind/db.0"): "0.in-addr.arpa",
    Path("/etc/bind/db.255"): "255.in-addr.arpa",
    Path("/etc/bind/db.empty"): "empty.example",
    Path("/usr/share/dns/root.hints"): "root-servers.net",
}


@pytest.mark.parametrize(("path", "zone"), REAL.items(), ids=str)
def test_real_zones_are_read_and_judged(path: Path, zone: str) -> None:
    """Without a crash: the rules answer, an import is planned, and what is written comes back."""
    if not path.is_file():
        pytest.skip(f"{path} is not on this machine")

    text = path.read_text(encoding="utf-8", errors="replace")
    found = read(text, zone=zone)
    records = site(f"$ORIGIN {zone}.\n{text}", path, zone_id="1", ids=iter(range(10_000))).records
    again = read(write(zone, records), zone=zone)

    judged = judge(ZoneData(zone=zone, settings=ZoneSettings(), records=records), (*RULES, *OPTIONAL))
    plan = make_plan(zone, records, again.entries)

    assert len(found.entries) == len(records) == plan.kept
    assert () == plan.steps
    assert [] == [reason for _, reason in judged.not_checked if reason.startswith("fault")]
