"""One action of each kind for examples, and hypothesis strategies for all actions and all answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, get_type_hints

import attrs
from hypothesis import strategies as st

from cfclient import actions as act
from cfclient import models
from cfclient.actions import ACTIONS, Action
from cfclient.backend import Credentials

CREDENTIALS = Credentials("user@example.com", "8afbe6dea02407989af4dd4c97bb6e25")

#: for each action, the one that the document's example asks for; `wl` stands for `ban` and `nul`
EXAMPLES: Mapping[str, Action[Any]] = {
    "stats": act.Stats("example.com", interval=20),
    "zone_load_multi": act.ZoneLoadMulti(),
    "rec_load_all": act.RecLoadAll("example.com"),
    "zone_check": act.ZoneCheck(["example.com", "example2.com", "example3.com"]),
    "zone_ips": act.ZoneIps("example.com", hours=48, visitor_class="r", geo=True),
    "ip_lkup": act.IpLkup("0.0.0.0"),
    "zone_settings": act.ZoneSettings("example.com"),
    "sec_lvl": act.SecLvl("example.com", "help"),
    "cache_lvl": act.CacheLvl("example.com", "agg"),
    "devmode": act.Devmode("example.com", True),
    "fpurge_ts": act.FpurgeTs("example.com"),
    "zone_file_purge": act.ZoneFilePurge("example.com", "http://www.example.com/style.css"),
    "wl": act.Wl("0.0.0.0"),
    "ban": act.Ban("0.0.0.0"),
    "nul": act.Nul("0.0.0.0"),
    "ipv46": act.Ipv46("example.com", True),
    "async": act.Async("example.com", "a"),
    "minify": act.Minify("example.com", 6),
    "mirage2": act.Mirage2("example.com", True),
    "rec_new": act.RecNew("example.com", "A", "sub", "1.2.3.4"),
    "rec_edit": act.RecEdit("example.com", "9001", "A", "sub", "1.2.3.4", service_mode=True),
    "rec_delete": act.RecDelete("example.com", "9001"),
}

# -- actions ------------------------------------------------------------------------------------------

_label = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
zone_names = st.one_of(
    st.builds("{}.{}".format, _label, st.sampled_from(["com", "example", "co.uk"])),
    st.from_regex(r"[0-9a-f]{32}", fullmatch=True),
    st.sampled_from(["bücher.example", "EXAMPLE.com.", "пример.example"]),
)
record_names = st.one_of(_label, st.sampled_from(["@", "*", "*.dev", "_dmarc", "a.b.c", "ü", "_sip._tcp"]))
hosts = st.builds("{}.{}".format, _label, st.sampled_from(["example.com", "example.net."]))
ips = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)
ids = st.from_regex(r"[0-9]{1,12}|[0-9a-f]{32}", fullmatch=True)
_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=40)
_ports = st.integers(0, 65_535)
_ttls = st.integers(120, 86_400) | st.just(1)
_proxies = st.none() | st.booleans()

_contents: Mapping[str, st.SearchStrategy[dict[str, Any]]] = {
    "A": st.fixed_dictionaries({"content": st.ip_addresses(v=4).map(str), "service_mode": _proxies}),
    "AAAA": st.fixed_dictionaries({"content": st.ip_addresses(v=6).map(str), "service_mode": _proxies}),
    "CNAME": st.fixed_dictionaries({"content": hosts, "service_mode": _proxies}),
    "MX": st.fixed_dictionaries({"content": hosts, "prio": _ports}),
    "NS": st.fixed_dictionaries({"content": hosts}),
    "TXT": st.fixed_dictionaries({"content": _text}),
    "SPF": st.fixed_dictionaries({"content": _text}),
    "LOC": st.fixed_dictionaries({"content": st.just("51 30 12.748 N 0 7 39.611 W 0m 1m 10000m 10m")}),
    "CAA": st.fixed_dictionaries({"content": st.just('0 issue "ca.example"')}),
    "SRV": st.fixed_dictionaries(
        {
            "content": st.just(""),
            "prio": _ports,
            "service": st.sampled_from(["_sip", "_xmpp-server"]),
            "srvname": record_names.filter(lambda name: not name.startswith("*")),
            "protocol": st.sampled_from(["_tcp", "_udp", "_tls"]),
            "weight": _ports,
            "port": _ports,
            "target": hosts,
        }
    ),
}

record_parameters: st.SearchStrategy[dict[str, Any]] = st.sampled_from(sorted(_contents)).flatmap(
    lambda kind: _contents[kind].map(lambda given: {"type": kind, **given})
)


def _record(make: Callable[..., Action[Any]], **more: st.SearchStrategy[Any]) -> st.SearchStrategy[Action[Any]]:
    return st.builds(
        lambda given, **rest: make(**given, **rest),
        record_parameters,
        zone=zone_names,
        name=record_names,
        ttl=_ttls,
        **more,
    )


ACTION_STRATEGIES: Mapping[str, st.SearchStrategy[Action[Any]]] = {
    "stats": st.builds(act.Stats, zone_names, interval=st.sampled_from(models.Interval)),
    "zone_load_multi": st.builds(act.ZoneLoadMulti, offset=st.integers(0, 10**6)),
    "rec_load_all": st.builds(act.RecLoadAll, zone_names, offset=st.integers(0, 10**6)),
    "zone_check": st.builds(act.ZoneCheck, st.lists(zone_names, min_size=1, max_size=4)),
    "zone_ips": st.builds(
        act.ZoneIps,
        zone_names,
        hours=st.integers(1, 48),
        visitor_class=st.none() | st.sampled_from(models.VisitorClass),
        geo=st.booleans(),
    ),
    "ip_lkup": st.builds(act.IpLkup, ips),
    "zone_settings": st.builds(act.ZoneSettings, zone_names),
    "sec_lvl": st.builds(act.SecLvl, zone_names, st.sampled_from(models.SecurityLevel)),
    "cache_lvl": st.builds(act.CacheLvl, zone_names, st.sampled_from(models.CacheLevel)),
    "devmode": st.builds(act.Devmode, zone_names, st.booleans()),
    "fpurge_ts": st.builds(act.FpurgeTs, zone_names),
    "zone_file_purge": st.builds(act.ZoneFilePurge, zone_names, hosts.map("https://{}/a.css?b=1&c=%20".format)),
    "wl": st.builds(act.Wl, ips),
    "ban": st.builds(act.Ban, ips),
    "nul": st.builds(act.Nul, ips),
    "ipv46": st.builds(act.Ipv46, zone_names, st.booleans()),
    "async": st.builds(act.Async, zone_names, st.sampled_from(models.RocketLoader)),
    "minify": st.builds(act.Minify, zone_names, st.integers(0, 7)),
    "mirage2": st.builds(act.Mirage2, zone_names, st.booleans()),
    "rec_new": _record(act.RecNew),
    "rec_edit": _record(act.RecEdit, id=ids),
    "rec_delete": st.builds(act.RecDelete, zone_names, ids),
}
any_action: st.SearchStrategy[Action[Any]] = st.one_of(*ACTION_STRATEGIES.values())

# -- answers ------------------------------------------------------------------------------------------

_times = st.integers(2, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
_words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_filled = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
_array_item = st.from_regex(r"[A-Z0-9.]{1,12}", fullmatch=True)

st.register_type_strategy(datetime, _times)
# What JSON's numbers hold in every language.
st.register_type_strategy(int, st.integers(-(2**53), 2**53))


def _model(cls: type[Any], **overrides: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A value of a model: every field from its type, but for those named."""
    hints = get_type_hints(cls)
    fields = {field.name: st.from_type(hints[field.name]) for field in attrs.fields(cls) if field.name not in overrides}
    return st.builds(cls, **fields, **overrides)


_float = st.none() | st.integers(0, 10**9) | st.floats(0, 1e9).map(lambda x: round(x, 6))
_count = st.none() | st.integers(0, 10**9)
_dev_mode = st.none() | st.booleans() | _times
_traffic = _model(models.Traffic, regular=_count, threat=_count, crawler=_count)
_served = _model(models.Served, cloudflare=_float, user=_float)
_open_str = st.sampled_from(["help", "an unheard-of one"])
_new_keys = st.sampled_from(["new_key", "newer_key"])
_extra = st.dictionaries(_new_keys, st.none() | st.integers(0, 9) | _words, max_size=2)

records = _model(
    models.Record,
    rec_id=_filled,
    type=st.sampled_from(["A", "TXT", "NEWTYPE"]).map(models.RecordType),
    mx=st.none() | _model(models.MxProps),
)
zones = _model(
    models.Zone,
    zone_id=_filled,
    fqdns=st.lists(_words, max_size=2).map(tuple),
    ns_vanity_map=st.lists(_words, max_size=2).map(tuple),
    orig_ns_names=st.lists(_array_item, max_size=2).map(tuple),
    props=st.none() | _model(models.ZoneProps, reseller_plans=st.none() | st.lists(_words, max_size=2).map(tuple)),
    confirm_code=st.dictionaries(_words, _words, max_size=2),
    allow=st.lists(_words, max_size=2).map(tuple),
)
_optional_zone = st.none() | zones


def _page(entries: st.SearchStrategy[Any]) -> st.SearchStrategy[models.Page[Any]]:
    return st.builds(
        lambda objs, more: models.Page(has_more=more, count=len(objs), objs=tuple(objs)),
        st.lists(entries, max_size=3),
        st.booleans(),
    )


_open_numbers = st.integers(0, 300)
_listing = _model(
    models.IpListing, ip=st.none() | ips, action=st.none() | st.sampled_from(["WL", "X"]).map(models.ListAction)
)

ANSWER_STRATEGIES: Mapping[str, st.SearchStrategy[Any]] = {
    "stats": _model(
        models.Stats,
        trafficBreakdown=st.none() | st.builds(models.TrafficBreakdown, pageviews=_traffic, uniques=_traffic),
        bandwidthServed=st.none() | _served,
        requestsServed=st.none() | _served,
        pageLoadTime=_float,
        interval=st.none() | _open_numbers.map(models.Interval),
        ipv46=st.none() | _open_numbers.map(models.IPv6Mode),
        cache_lvl=st.none() | _open_str.map(models.CacheLevel),
        dev_mode=_dev_mode,
        extra=_extra,
    ),
    "zone_load_multi": _page(zones),
    "rec_load_all": _page(records),
    "zone_check": st.dictionaries(_label, ids.filter(lambda i: not i.startswith("0")), max_size=3),
    "zone_ips": st.lists(_model(models.Visitor, latitude=_float, longitude=_float), max_size=3).map(tuple),
    "ip_lkup": st.one_of(
        st.builds(models.ThreatScore, ip=ips),
        st.builds(models.ThreatScore, ip=ips, verdict=st.just("BAD"), score=st.none() | st.integers(0, 100)),
        st.builds(models.ThreatScore, ip=ips, score=st.integers(0, 100)),
    ),
    "zone_settings": _model(
        models.ZoneSettings,
        dev_mode=_dev_mode,
        ipv46=st.none() | _open_numbers.map(models.IPv6Mode),
        cache_lvl=st.none() | _open_str.map(models.CacheLevel),
        async_=st.none() | _open_str.map(models.RocketLoader),
        img=st.none() | _open_numbers.map(models.ImageSettings),
        minify=st.none() | st.integers(0, 15).map(models.Minify),
        sec_lvl=st.none() | _open_str.map(models.SecurityLevel),
        ssl=st.none() | _open_numbers.map(models.SslMode),
        waf_profile=st.none() | _open_str.map(models.WafProfile),
        missing=st.just({}),
        extra=_extra,
    ),
    "sec_lvl": _optional_zone,
    "cache_lvl": _optional_zone,
    "devmode": _model(models.DevelopmentMode, zone=_optional_zone),
    "fpurge_ts": _model(models.Purge, zone=_optional_zone),
    "zone_file_purge": _model(models.FilePurge),
    "wl": _listing,
    "ban": _listing,
    "nul": _listing,
    "ipv46": _optional_zone,
    "async": st.none(),
    "minify": st.none(),
    "mirage2": st.none(),
    "rec_new": records,
    "rec_edit": records,
    "rec_delete": st.none(),
}


def test_samples_are_complete() -> None:
    """Every action has an example and both strategies."""
    assert list(ACTIONS) == list(EXAMPLES) == list(ACTION_STRATEGIES) == list(ANSWER_STRATEGIES)
