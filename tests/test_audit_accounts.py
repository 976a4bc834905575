"""Many accounts in one run: their file, and that nothing of one is taken for another's."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import trio
import trio.testing

import cfclient
from cfclient.audit import Fault, Rule, Severity, ZoneAudit
from cfclient.audit.accounts import AuditAccount, Step, audit_accounts, read_accounts
from cfclient.backend import Credentials
from cfclient.backends.emulator import DEMO, Emulator
from cfclient.errors import ConfigurationError, InvalidInput, MisusedClient, RateLimited

pytestmark = pytest.mark.anyio

ONE, TWO = Credentials("one@example.com", "key-one"), Credentials("two@example.com", "key-two")
RULE = Rule(
    id="size",
    severity=Severity.LOW,
    title="",
    why="",
    mend="",
    source="",
    check=lambda data: [Fault(f"{len(data.records)} records")],
)


def service(
    *, limit: tuple[int, float] | None = None, latency: float = 0.0, clock: Callable[[], float] = time.time
) -> Emulator:
    """Two accounts that both have the zone common.example, with other records in it."""

    def zone(name: str, records: int) -> dict[str, Any]:
        return {
            "zone_name": name,
            "records": [{"type": "TXT", "name": f"n{index}", "content": "x"} for index in range(records)],
        }

    accounts = [
        {"email": who.email, "key": who.token, "zones": zones}
        for who, zones in (
            (ONE, [zone("common.example", 1), zone("a.example", 3)]),
            (TWO, [zone("common.example", 2)]),
        )
    ]
    return Emulator.from_json({"accounts": accounts}, limit=limit, latency=latency, clock=clock)


def account(name: str, who: Credentials, emulator: Emulator, *zones: str) -> AuditAccount:
    return AuditAccount(name=name, url=emulator.connect, credentials=who, zones=zones or None)


async def audited(*accounts: AuditAccount, **options: Any) -> tuple[dict[tuple[str, str], ZoneAudit], list[str], Any]:
    """The zones by account and name, each once; the accounts in the order in which they are done; the run."""
    found: dict[tuple[str, str], ZoneAudit] = {}
    done: list[str] = []
    async with audit_accounts(accounts, rules=[RULE], **options) as run:
        async for step in run:
            if step.zone is None:
                done.append(step.account)
            else:
                assert (step.account, step.zone.zone) not in found
                found[step.account, step.zone.zone] = step.zone
    return found, done, run


# -- the run ------------------------------------------------------------------------------------------


async def test_a_zone_that_two_accounts_see_is_two() -> None:
    """Each with the records that its account sees."""
    emulator = service()
    found, done, run = await audited(account("one", ONE, emulator), account("two", TWO, emulator))

    assert {
        ("one", "common.example"): 1,
        ("one", "a.example"): 3,
        ("two", "common.example"): 2,
    } == {key: len(zone.records) for key, zone in found.items()}
    assert (["one", "two"], 3) == (sorted(done), run.total)
    assert {"one": (2, 4), "two": (1, 2)} == {
        name: (summary.zones_read, summary.records) for name, summary in run.summaries.items()
    }
    assert {"one": frozenset({"20801"}), "two": frozenset({"20801"})} == run.owners


async def test_two_views_of_one_account_are_audited_side_by_side() -> None:
    """The same zone once for each of them."""
    emulator = service()
    found, _, _ = await audited(
        account("all", ONE, emulator), account("some", ONE, emulator, "a.example"), skip={"all": {"a.example"}}
    )

    assert {("all", "common.example"), ("some", "a.example")} == found.keys()


async def test_an_account_that_cannot_be_listed_stops_no_other() -> None:
    """Its reason is kept, and it is done like the others."""
    emulator = service()
    wrong = Credentials("one@example.com", "wrong")
    found, done, run = await audited(account("wrong", wrong, emulator), account("two", TWO, emulator))

    assert {("two", "common.example")} == found.keys()
    assert ["two", "wrong"] == sorted(done)
    assert {"wrong": "zone_load_multi: Unknown token or email (E_UNAUTH)"} == run.failures
    assert ["two"] == list(run.summaries)


async def test_accounts_of_one_address_share_its_connections() -> None:
    """And what is known of the service's limits: one client is opened, whatever the number of accounts."""
    opened: Counter[str] = Counter()

    class Counted(Emulator):
        def connect(self, credentials: Credentials = DEMO) -> Any:
            opened[str(credentials.email)] += 1
            return super().connect(credentials)

    emulator = Counted.from_json(service().to_json())
    await audited(*(account(name, ONE, emulator) for name in ("a", "b", "c")))

    assert {"nobody@example.invalid": 1, "one@example.com": 3} == opened


async def test_so_many_accounts_at_a_time() -> None:
    """The others wait; all are done in the end."""
    running: set[str] = set()
    most = 0

    class Watched(Emulator):
        def perform(self, credentials: Credentials, action: Any) -> Any:
            nonlocal most
            most = max(most, len(running))
            return super().perform(credentials, action)

    emulator = Watched.from_json(service().to_json())
    accounts = [account(f"a{index}", TWO, emulator) for index in range(6)]
    done = []
    async with audit_accounts(accounts, at_once=2, rules=[RULE]) as run:
        async for step in run:
            done.append(step.account)
            (running.discard if step.zone is None else running.add)(step.account)

    assert {f"a{index}": 2 for index in range(6)} == Counter(done)
    assert 1 <= most <= 2


async def test_accounts_through_addresses() -> None:
    """As they stand in a file: each address is opened once."""
    found, _, _ = await audited(
        *(
            AuditAccount(name=name, url=f"emulator:?zones={zones}", credentials=DEMO)
            for name, zones in (("a", 2), ("b", 2), ("c", 1))
        )
    )

    assert {"a": 2, "b": 2, "c": 1} == Counter(name for name, _ in found)


async def test_a_fault_of_the_program_comes_as_itself() -> None:
    """As of an audit of one account."""

    class Broken:
        async def perform(self, _: object, /) -> Any:
            raise ZeroDivisionError

    accounts = [AuditAccount(name="broken", url=lambda _: Broken(), credentials=ONE)]
    with pytest.raises(ZeroDivisionError):
        async with audit_accounts(accounts, retry=None) as run:
            async for _ in run:
                pass


async def test_the_body_s_own_error_comes_as_itself() -> None:
    """And nothing runs on."""
    with pytest.raises(KeyError, match="mine"):
        async with audit_accounts([account("one", ONE, service(latency=30))]):
            raise KeyError("mine")


async def test_a_generator_around_the_block_can_be_closed_early() -> None:
    """As a streamed response is whose visitor left: quietly, with no group around the closing."""

    async def zones() -> AsyncGenerator[str, None]:
        async with audit_accounts([account("one", ONE, service(latency=0.2))], rules=[RULE]) as run:
            async for step in run:
                yield step.account

    async with aclosing(zones()) as stream:
        assert "one" == await anext(stream)


async def test_a_run_is_over_behind_its_block() -> None:
    """Nothing comes any more."""
    async with audit_accounts([account("one", ONE, service())], rules=[RULE]) as run:
        assert "one" == (await anext(run)).account

    with pytest.raises(MisusedClient, match="the block that audited the accounts was left"):
        await anext(run)


async def test_cancellation_ends_all_accounts() -> None:
    """Whatever they wait for."""
    with anyio.move_on_after(0.05) as scope:
        async with audit_accounts([account("one", ONE, service(latency=30))]) as run:
            async for _ in run:
                pytest.fail("nothing can be read yet")

    assert scope.cancelled_caught


@pytest.mark.parametrize("names", [[], ["one", "one"]])
async def test_wrong_accounts(names: list[str]) -> None:
    """None at all, and a name that comes twice."""
    with pytest.raises(InvalidInput, match="at least one, and each name once"):
        async with audit_accounts([account(name, ONE, service()) for name in names]):
            pytest.fail("the block was entered")


@pytest.mark.parametrize("name", ["", ".", "../up", "a/b", "a" * 65, "ä"])
def test_a_name_is_one_of_a_folder(name: str) -> None:
    """It cannot lead anywhere else."""
    with pytest.raises(ConfigurationError, match="expected a name of up to 64 letters"):
        account(name, ONE, service())


def test_the_face_hands_it_on() -> None:
    """`cfclient.audit_accounts` is the way in."""
    assert cfclient.audit_accounts is audit_accounts
    assert Step("a") == Step("a", None)


# -- the file -----------------------------------------------------------------------------------------


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_file_of_accounts(tmp_path: Path) -> None:
    """Keys from the environment, from a file beside it, or from itself."""
    written(tmp_path / "acme.key", "key-acme\n")
    path = written(
        tmp_path / "accounts.toml",
        """
        [accounts.acme]
        url = "https://v1.example.net/"
        email = "a@example.com"
        token_file = "acme.key"
        zones = ["a.example"]
        [accounts.token]
        url = "https://v1.example.net/"
        token_env = "THE_TOKEN"
        [accounts."my.own"]
        url = "https://v1.example.net/"
        email = "b@example.com"
        token = "key-own"
        [accounts.demo]
        url = "emulator:?zones=1"
        """,
    )
    url = "https://v1.example.net/"

    assert (
        AuditAccount(name="acme", url=url, credentials=Credentials("a@example.com", "key-acme"), zones=("a.example",)),
        AuditAccount(name="token", url=url, credentials=Credentials(None, "key-env")),
        AuditAccount(name="my.own", url=url, credentials=Credentials("b@example.com", "key-own")),
        AuditAccount(name="demo", url="emulator:?zones=1", credentials=DEMO),
    ) == read_accounts(path, environment={"THE_TOKEN": "key-env"})


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('url = "https://a/"\nkey = "secret"', "'key' is not as expected: known are url, email"),
        ("url = 1", "'url' is not as expected"),
        ('token = "secret"', "'url' is missing"),
        ('url = "https://a/"', "the key is missing: give token_env, token_file or token"),
        (
            'url = "https://a/"\ntoken = "secret"\ntoken_env = "X"',
            "token and token_env are given: one of them is enough",
        ),
        ('url = "https://a/"\ntoken_env = "X"', "the environment has no X"),
        ('url = "https://a/"\ntoken_file = "none"', "none cannot be read"),
        ('url = "https://a/"\ntoken = "secret"\nzones = []', "'zones' is not as expected: a list of names"),
        ('url = "https://a/"\ntoken = "secret"\nzones = [1]', "'zones' is not as expected: a list of names"),
    ],
)
def test_a_wrong_account(table: str, words: str, tmp_path: Path) -> None:
    """The error names the file, the account and what would be right, and holds no key."""
    path = written(tmp_path / "accounts.toml", f"[accounts.acme]\n{table}\n")
    with pytest.raises(ConfigurationError, match=r"accounts.toml: account 'acme': ") as caught:
        read_accounts(path, environment={})

    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "accounts = 1", "[accounts]", "[accounts]\na = 1"])
def test_a_file_without_accounts(text: str, tmp_path: Path) -> None:
    """It is said what is expected."""
    with pytest.raises(ConfigurationError, match=r"expected tables such as \[accounts.acme\]"):
        read_accounts(written(tmp_path / "accounts.toml", text))


def test_a_key_that_is_no_text(tmp_path: Path) -> None:
    """Neither the error nor what it keeps holds the file."""
    (tmp_path / "key").write_bytes(b"secret\xff")
    path = written(tmp_path / "accounts.toml", '[accounts.acme]\nurl = "https://a/"\ntoken_file = "key"\n')
    with pytest.raises(ConfigurationError, match="key cannot be read: it is no text") as caught:
        read_accounts(path)

    assert (None, None) == (caught.value.__cause__, caught.value.__context__)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """Not there, or no TOML."""
    with pytest.raises(ConfigurationError, match=r"accounts.toml cannot be read"):
        read_accounts(tmp_path / "accounts.toml")
    with pytest.raises(ConfigurationError, match=r"accounts.toml cannot be read"):
        read_accounts(written(tmp_path / "accounts.toml", "["))


@pytest.mark.parametrize(("mode", "number"), [(0o600, 0), (0o640, 2), (0o604, 2), (0o620, 2)])
def test_files_that_others_may_read_earn_a_warning(mode: int, number: int, tmp_path: Path) -> None:
    """Those that hold keys, and no others."""
    written(tmp_path / "key", "key-acme", mode)
    head = '[accounts.acme]\nurl = "https://a/"\n'
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        read_accounts(written(tmp_path / "one.toml", f'{head}token = "k"', mode))
        read_accounts(written(tmp_path / "two.toml", f'{head}token_file = "key"', mode))
        read_accounts(written(tmp_path / "three.toml", f'{head}token_env = "K"', 0o644), environment={"K": "k"})

    assert number == len(told)
    for one in told:
        assert "holds a key, and other users of this machine can read it" in str(one.message)


# -- the limits ---------------------------------------------------------------------------------------


def test_accounts_of_one_principal_share_its_budget() -> None:
    """The service never refuses a call, and another principal does not wait for the first one's budget."""
    refused: list[str] = []

    async def main() -> dict[str, float]:
        ended: dict[str, float] = {}
        emulator = service(limit=(10, 60.0), clock=trio.current_time)

        perform = emulator.perform

        def watched(credentials: Credentials, action: Any) -> Any:
            try:
                return perform(credentials, action)
            except RateLimited as error:
                refused.append(str(error))
                raise

        emulator.perform = watched  # type: ignore[method-assign]  # to see what is refused
        began = trio.current_time()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(cfclient.gateway(emulator.connect))) as http:
            url = "https://v1.example.net/api_json.html"
            accounts = [
                *(AuditAccount(name=f"one-{index}", url=url, credentials=ONE) for index in range(4)),
                AuditAccount(name="two", url=url, credentials=TWO),
            ]
            pace = cfclient.Pace(calls=10, seconds=60.0, egress=None)
            async with audit_accounts(accounts, rules=[RULE], http=http, retry=None, pace=pace) as run:
                async for step in run:
                    if step.zone is None:
                        ended[step.account] = trio.current_time() - began
                assert {} == run.failures
                assert all(summary.complete for summary in run.summaries.values())
        return ended

    ended = trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))

    # Four times five calls of ten in a minute for the first principal, three calls for the second.
    assert [] == refused
    assert ended["two"] < 60 <= max(ended.values())
