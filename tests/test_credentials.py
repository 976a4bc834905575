"""Who asks: a key as text, a key from a callable, and an API token without an e-mail address."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable
from typing import Any, cast

import httpx
import pytest
import respx

import cfclient
from cfclient import wire
from cfclient.backend import Credentials
from cfclient.backends.emulator import DEMO
from cfclient.errors import ConfigurationError

pytestmark = pytest.mark.anyio

URL = "https://v1.example/api_json.html"
KEY = "an-api-key-of-37-characters-or-so"


class Vault:
    """Gives another key each time."""

    def __init__(self) -> None:
        self.given: list[str] = []

    def key(self) -> str:
        self.given.append(f"{KEY}-{len(self.given)}")
        return self.given[-1]

    async def later(self) -> str:
        return self.key()


@pytest.mark.parametrize("way", [Vault.key, Vault.later])
async def test_a_callable_is_asked_for_the_key_before_each_exchange(
    way: Callable[[Vault], str | Awaitable[str]],
) -> None:
    """Sync or async; and what it gave is hidden like any key."""
    vault = Vault()
    with respx.mock:
        route = respx.post(URL).mock(
            side_effect=lambda request: httpx.Response(
                200, json={"result": "error", "msg": f"no: {wire.pairs(request.content)['tkn']}"}
            )
        )
        async with cfclient.connect(URL, email="a@example.com", token=lambda: way(vault), retry=None) as cf:
            with pytest.raises(cfclient.ApiError, match=r"no: \*\*\*"):
                await cf.stats("example.com")
            with pytest.raises(cfclient.ApiError, match=r"no: \*\*\*") as caught:
                await cf.stats("example.com")
        sent = [wire.pairs(call.request.content)["tkn"] for call in route.calls]

    assert vault.given == sent
    assert KEY not in "".join(traceback.format_exception(caught.value))


async def _broken() -> str:
    raise OSError("the vault is sealed")


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (_broken, r"the callable that gives the key failed \(OSError\)"),
        (lambda: None, "the key cannot be used: expected text"),
        (lambda: "", "the key cannot be used: expected text"),
        (lambda: KEY + "\n", "the key cannot be used: expected text"),
        (lambda: lambda: KEY, "gave another callable"),
    ],
)
async def test_a_callable_that_fails_is_a_setting_that_is_wrong(token: Any, words: str) -> None:
    """Told without a word of what it gave; its own error is the cause, without its frames."""
    with pytest.raises(ConfigurationError, match=words) as caught:
        await Credentials("a@example.com", token).settled()

    cause = caught.value.__cause__
    assert KEY not in str(caught.value)
    assert cause is None or (("the vault is sealed",), None) == (cause.args, cause.__traceback__)


async def test_the_emulator_takes_a_callable_too() -> None:
    """And knows no account without an e-mail address."""
    async with cfclient.connect("emulator:?zones=1", email=DEMO.email, token=lambda: DEMO.key) as cf:
        assert 1 == len(await cf.zones().all())
        with pytest.raises(cfclient.Unauthorized):
            await cf.acting_as(Credentials(None, DEMO.key)).zone_load_multi()


async def test_version_1_knows_no_tokens() -> None:
    """Refused when the client is made, with what would be right."""
    async with cfclient.connect(URL, email="a@example.com", token=KEY) as cf:
        with pytest.raises(ConfigurationError, match=r"version 1 knows no API tokens: give email= .*/client/v4"):
            cf.acting_as(Credentials(None, KEY))


def test_the_principal_is_who_it_is_without_the_key() -> None:
    """The same for the same user, another for another."""

    def give() -> str:
        return KEY

    given = [
        Credentials("a@example.com", KEY),
        Credentials("a@example.com", give),
        Credentials(None, KEY),
        Credentials(None, give),
        Credentials(None, "other"),
    ]
    principals = [credentials.principal for credentials in given]

    assert principals == [credentials.principal for credentials in given]
    assert ["a@example.com", "a@example.com"] == principals[:2]
    assert 4 == len(set(principals))
    assert KEY not in f"{principals} {given}"


def test_the_key_of_a_callable_is_known_to_settled_only() -> None:
    """Whoever wants it as text is told so."""
    with pytest.raises(ConfigurationError, match="known only to `await settled"):
        _ = Credentials("a@example.com", lambda: KEY).key


@pytest.mark.parametrize("email", [7, b"a@example.com"])
def test_an_address_is_text_or_none(email: object) -> None:
    """Nothing else."""
    with pytest.raises(ConfigurationError, match="the e-mail address cannot be used"):
        Credentials(cast("Any", email), KEY)
