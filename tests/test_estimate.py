"""What an audit would take: `cfclient audit --estimate`, `--pace`, and how a wait for the limit is shown."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest

import cfclient
from cfclient import cli
from cfclient.actions import SETTINGS, RecNew, ZoneLoadMulti
from cfclient.audit.accounts import AuditAccount
from cfclient.audit.gather import count
from cfclient.audit.model import FOLLOWED, wanted
from cfclient.audit.rules import RULES
from cfclient.backend import Credentials
from cfclient.backends.emulator import DEMO
from cfclient.cli import options
from cfclient.cli.estimating import Estimate, estimate, seconds_for, show
from cfclient.client import Client
from cfclient.output import Progress, waiting
from cfclient.pace import Budget, Pace, Rate, Wait

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings but those of the test."""
    for name in ("URL", "EMAIL", "TOKEN", "PROFILE", "PACE"):
        monkeypatch.delenv(f"CFCLIENT_{name}", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def budget(*, left: int, full: float = 300.0) -> Budget:
    """Of 1,200 in 300 s."""
    numbers: dict[str, Any] = {"under_way": 0, "waiting": 0, "refills": 1.0, "held": 0.0}
    return Budget(principal="me", limit=1200, seconds=300.0, left=left, full=full, **numbers)


@pytest.mark.parametrize(
    ("calls", "left", "full", "expected"),
    [
        (1, 1200, 0.0, 0.0),
        (180, 1200, 0.0, 0.0),
        (181, 1200, 0.0, 1.0),
        (1080, 1200, 0.0, 5.0),
        (1081, 1200, 0.0, 300.0),
        (2160, 1200, 0.0, 305.0),
        (2161, 1200, 0.0, 600.0),
        (100, 120, 40.0, 40.0),
        (1081, 0, 40.0, 340.0),
        (100, 150, 40.0, 300.0),
    ],
)
def test_when_the_last_call_may_be_sent(calls: int, left: int, full: float, expected: float) -> None:
    """120 of 1,200 are left to others, and 180 a second go out of the address."""
    assert expected == seconds_for(calls, budget(left=left, full=full), 120, Rate(180, 1.0))


def test_an_address_without_a_limit_spreads_nothing() -> None:
    """Where the policy has none."""
    assert 0.0 == seconds_for(1000, budget(left=1200), 120, None)


class Counted:
    """An emulator of three zones, reached over HTTP; counts the calls."""

    def __init__(self, kind: str) -> None:
        self.emulator = cfclient.emulator(zones=3, page_size=5_000)  # one page each
        app: Any = cfclient.gateway(self.emulator.connect) if kind == "v1" else self.emulator.v4
        self.calls = 0
        self.url = "https://emulator.example/" + ("api_json.html" if kind == "v1" else "client/v4")
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), event_hooks={"request": [self._count]})
        who = DEMO if kind == "v1" else Credentials(None, "demo-token")
        self.account = AuditAccount(name="a", url=self.url, credentials=who)

    async def _count(self, _: httpx.Request) -> None:
        self.calls += 1

    def opened(self, account: AuditAccount) -> AbstractAsyncContextManager[Client]:
        """As the command opens one."""
        who = account.credentials
        return cfclient.connect(self.url, email=who.email, token=who.token, http=self.http)


@pytest.mark.parametrize("kind", ["v1", "v4"])
@pytest.mark.parametrize("all_settings", [False, True])
async def test_an_audit_takes_as_many_calls_as_were_estimated(kind: str, all_settings: bool) -> None:
    """On version 1 and on today's Cloudflare, where each setting is a call."""
    service = Counted(kind)
    only = frozenset(SETTINGS) if all_settings else wanted(RULES)

    found = await estimate([service.account], service.opened, only=only, follows=FOLLOWED, pace=Pace(), now=lambda: NOW)
    spent, service.calls = service.calls, 0
    async with service.opened(service.account) as client, cfclient.audit(client, all_settings=all_settings) as run:
        zones = [zone async for zone in run]

    assert all(zone.failure is None for zone in zones)
    assert (3, service.calls, 3) == (found.zones, found.calls, found.more)
    assert spent == found.spent == 1
    (share,) = found.principals
    assert (1199, 1200, 300.0) == (share.left, share.limit, share.limit_seconds)
    assert NOW + timedelta(seconds=found.seconds) == found.ends
    await service.http.aclose()


async def test_an_emulator_that_is_asked_as_todays_cloudflare_takes_its_calls() -> None:
    """As many as that service over HTTP."""
    service = Counted("v4")
    account = AuditAccount(name="a", url="emulator:?face=v4&zones=3", credentials=DEMO)

    def opened(account: AuditAccount) -> AbstractAsyncContextManager[Client]:
        return cfclient.connect(account.url, email=DEMO.email, token=DEMO.token)

    options: Any = {"only": wanted(RULES), "follows": frozenset(), "pace": Pace()}
    there = await estimate([service.account], service.opened, **options)
    here = await estimate([account], opened, **options)

    assert (there.calls, there.zones) == (here.calls, here.zones)
    await service.http.aclose()


async def test_zones_that_are_named_need_no_listing_and_ids_do() -> None:
    """As for an audit."""
    service = Counted("v1")

    async with service.opened(service.account) as client:
        listed = await client.zones().all()
        service.calls = 0
        named = await count(client, [listed[0].zone_name])
        ids = await count(client, [listed[0].zone_id])

    assert ((1, 0, 0), (1, 1, 0), 1) == (tuple(named), tuple(ids), service.calls)
    await service.http.aclose()


async def test_accounts_of_one_principal_add_up_and_others_run_beside_them() -> None:
    """The end is that of the longest."""
    emulator = cfclient.emulator(zones=1)

    def account(name: str, who: str, zones: int) -> AuditAccount:
        credentials = Credentials(who, "key")
        named = tuple(f"z{number}.example" for number in range(zones))
        url = f"https://one.example/api?account={name}"  # no other service
        return AuditAccount(name=name, url=url, credentials=credentials, zones=named)

    class Budgeted(Client):
        async def budget(self) -> Budget | None:
            return budget(left=1200)

    class Block:
        async def __aenter__(self) -> Client:
            return Budgeted(emulator.connect(DEMO))

        async def __aexit__(self, *_: object) -> None:
            """Nothing to close."""

    accounts = [account("a", "me", 300), account("b", "you", 10), account("c", "me", 300)]
    opened: Callable[[AuditAccount], Any] = lambda _: Block()  # noqa: E731
    found = await estimate(accounts, opened, only=None, follows=FOLLOWED, pace=Pace(), now=lambda: NOW)
    bare = await estimate(accounts[:1], opened, only=None, follows=frozenset(), pace=Pace(egress=None), now=lambda: NOW)

    assert [(("a", "c"), 1200, 600, 300.0, 300.0 + 3.0), (("b",), 20, 10, 0.0, 0.0)] == [
        (share.accounts, share.calls, share.more, share.seconds, share.seconds_at_most) for share in found.principals
    ]
    assert (1220, 610, 610, 300.0) == (found.calls, found.more, found.zones, found.seconds)
    assert NOW + timedelta(seconds=303) == found.ends_latest
    assert (600, 0, 0.0) == (bare.calls, bare.more, bare.seconds)


@pytest.mark.parametrize(
    ("zones", "follows", "expected"),
    [
        (("a.example", "b.example", "c.example"), FOLLOWED, 3),
        (("a.example", "b.example", "c.example"), frozenset({"MX"}), 3),
        (("a.example", "x.a.example", "y.a.example", "b.example"), frozenset({"DMARC"}), 1),
        (("a.example", "x.a.example"), frozenset(), 0),
        (("a.example",), FOLLOWED, 0),
    ],
)
async def test_zones_that_are_read_again_for_others(
    zones: tuple[str, ...], follows: frozenset[str], expected: int
) -> None:
    """At most all of them; for the DMARC policies of those above, these only; for none where nothing is followed."""
    service = Counted("v1")
    account = attrs.evolve(service.account, zones=zones)

    found = await estimate([account], service.opened, only=None, follows=follows, pace=None)

    assert (2 * len(zones), expected) == (found.calls, found.more)
    await service.http.aclose()


async def test_as_many_calls_as_may_come_on_top_do_where_all_lead_into_each_other() -> None:
    """Each zone is read once more and no more."""
    service = Counted("v1")
    names = [zone.zone_name for zone in service.emulator.perform(DEMO, ZoneLoadMulti()).objs]
    for name, other in zip(names, names[1:] + names[:1], strict=True):
        service.emulator.perform(DEMO, RecNew(name, "CNAME", "into-another-zone", f"www.{other}"))
    found = await estimate([service.account], service.opened, only=None, follows=FOLLOWED, pace=None)
    service.calls = 0

    async with service.opened(service.account) as client, cfclient.audit(client) as run:
        assert [None] * 3 == [zone.failure async for zone in run]

    assert found.calls + found.more == service.calls
    await service.http.aclose()


@pytest.mark.parametrize(
    ("latest", "later"),
    [(600.0, True), (300.0, False)],
)
def test_the_end_is_told_with_the_calls_that_may_come_on_top(latest: float, later: bool) -> None:
    """Where they make it later."""
    stream = io.StringIO()
    found = Estimate(
        principals=(),
        zones=1,
        calls=1,
        more=300,
        spent=0,
        records_per_page=180,
        seconds=300.0,
        ends=NOW + timedelta(seconds=300),
        ends_latest=NOW + timedelta(seconds=latest),
    )
    show(found, stream, as_json=False)

    assert later == ("; with all of those more in 10 min 0 s, at 2026-07-01 " in stream.getvalue())
    assert "1 call of 0 principals for 1 zone, up to 300 more for zones into which others lead, and more for" in (
        stream.getvalue()
    )


# -- the command --------------------------------------------------------------------------------------


def test_the_command_prints_it_and_starts_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A table or JSON on standard output; the file of -o is not touched."""
    path = tmp_path / "out.jsonl"

    codes = [cli.main(["audit", "--demo", "--estimate", "--format", "jsonl", "-o", str(path)])]
    table = capsys.readouterr().out
    codes.append(cli.main(["audit", "--demo", "--estimate", "--format", "json", "--ignore", "mail"]))
    found = json.loads(capsys.readouterr().out)

    assert [0, 0] == codes
    assert not path.exists()
    assert (
        "51 calls of 1 principal for 25 zones, up to 25 more for zones into which others lead, "
        "and more for zones of over 180 records"
    ) in table
    assert "demo@example.com" in table
    assert (51, 25, 0.0) == (found["calls"], found["zones"], found["seconds"])
    assert ["account"] == found["principals"][0]["accounts"]


def test_the_command_estimates_many_accounts(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """By the same options; two of one principal are one row."""
    path = tmp_path / "accounts.toml"
    tables = [f'[accounts.{name}]\nurl = "emulator:?zones=2"\n' for name in ("one", "two")]
    path.write_text("".join(tables))
    path.chmod(0o600)

    code = cli.main(["audit", "--accounts", str(path), "--estimate", "--format", "json"])
    (share,) = json.loads(capsys.readouterr().out)["principals"]

    assert (0, ["one", "two"], 4, 10) == (code, share["accounts"], share["zones"], share["calls"])


def test_an_estimate_of_what_is_left_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """It counts all zones."""
    assert 2 == cli.main(["audit", "--demo", "--estimate", "--resume", "-o", "x.jsonl"])
    assert "leave out --resume" in capsys.readouterr().err


# -- the pace -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "environment", "expected"),
    [
        (None, None, ("alone", None)),
        (None, "none", ("unpaced", None)),
        ("file:/b.db", "none", ("shared", "file")),
        ("none", "file:/b.db", ("unpaced", None)),
        (None, "redis://127.0.0.1:1/0", ("shared", "redis")),
    ],
)
def test_the_pace_on_the_command_line(
    option: str | None, environment: str | None, expected: tuple[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The option counts before the environment; without both, this program alone keeps to the limit."""
    if environment is not None:
        monkeypatch.setenv("CFCLIENT_PACE", environment)

    policy = options.Account(pace=option).policy()

    found = "unpaced" if policy is None else "alone" if policy.store is None else "shared"
    assert expected == (found, None if policy is None or policy.store is None else policy.store.kind)


@pytest.mark.parametrize("arguments", [["-o", "out.json"], ["--evidence", "-o", "folder"]])
def test_a_pace_that_is_none_is_refused_before_anything_is_touched(
    arguments: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what would be right."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CFCLIENT_URL", "emulator:?zones=1")

    assert 2 == cli.main(["audit", "--pace", "quick", *arguments])
    assert "expected file:/path/to/budget.db or redis://127.0.0.1:6379/0; on the command line --pace" in (
        capsys.readouterr().err
    )
    assert [] == list(tmp_path.iterdir())


# -- a wait for the limit -----------------------------------------------------------------------------


def test_a_wait_for_the_limit_is_shown_as_what_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the seconds that are left of it and how many calls wait; short waits are not worth a word."""
    monkeypatch.setattr("cfclient.output.time.monotonic", lambda: 1000.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

    def said(calls: int, seconds: float, *, shown: bool = True) -> str:
        with Progress(shown=shown, what="reading zones") as progress:
            progress.waits(Wait(principal="me", rate=Rate(1, 1.0), waiting=calls, seconds=seconds, held=False))
        return capsys.readouterr().err

    assert "waiting for the service's limit, 212 s, 48 calls" in said(48, 211.3)
    assert "waiting for the service's limit, 2 s, 1 call " in said(1, 2.0)
    assert "reading zones" in said(3, 0.4)
    assert "reading zones" in said(0, 0.0)
    assert "" == said(48, 211.3, shown=False)
    assert "waiting for the service's limit, 0 s, 2 calls" == waiting(990.0, 2)


@pytest.mark.parametrize("arguments", [["--format", "json", "-o", "out.json"], ["--evidence", "-o", "folder"]])
def test_an_audit_tells_its_progress_of_waits(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of one account and of many, over whatever is paced."""
    waits, used = list[Wait](), list[Pace | None]()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CFCLIENT_URL", "emulator:?zones=1")
    monkeypatch.setattr(Progress, "waits", lambda _, wait: waits.append(wait))

    def connecting(*positional: Any, pace: Pace | None = None, **named: Any) -> Any:
        used.append(pace)
        return cfclient.connect(*positional, **named)

    monkeypatch.setattr(options, "connect", connecting)
    # By this name the package has the function.
    monkeypatch.setattr(sys.modules["cfclient.audit.accounts"], "connect", connecting)
    cli.main(["audit", *arguments])
    capsys.readouterr()
    wait = Wait(principal="me", rate=Rate(1, 1.0), waiting=1, seconds=5.0, held=False)
    assert used[-1] is not None
    assert used[-1].hook is not None
    used[-1].hook(wait)

    assert [wait] == waits
