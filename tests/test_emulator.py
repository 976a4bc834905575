"""The emulator: what is written is read, time passes by its clock, and it refuses as the service did."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import anyio
import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfclient import actions as act
from cfclient import models
from cfclient.actions import ACTIONS, Action, Kind
from cfclient.backend import Connect, Credentials
from cfclient.backends import emulator as module
from cfclient.backends.account import Account, Site, accounts_from_json, is_proxiable, make_record, make_zone
from cfclient.backends.emulator import COOLDOWN, DEMO, DEVELOPMENT, Emulator
from cfclient.errors import (
    ApiError,
    CloudflareError,
    ConfigurationError,
    InvalidInput,
    RateLimited,
    Unauthorized,
    Unsupported,
)
from tests.samples import EXAMPLES

NOW = 1_700_000_000
MOMENT = datetime.fromtimestamp(NOW, UTC)


@attrs.define
class Clock:
    """A clock that stands still until it is moved."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


def small(clock: Clock | None = None, *, zone: Mapping[str, Any] | None = None, **options: Any) -> Emulator:
    """The zone example.com in the demo account, and another.example in somebody else's."""
    accounts = [
        {"zones": [{"zone_name": "example.com", **(zone or {})}]},
        {"email": "other@example.com", "key": "other-key", "zones": [{"zone_name": "another.example"}]},
    ]
    return Emulator.from_json({"accounts": accounts}, clock=clock or Clock(), **options)


def records(emulator: Emulator) -> tuple[models.Record, ...]:
    return emulator.site("example.com").records


# -- what every call goes through ---------------------------------------------------------------------


def test_each_action_has_a_handler() -> None:
    """All 22, and nothing else."""
    assert set(ACTIONS.values()) == set(module._HANDLERS)


@pytest.mark.parametrize("name", ACTIONS)
def test_each_example_of_the_document_is_carried_out(name: str) -> None:
    """And its answer is of the type that the action promises."""
    emulator = small(zone={"records": [{"rec_id": "9001", "type": "A", "name": "sub", "content": "192.0.2.1"}]})
    action = EXAMPLES[name]

    answer = emulator.perform(DEMO, action)

    match name:
        case "zone_check":
            assert {"example.com": "1"} == answer
        case "zone_ips":
            assert {models.Visitor} == {type(visitor) for visitor in answer}
        case "async" | "minify" | "mirage2" | "rec_delete":
            assert answer is None
        case "zone_load_multi" | "rec_load_all":
            assert (1, False) == (answer.count, answer.has_more)
        case "sec_lvl" | "cache_lvl" | "ipv46":
            assert isinstance(answer, models.Zone)
        case _:
            assert type(action).answer is type(answer)


@pytest.mark.parametrize(
    "action", [action for action in EXAMPLES.values() if hasattr(action, "zone")], ids=lambda action: action.wire_name
)
@pytest.mark.parametrize("zone", ["another.example", "nowhere.example"])
def test_a_zone_of_another_account_is_invalid(action: Action[Any], zone: str) -> None:
    """Just as one that does not exist; there is no code, and it blames the input."""
    emulator = small()
    before = emulator.accounts

    with pytest.raises(InvalidInput) as caught:
        emulator.perform(DEMO, attrs.evolve(cast("Any", action), zone=zone))

    assert ("Invalid zone.", None, action.wire_name) == (caught.value.msg, caught.value.code, caught.value.action)
    assert before == emulator.accounts


@pytest.mark.parametrize(
    "credentials",
    [
        Credentials("demo@example.com", "wrong"),
        Credentials("demo@example.com", "schluessel"),
        Credentials("demo@example.com", "other-key"),
        Credentials("nobody@example.com", "demo-key"),
    ],
)
def test_an_unknown_key_or_email_is_unauthorized(credentials: Credentials) -> None:
    """In the service's own words, without a trace of the key; such a call counts for nobody."""
    emulator = small()

    with pytest.raises(Unauthorized) as caught:
        emulator.perform(credentials, act.ZoneLoadMulti())

    assert "zone_load_multi: Unknown token or email (E_UNAUTH)" == str(caught.value)
    assert 0 == emulator.calls.total()


def test_what_version_1_does_not_take_is_refused() -> None:
    """By the same table as before sending."""
    emulator = small()

    with pytest.raises(InvalidInput, match="ttl=60 is not valid"):
        emulator.perform(DEMO, act.RecNew("example.com", "A", "www", "192.0.2.1", ttl=60))

    assert () == records(emulator)


def test_an_action_of_another_time_is_not_supported() -> None:
    """A 23rd one needs a handler."""

    @attrs.frozen
    class Ping(Action[None]):
        wire_name = "ping"
        kind = Kind.READ
        section = "9"
        place = None
        answer = None

    with pytest.raises(Unsupported, match="ping: the emulator carries out the 22 actions"):
        small().perform(DEMO, Ping())


def test_a_repr_shows_no_key() -> None:
    """Neither the emulator's, nor the async face's, nor an account's."""
    emulator = small()

    assert "<Emulator of 2 accounts, 2 zones>" == repr(emulator)
    assert "demo-key" not in repr(emulator.connect()) + repr(emulator.accounts)


# -- the limit ----------------------------------------------------------------------------------------


def test_calls_are_counted_in_a_sliding_window() -> None:
    """Of each account by itself; a refused call does not count against the limit."""
    clock = Clock()
    emulator = small(clock, limit=(2, 10.0))
    ask = act.ZoneLoadMulti()
    emulator.perform(DEMO, ask)
    clock.now += 4
    emulator.perform(DEMO, ask)

    refused: list[RateLimited] = []
    for _ in range(3):
        with pytest.raises(RateLimited) as caught:
            emulator.perform(DEMO, ask)
        refused.append(caught.value)
    waits = [emulator.retry_after(), emulator.retry_after("other@example.com")]
    emulator.perform(Credentials("other@example.com", "other-key"), ask)
    clock.now += 6
    emulator.perform(DEMO, ask)

    assert [("E_MAXAPI", None)] * 3 == [(error.code, error.retry_after) for error in refused]
    assert [6.0, 0.0] == waits
    assert 4.0 == emulator.retry_after()
    assert {"demo@example.com": 6, "other@example.com": 1} == emulator.calls


def test_the_limit_is_the_documented_one_unless_it_is_lifted() -> None:
    """1,200 calls in 300 seconds."""
    documented, lifted = small(), small(limit=None)

    for _ in range(1200):
        documented.perform(DEMO, act.ZoneLoadMulti())
        lifted.perform(DEMO, act.ZoneLoadMulti())
    lifted.perform(DEMO, act.ZoneLoadMulti())

    assert (300.0, 0.0) == (documented.retry_after(), lifted.retry_after())
    with pytest.raises(RateLimited):
        documented.perform(DEMO, act.ZoneLoadMulti())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"page_size": 0}, "page_size=0: expected at least 1"),
        ({"limit": (0, 1.0)}, "limit=.*: expected"),
        ({"limit": (1, 0.0)}, "limit=.*: expected"),
        ({"latency": -1.0}, "latency=-1.0: expected seconds"),
        ({"latency": float("nan")}, "latency=nan: expected seconds"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], words: str) -> None:
    """When the emulator is made."""
    with pytest.raises(ConfigurationError, match=words):
        Emulator(**options)


# -- the async face -----------------------------------------------------------------------------------


@pytest.mark.anyio
@pytest.mark.parametrize("latency", [0.0, 0.001])
async def test_the_async_face_answers_as_the_machine_does(latency: float) -> None:
    """For the demo account, or for whom it is connected."""
    emulator = small(latency=latency)
    connect: Connect = emulator.connect

    demo = await emulator.connect().perform(act.ZoneCheck(["example.com", "another.example"]))
    other = await connect(Credentials("other@example.com", "other-key")).perform(act.ZoneLoadMulti())

    assert {"example.com": "1"} == demo
    assert ["another.example"] == [zone.zone_name for zone in other.objs]


@pytest.mark.anyio
@pytest.mark.parametrize("latency", [0.0, 60.0])
async def test_a_cancelled_call_was_not_carried_out(latency: float) -> None:
    """It always gives way once, and is whole or nothing."""
    emulator = small(latency=latency)
    backend = emulator.connect()

    with anyio.CancelScope() as scope:
        scope.cancel()
        await backend.perform(act.RecNew("example.com", "TXT", "@", "text"))

    assert scope.cancelled_caught
    assert () == records(emulator)


@pytest.mark.anyio
async def test_many_calls_at_once_each_make_their_record() -> None:
    """Nothing is lost between them, and no id is given twice."""
    emulator = small()
    backend = emulator.connect()

    async with anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(backend.perform, act.RecNew("example.com", "TXT", "@", f"text {number}"))

    made = records(emulator)
    assert {f"text {number}" for number in range(50)} == {record.content for record in made}
    assert 50 == len({record.rec_id for record in made})


# -- settings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "words"),
    [
        ("help", "I'm under attack!"),
        ("high", "High"),
        ("med", "Medium"),
        ("low", "Low"),
        ("eoff", "Essentially off"),
    ],
)
def test_a_security_level_shows_in_settings_and_statistics(level: str, words: str) -> None:
    """By its value and in words."""
    emulator = small()

    emulator.perform(DEMO, act.SecLvl("example.com", level))
    settings = emulator.perform(DEMO, act.ZoneSettings("example.com"))

    assert (level, words) == (settings.sec_lvl, settings.userSecuritySetting)
    assert words == emulator.perform(DEMO, act.Stats("example.com")).userSecuritySetting


def test_the_other_settings_show_too() -> None:
    """In `zone_settings`, and in `stats` what that has of them."""
    emulator = small()
    setters: list[Action[Any]] = [
        act.CacheLvl("example.com", "basic"),
        act.Ipv46("example.com", False),
        act.Async("example.com", "a"),
        act.Minify("example.com", 5),
        act.Mirage2("example.com", True),
    ]
    for action in setters:
        emulator.perform(DEMO, action)

    settings = emulator.perform(DEMO, act.ZoneSettings("example.com"))
    stats = emulator.perform(DEMO, act.Stats("example.com"))

    assert (models.CacheLevel.BASIC, models.IPv6Mode.OFF) == (settings.cache_lvl, settings.ipv46)
    assert (models.CacheLevel.BASIC, models.IPv6Mode.OFF) == (stats.cache_lvl, stats.ipv46)
    assert (models.RocketLoader.AUTOMATIC, models.Minify(5), True) == (settings.async_, settings.minify, settings.lazy)


def test_development_mode_lasts_three_hours() -> None:
    """Everywhere at once, to the second; a repeat moves the end."""
    clock = Clock()
    emulator = small(clock)
    usual = emulator.perform(DEMO, act.ZoneLoadMulti()).objs[0]

    def seen() -> set[object]:
        settings = emulator.perform(DEMO, act.ZoneSettings("example.com"))
        return {settings.dev_mode, emulator.perform(DEMO, act.Stats("example.com")).dev_mode}

    first = emulator.perform(DEMO, act.Devmode("example.com", True))
    clock.now += 60
    again = emulator.perform(DEMO, act.Devmode("example.com", True))
    clock.now += DEVELOPMENT.total_seconds() - 1
    during, zone = seen(), emulator.perform(DEMO, act.ZoneLoadMulti()).objs[0]
    clock.now += 1
    after, ended = seen(), emulator.perform(DEMO, act.ZoneLoadMulti()).objs[0]

    until = MOMENT + timedelta(hours=3, seconds=60)
    assert (MOMENT + timedelta(hours=3), until) == (first.expires_on, again.expires_on)
    assert ({until}, {False}) == (during, after)
    assert ("status-dev-mode", again.zone) == (zone.zone_status_class, zone)
    assert {"zone_deactivate"} == zone.confirm_code.keys()
    assert ("zone_dev_mode0", "zone_dev_mode1") == (zone.allow[-1], usual.allow[-1])
    assert usual == ended


def test_development_mode_is_switched_off() -> None:
    """Also where it is off already."""
    emulator = small()
    emulator.perform(DEMO, act.Devmode("example.com", True))

    off = emulator.perform(DEMO, act.Devmode("example.com", False))
    again = emulator.perform(DEMO, act.Devmode("example.com", False))

    assert off == again == models.DevelopmentMode(zone=emulator.site("example.com").zone)
    assert emulator.site("example.com").settings.dev_mode is False


@pytest.mark.parametrize(
    ("seed", "expected"),
    [(True, MOMENT + DEVELOPMENT), (NOW + 5, MOMENT + timedelta(seconds=5)), (NOW - 5, False), (None, None)],
)
def test_development_mode_can_be_on_from_the_start(seed: object, expected: object) -> None:
    """True is as good as switched on at the start; an end that is past is past."""
    emulator = small(zone={"settings": {"dev_mode": seed}})

    settings = emulator.perform(DEMO, act.ZoneSettings("example.com"))

    assert expected == settings.dev_mode
    assert expected == emulator.account().sites[0].settings.dev_mode


def test_a_purge_has_a_cooldown() -> None:
    """Within it nothing is purged again, and the answer says how long it lasts."""
    clock = Clock()
    emulator = small(clock)
    purge = act.FpurgeTs("example.com")

    first = emulator.perform(DEMO, purge)
    clock.now += 5
    early = emulator.perform(DEMO, purge)
    shown = emulator.perform(DEMO, act.ZoneSettings("example.com")).fpurge_ts
    clock.now += 15
    later = emulator.perform(DEMO, purge)
    clock.now -= 3600
    back = emulator.perform(DEMO, purge)

    assert (MOMENT, COOLDOWN) == (first.fpurge_ts, first.cooldown)
    assert (MOMENT, 15, MOMENT) == (early.fpurge_ts, early.cooldown, shown)
    assert (MOMENT + timedelta(seconds=20), COOLDOWN) == (later.fpurge_ts, later.cooldown)
    assert (MOMENT - timedelta(seconds=3580), COOLDOWN) == (back.fpurge_ts, back.cooldown)
    assert first.zone == early.zone == emulator.site("example.com").zone


# -- addresses ----------------------------------------------------------------------------------------


def test_addresses_are_whitelisted_banned_and_unlisted() -> None:
    """Each is on one list at most; the lists belong to the account."""
    emulator = small()

    answers = [
        emulator.perform(DEMO, action)
        for action in (act.Wl("192.0.2.1"), act.Ban("192.0.2.1"), act.Wl("2001:db8::1"), act.Ban("192.0.2.2"))
    ]
    unlisted = [emulator.perform(DEMO, act.Nul(ip)) for ip in ("192.0.2.2", "192.0.2.3")]

    assert ["WL", "BAN", "WL", "BAN"] == [answer.action for answer in answers]
    assert [models.ListAction.UNLISTED] * 2 == [answer.action for answer in unlisted]
    listed = emulator.account().listed
    assert {"192.0.2.1": models.ListAction.BANNED, "2001:db8::1": models.ListAction.WHITELISTED} == listed
    assert {} == emulator.account("other@example.com").listed


def test_the_score_of_an_address() -> None:
    """Bad are those that the account banned, and 203.0.113.0/24; a whitelisted one is not."""
    emulator = small()
    emulator.perform(DEMO, act.Ban("192.0.2.1"))
    emulator.perform(DEMO, act.Wl("203.0.113.2"))

    def verdict(ip: str) -> str | None:
        score = emulator.perform(DEMO, act.IpLkup(ip))
        assert (score.verdict is None) is (score.score is None)
        assert score == emulator.perform(DEMO, act.IpLkup(ip))
        return score.verdict

    assert ["BAD", None, "BAD", None] == [
        verdict(ip) for ip in ("192.0.2.1", "192.0.2.2", "203.0.113.1", "203.0.113.2")
    ]


# -- traffic ------------------------------------------------------------------------------------------


def test_statistics_depend_on_the_zone_and_the_interval_only() -> None:
    """A longer interval has more of everything; times are by the clock."""
    emulator = small()

    by_interval = {
        interval: emulator.perform(DEMO, act.Stats("example.com", interval=interval)) for interval in models.Interval
    }
    month, week, day = (by_interval[models.Interval(number)] for number in (20, 30, 40))
    last = by_interval[models.Interval.PRO_6_HOURS]

    assert month.trafficBreakdown is not None
    assert month == emulator.perform(DEMO, act.Stats("example.com"))
    assert (MOMENT - timedelta(days=31), MOMENT - timedelta(days=1)) == (month.timeZero, month.timeEnd)
    assert (MOMENT - timedelta(hours=6), MOMENT) == (last.timeZero, last.timeEnd)
    assert MOMENT == month.currentServerTime
    views = [one.trafficBreakdown.pageviews for one in (month, week, day, last) if one.trafficBreakdown]
    regular = [view.regular for view in views if view and view.regular]
    assert len(regular) == 4
    assert sorted(regular, reverse=True) == regular
    other = emulator.perform(Credentials("other@example.com", "other-key"), act.Stats("another.example"))
    assert month.trafficBreakdown != other.trafficBreakdown


def test_visitors_by_hours_class_and_place() -> None:
    """More hours show no fewer visitors; each class can be asked for; the busiest come first."""
    emulator = small()

    def visitors(**options: Any) -> tuple[models.Visitor, ...]:
        return emulator.perform(DEMO, act.ZoneIps("example.com", **options))

    by_hours = [{visitor.ip for visitor in visitors(hours=hours)} for hours in (1, 24, 48)]
    whole, placed = visitors(hours=48), visitors(hours=48, geo=True)

    assert by_hours[0] <= by_hours[1] <= by_hours[2]
    assert len(whole) == len(by_hours[2])
    classes = {name: {one.classification for one in visitors(hours=1, visitor_class=name)} for name in "rst"}
    assert {"r": {"regular"}, "s": {"crawler"}, "t": {"threat"}} == classes
    hits = [visitor.hits or 0 for visitor in whole]
    assert sorted(hits, reverse=True) == hits
    assert min(hits) > 0
    assert {(None, None)} == {(one.latitude, one.longitude) for one in whole}
    assert all(
        one.latitude is not None and abs(one.latitude) <= 90 and one.longitude is not None and abs(one.longitude) <= 180
        for one in placed
    )
    assert [one.ip for one in whole] == [one.ip for one in placed]


# -- records ------------------------------------------------------------------------------------------


def test_a_record_as_the_service_lists_it() -> None:
    """Every field of it."""
    emulator = small()

    record = emulator.perform(DEMO, act.RecNew("example.com", "A", "WWW", "192.0.2.1", service_mode=True))

    expected = models.Record(
        rec_id="1",
        rec_hash=record.rec_hash,
        zone_name="example.com",
        name="www.example.com",
        display_name="www",
        type=models.RecordType.A,
        content="192.0.2.1",
        display_content="192.0.2.1",
        ttl=1,
        ttl_ceil=86_400,
        auto_ttl=True,
        service_mode=True,
        props=models.RecordProps(
            proxiable=True,
            cloud_on=True,
            cf_open=False,
            vanity_lock=False,
            ssl=False,
            expired_ssl=False,
            expiring_ssl=False,
            pending_ssl=False,
        ),
    )
    assert expected == record
    assert 32 == len(record.rec_hash or "")


@pytest.mark.parametrize(
    ("name", "absolute", "display"),
    [
        ("@", "example.com", "example.com"),
        ("example.com", "example.com", "example.com"),
        ("Example.COM.", "example.com", "example.com"),
        ("sub", "sub.example.com", "sub"),
        ("sub.example.com", "sub.example.com", "sub"),
        ("a.b", "a.b.example.com", "a.b"),
        ("*", "*.example.com", "*"),
        ("notexample.com", "notexample.com.example.com", "notexample.com"),
        ("bücher", "xn--bcher-kva.example.com", "bücher"),
        ("mail.bücher", "mail.xn--bcher-kva.example.com", "mail.bücher"),
        ("xn--vii", "xn--vii.example.com", "xn--vii"),
    ],
)
def test_names_are_kept_absolute_and_shown_relative(name: str, absolute: str, display: str) -> None:
    """In Unicode where that can be; a label that is no valid IDNA is no obstacle."""
    emulator = small()

    record = emulator.perform(DEMO, act.RecNew("example.com", "TXT", name, "text"))

    assert (absolute, display) == (record.name, record.display_name)


@given(st.from_regex(r"xn--[a-z0-9-]{1,20}", fullmatch=True))
def test_no_label_is_too_strange_to_be_shown(label: str) -> None:
    """Whatever stands behind the prefix."""
    record = make_record("example.com", models.RecordType.TXT, f"{label}.example.com", "text", rec_id="1")

    assert record.display_name


def test_a_name_that_grows_too_long_is_refused() -> None:
    """With the zone behind it, and a service before it."""
    emulator = small()
    srv: dict[str, Any] = {"service": "_sip", "protocol": "_tls", "weight": 5, "port": 443, "target": "sip.example.net"}
    name = ".".join(["a" * 58] * 4)

    with pytest.raises(InvalidInput, match=r"Invalid record name\."):
        emulator.perform(DEMO, act.RecNew("example.com", "SRV", "any", "", prio=0, srvname=name, **srv))

    assert () == records(emulator)


@pytest.mark.parametrize(
    ("srvname", "at"), [("@", ""), ("example.com", ""), ("voice", "voice."), ("v.example.com", "v.")]
)
def test_a_service_record_has_the_name_that_dns_gives_it(srvname: str, at: str) -> None:
    """And its content is weight, port and target."""
    emulator = small()
    srv: dict[str, Any] = {"service": "_sip", "protocol": "_tls", "weight": 5, "port": 443, "target": "sip.example.net"}

    record = emulator.perform(DEMO, act.RecNew("example.com", "SRV", "any", "", prio=0, srvname=srvname, **srv))

    assert f"_sip._tls.{at}example.com" == record.name
    assert ("5 443 sip.example.net", 0, None) == (record.content, record.prio, record.mx)


def test_a_mail_record_says_that_it_was_not_made_by_itself() -> None:
    """As in the real replies."""
    record = small().perform(DEMO, act.RecNew("example.com", "MX", "@", "mx.example.net", prio=10, ttl=300))

    assert (models.MxProps(auto=False), 10, 300, False) == (record.mx, record.prio, record.ttl, record.auto_ttl)
    assert record.props is not None
    assert (False, False) == (record.props.proxiable, record.service_mode)


@pytest.mark.parametrize(
    ("type_", "content", "proxiable"),
    [
        ("A", "192.0.2.1", True),
        ("A", "10.0.0.1", False),
        ("A", "127.0.0.2", False),
        ("A", "172.31.255.255", False),
        ("A", "172.32.0.0", True),
        ("AAAA", "2001:db8::1", True),
        ("AAAA", "fd00::1", False),
        ("AAAA", "::1", False),
        ("CNAME", "www.example.net", True),
    ],
)
def test_the_proxy_stands_only_before_what_it_can_reach(type_: str, content: str, proxiable: bool) -> None:
    """Asked for or not; the record that comes back says what became of it."""
    emulator = small()

    record = emulator.perform(DEMO, act.RecNew("example.com", type_, "sub", content, service_mode=True))

    assert proxiable is is_proxiable(models.RecordType(type_), content)
    assert record.props is not None
    assert (proxiable, proxiable, proxiable) == (record.props.proxiable, record.props.cloud_on, record.service_mode)


def test_the_proxy_is_off_unless_asked_for_and_an_edit_leaves_it() -> None:
    """It goes off when the address becomes one that it cannot reach."""
    emulator = small()

    def edit(content: str, service_mode: bool | None = None) -> bool | None:
        action = act.RecEdit("example.com", ident, "A", "sub", content, service_mode=service_mode)
        return emulator.perform(DEMO, action).service_mode

    record = emulator.perform(DEMO, act.RecNew("example.com", "A", "sub", "192.0.2.1"))
    ident = record.rec_id

    assert record.service_mode is False
    modes = [edit("192.0.2.2"), edit("192.0.2.2", True), edit("192.0.2.3"), edit("192.0.2.3", False), edit("192.0.2.3")]
    assert [False, True, True, False, False] == modes
    assert [True, False] == [edit("192.0.2.4", True), edit("192.168.0.1")]


def test_an_edit_changes_all_but_id_type_and_place() -> None:
    """And what is not given falls back to what a new record has."""
    emulator = small()
    first, _ = (
        emulator.perform(DEMO, act.RecNew("example.com", "MX", "@", content, prio=10, ttl=300))
        for content in ("one.example.net", "two.example.net")
    )

    edited = emulator.perform(DEMO, act.RecEdit("example.com", first.rec_id, "MX", "sub", "three.example.net", prio=20))

    assert ("sub.example.com", "three.example.net", 20, 1) == (edited.name, edited.content, edited.prio, edited.ttl)
    assert [edited, "two.example.net"] == [records(emulator)[0], records(emulator)[1].content]
    assert first.rec_hash != edited.rec_hash


def test_the_type_of_a_record_stays() -> None:
    """An edit to another type is refused and changes nothing."""
    emulator = small()
    record = emulator.perform(DEMO, act.RecNew("example.com", "A", "sub", "192.0.2.1"))

    with pytest.raises(InvalidInput) as caught:
        emulator.perform(DEMO, act.RecEdit("example.com", record.rec_id, "CNAME", "sub", "www.example.net"))

    assert (None, "rec_edit") == (caught.value.code, caught.value.action)
    assert (record,) == records(emulator)


def test_a_record_that_is_not_there_is_invalid() -> None:
    """Never made, deleted already, or in another zone of the account."""
    emulator = Emulator.from_json({"accounts": [{"zones": [{"zone_name": "a.example"}, {"zone_name": "b.example"}]}]})
    record = emulator.perform(DEMO, act.RecNew("a.example", "TXT", "@", "text"))
    asked: list[Action[Any]] = [
        act.RecDelete("b.example", record.rec_id),
        act.RecDelete("a.example", record.rec_id),
        act.RecDelete("a.example", record.rec_id),
        act.RecEdit("a.example", record.rec_id, "TXT", "@", "text"),
        act.RecDelete("a.example", "999"),
    ]
    refused: list[object] = []

    for action in asked:
        try:
            refused.append(emulator.perform(DEMO, action))
        except ApiError as error:
            refused.append((type(error), error.msg, error.code))

    assert [(InvalidInput, "Invalid record id.", None)] * 4 == refused[:1] + refused[2:]
    assert refused[1] is None


def test_exact_duplicates_are_accepted() -> None:
    """Each has an id of its own, which is given to no other after it."""
    emulator = small(zone={"records": [{"rec_id": "41", "type": "TXT", "name": "@", "content": "text"}]})
    new = act.RecNew("example.com", "TXT", "@", "text")

    one = emulator.perform(DEMO, new)
    emulator.perform(DEMO, act.RecDelete("example.com", one.rec_id))
    two = emulator.perform(DEMO, new)

    assert ["42", "43"] == [one.rec_id, two.rec_id]
    assert ["41", "43"] == [record.rec_id for record in records(emulator)]


# -- pages --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("total", [0, 1, 179, 180, 181, 360, 1000])
def test_records_come_in_pages(total: int) -> None:
    """Of 180 at most; `has_more` is right at exact multiples; beyond the end is an empty page."""
    emulator = small(zone={"records": [{"type": "TXT", "name": "@", "content": f"{n}"} for n in range(total)]})
    seen: list[str] = []
    offset, sizes, more = 0, [], True

    while more:
        page = emulator.perform(DEMO, act.RecLoadAll("example.com", offset=offset))
        seen += [record.content for record in page.objs]
        offset, more = offset + page.count, page.has_more
        sizes.append(page.count)
        assert len(page.objs) == page.count
    beyond = [emulator.perform(DEMO, act.RecLoadAll("example.com", offset=at)) for at in (total, total + 1, 10**17)]

    assert [str(number) for number in range(total)] == seen
    assert [180] * (len(sizes) - 1) == sizes[:-1]
    assert max(1, -(-total // 180)) == len(sizes)
    assert [models.Page()] * 3 == beyond


def test_zones_come_in_pages_too() -> None:
    """From an offset that need not be a multiple."""
    emulator = Emulator.demo(zones=7, page_size=3)
    names = [site.zone.zone_name for site in emulator.account().sites]

    pages = [emulator.perform(DEMO, act.ZoneLoadMulti(offset=offset)) for offset in (0, 3, 4, 6, 7)]

    assert [True, True, False, False, False] == [page.has_more for page in pages]
    assert [names[:3], names[3:6], names[4:], names[6:], []] == [
        [zone.zone_name for zone in page.objs] for page in pages
    ]


# -- JSON ---------------------------------------------------------------------------------------------


def test_the_state_goes_through_json() -> None:
    """Whatever was written before; real JSON, not only data."""
    clock = Clock()
    emulator = Emulator.demo(zones=4, clock=clock)
    zone = emulator.account().sites[0].zone.zone_name
    writes: list[Action[Any]] = [
        act.Devmode(zone, True),
        act.FpurgeTs(zone),
        act.Ban("192.0.2.1"),
        act.Wl("192.0.2.2"),
        act.RecNew(zone, "A", "bücher", "10.0.0.1", ttl=300),
    ]
    for action in writes:
        emulator.perform(DEMO, action)

    text = json.dumps(emulator.to_json())
    again = Emulator.from_json(text, clock=clock)

    assert emulator.accounts == again.accounts
    assert json.loads(text) == again.to_json()


def test_even_odd_records_go_through_json() -> None:
    """What no emulator writes: other types, other props, other settings, nothing at all."""
    record = make_record("example.com", models.RecordType("CAA"), "example.com", '0 issue "ca.example"', rec_id="x9")
    odd = msgspec.structs.replace(
        record, rec_hash=None, rec_tag="tag", ttl=None, service_mode=None, prio=0, props=models.RecordProps(ssl=True)
    )
    bare = models.Record(rec_id="7", name="sub.example.com", type=models.RecordType.A, content="192.0.2.1")
    zone = attrs.evolve(make_zone("example.com", zone_id="a1"), props=None, step=None, ns_vanity_map=("any", 1))
    settings = models.ZoneSettings(extra={"new": [1]}, ssl=models.SslMode(9), fpurge_ts=MOMENT, dev_mode=None)
    account = Account(sites=(Site(zone=zone, settings=settings, records=(odd, bare)),))

    again = accounts_from_json(json.dumps(Emulator([account]).to_json()))

    assert (account,) == again


def test_a_small_file_makes_a_zone(tmp_path: Path) -> None:
    """The account is the demo's where nothing else is said; ids are given above those that are taken."""
    path = tmp_path / "accounts.json"
    path.write_text(
        """{"accounts": [{"whitelisted": ["192.0.2.9"], "zones": [
            {"zone_name": "Bücher.example", "settings": {"sec_lvl": "help", "async": "a", "ssl": 0}, "records": [
                {"type": "A", "name": "www", "content": "192.0.2.1", "service_mode": true},
                {"type": "MX", "name": "@", "content": "mx.example.net", "prio": 5, "rec_id": "30"}]},
            {"zone_name": "b.example", "zone_id": "7", "props": {"pro": true}}]}]}"""
    )

    emulator = Emulator.from_json(path)
    site = emulator.site("xn--bcher-kva.example")

    assert [site.zone.zone_id, "7"] == ["8", emulator.site("b.example").zone.zone_id]
    assert "bücher.example" == site.zone.display_name
    assert ["31", "30"] == [record.rec_id for record in site.records]
    assert ["www.xn--bcher-kva.example", "xn--bcher-kva.example"] == [record.name for record in site.records]
    assert ("I'm under attack!", models.SslMode.OFF) == (site.settings.userSecuritySetting, site.settings.ssl)
    assert models.RocketLoader.AUTOMATIC == site.settings.async_
    props = emulator.site("b.example").zone.props
    assert props is not None
    assert (True, "FREE_ZONE") == (props.pro, props.plan)
    assert {"192.0.2.9": models.ListAction.WHITELISTED} == emulator.account().listed


ZONE = "accounts[0].zones[0]"


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ({}, f"{ZONE}: 'zone_name' is missing"),
        ({"zone_name": "x"}, f"{ZONE}.zone_name: zone='x' is not valid"),
        ({"zone_name": 5}, f"{ZONE}.zone_name: zone=5 is not valid"),
        ({"zone_name": "a.example", "zone_id": 5}, f"{ZONE}.zone_id: expected text, got 5"),
        ({"zone_name": "a.example", "colour": 5}, f"{ZONE}: 'colour' is not known here; known are zone_id"),
        ({"zone_name": "a.example", "allow": "x"}, f"{ZONE}.allow: expected a list, got 'x'"),
        ({"zone_name": "a.example", "allow": [5]}, f"{ZONE}.allow[0]: expected text, got 5"),
        ({"zone_name": "a.example", "confirm_code": {"a": 1}}, f"{ZONE}.confirm_code.a: expected text, got 1"),
        ({"zone_name": "a.example", "props": {"pro": 1}}, f"{ZONE}.props.pro: expected true or false, got 1"),
        ({"zone_name": "a.example", "settings": []}, f"{ZONE}.settings: expected an object, got []"),
        (
            {"zone_name": "a.example", "settings": {"ssl": "1"}},
            f"{ZONE}.settings.ssl: expected a whole number, got '1'",
        ),
        ({"zone_name": "a.example", "settings": {"ssl": True}}, f"{ZONE}.settings.ssl: expected a whole number"),
        ({"zone_name": "a.example", "settings": {"async_": "a"}}, f"{ZONE}.settings: 'async_' is not known here"),
        ({"zone_name": "a.example", "settings": {"fpurge_ts": 10**18}}, "expected seconds since 1970"),
        ({"zone_name": "a.example", "records": {}}, f"{ZONE}.records: expected a list"),
        ({"zone_name": "a.example", "records": [5]}, f"{ZONE}.records[0]: expected an object, got 5"),
        ({"zone_name": "a.example", "records": [{"type": "A"}]}, f"{ZONE}.records[0]: 'name' is missing"),
        (
            {"zone_name": "a.example", "records": [{"type": "A", "name": "a b", "content": ""}]},
            f"{ZONE}.records[0].name: name='a b' is not valid",
        ),
        (
            {"zone_name": "a.example", "records": [{"type": "A", "name": "a", "content": ["x" * 99]}]},
            f"{ZONE}.records[0].content: expected text, got ['xxx",
        ),
    ],
)
def test_a_wrong_place_in_a_file_is_named(zone: dict[str, Any], words: str) -> None:
    """With what was expected there."""
    with pytest.raises(ConfigurationError) as caught:
        Emulator.from_json({"accounts": [{"zones": [zone]}]})

    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("accounts.json", "the accounts are not JSON: .*a file is given as a pathlib.Path"),
        (b"\xff", "the accounts are not JSON: 'utf-8' codec"),
        ("[" * 100_000, "the accounts are not JSON"),
        ("9" * 5000, "the accounts are not JSON"),
        (Path("/nowhere/accounts.json"), "the accounts cannot be read: .*nowhere"),
        ("[]", r"the file: expected an object, got \[\]"),
        ({}, r'the file: expected an object {"accounts": \[...\]}, got {}'),
        ({"accounts": 1}, "accounts: expected a list, got 1"),
        ({"accounts": [{"key": None}]}, r"accounts\[0\].key: expected text, got None"),
        ({"accounts": [{"mail": "", "kea": ""}]}, r"accounts\[0\]: 'kea' is not known here; known are email, key"),
        ({"accounts": [{"banned": ["x"]}]}, r"accounts\[0\].banned\[0\]: ip='x' is not valid"),
        ({"accounts": [{"key": ""}]}, "the account 'demo@example.com' has no e-mail address or no key"),
        ({"accounts": [{}, {}]}, "the accounts: the account 'demo@example.com' is there 2 times"),
        (
            {"accounts": [{"zones": [{"zone_name": "a.example"}, {"zone_name": "A.example."}]}]},
            "demo@example.com: the zone 'a.example' is there 2 times",
        ),
    ],
)
def test_a_file_that_cannot_be_used_says_why(source: Any, words: str) -> None:
    """Every one is a `ConfigurationError`, so a `CloudflareError` too."""
    with pytest.raises(ConfigurationError, match=words) as caught:
        Emulator.from_json(source)

    assert isinstance(caught.value, CloudflareError)


def test_ids_are_given_once() -> None:
    """Within a zone, and among the zones of an account."""
    twice = {"rec_id": "5", "type": "TXT", "name": "@", "content": "text"}

    with pytest.raises(ConfigurationError, match="the rec_id '5' is there 2 times"):
        small(zone={"records": [twice, twice]})
    with pytest.raises(ConfigurationError, match="the zone_id '5' is there 2 times"):
        Emulator.from_json(
            {"accounts": [{"zones": [{"zone_name": f"{name}.example", "zone_id": "5"} for name in "ab"]}]}
        )


def test_two_accounts_can_have_a_zone_of_one_name() -> None:
    """Each its own."""
    zones = [{"zone_name": "a.example"}]
    emulator = Emulator.from_json(
        {"accounts": [{"zones": zones}, {"email": "b@example.com", "key": "b", "zones": zones}]}
    )

    emulator.perform(DEMO, act.RecNew("a.example", "TXT", "@", "text"))

    assert (1, 0) == tuple(
        len(emulator.site("a.example", email=who).records) for who in (str(DEMO.email), "b@example.com")
    )


def test_looking_in_for_what_is_not_there_is_a_key_error() -> None:
    """It is Python that asks, not a client."""
    emulator = small()

    for look in (
        lambda: emulator.account("nobody@example.com"),
        lambda: emulator.site("another.example"),
        lambda: emulator.retry_after("nobody@example.com"),
    ):
        with pytest.raises(KeyError):
            look()
