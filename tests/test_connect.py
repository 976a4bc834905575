"""One address to a ready client: where settings come from, and what a client is once it is open or closed."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast

import anyio
import pytest

import cfclient
from cfclient.backend import Credentials
from cfclient.backends.emulator import DEMO
from cfclient.connect import V4_URL, config_path, emulator_at, settings
from cfclient.errors import ConfigurationError, MisusedClient
from tests.v4fake import ACCOUNT, Fake

URL = "https://v1.example/api_json.html"


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty environment, and where a configuration file would be."""
    names = ("CFCLIENT_URL", "CFCLIENT_EMAIL", "CFCLIENT_TOKEN", "CFCLIENT_PROFILE", "CFCLIENT_PACE")
    for name in (*names, "CLOUDFLARE_EMAIL", "CLOUDFLARE_API_KEY", "CLOUDFLARE_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = tmp_path / "cfclient" / "config.toml"
    path.parent.mkdir()
    return path


PROFILES = """
[profiles.default]
url = "https://stored.example/"
email = "stored@example.com"
token = "stored"

[profiles.work]
url = "https://work.example/"
email = "work@example.com"
token = "work"
"""


# -- settings -----------------------------------------------------------------------------------------


def test_settings_come_from_arguments_then_environment_then_profile(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the three for itself."""
    config.write_text(PROFILES)
    monkeypatch.setenv("CFCLIENT_EMAIL", "env@example.com")

    found = settings(token="given")

    assert "https://stored.example/" == found.url
    assert Credentials("env@example.com", "given") == found.credentials
    assert "given" not in repr(found)


@pytest.mark.parametrize("text", ["[profiles", "\xff"])
def test_the_file_is_not_read_where_nothing_is_looked_for_in_it(config: Path, text: str) -> None:
    """A broken one then breaks nothing."""
    config.write_text(text)

    assert URL == settings(URL, email="a@example.com", token="k").url
    assert "emulator:" == settings("emulator:").url


def test_a_machine_without_a_home_has_no_profiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose user is a bare number."""
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)

    with pytest.raises(ConfigurationError, match="no token is given"):
        settings()


@pytest.mark.parametrize(
    ("email", "token"), [("a@example.com", "k\ud800"), ("a@example.com", "k\n"), ("a\x00", "k"), ("", "k")]
)
def test_what_cannot_be_a_credential_is_refused_without_a_word_of_it(email: str, token: str) -> None:
    """It may be the key."""
    with pytest.raises(ConfigurationError, match="cannot be used: expected text, not empty") as caught:
        Credentials(email, token)

    assert [] == [part for part in (email, token) if len(part) > 1 and part in str(caught.value)]


@pytest.mark.parametrize("url", [URL, V4_URL])
def test_a_setting_that_cannot_be_used_is_told_by_its_place(
    url: str, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that ends in a newline looks right wherever it is printed."""
    config.write_text("[profiles.default]\nemail = 'a@example.com'\n")
    monkeypatch.setenv("CFCLIENT_TOKEN", "sesame\n")

    with pytest.raises(ConfigurationError, match=r"^the key cannot be used: .* key: CFCLIENT_TOKEN\)$") as caught:
        settings(url)

    assert "sesame" not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.anyio
async def test_an_emulator_is_given_by_its_connect() -> None:
    """Said to those who give the emulator itself."""
    with pytest.raises(ConfigurationError, match="got Emulator: give its `connect`"):
        async with cfclient.connect(cast("Any", cfclient.emulator(zones=1))):
            pass


@pytest.mark.parametrize(
    ("option", "value"),
    [("zones", -1), ("zones", "x"), ("zones", None), ("seed", "x"), ("page_size", "x"), ("limit", 5), ("latency", "x")],
)
def test_an_emulator_s_option_is_refused_by_name(option: str, value: Any) -> None:
    """As in its address."""
    given: dict[str, Any] = {option: value}

    with pytest.raises(cfclient.CloudflareError, match=f"^{option}"):
        cfclient.emulator(**given)


@pytest.mark.anyio
async def test_an_address_is_text_or_a_connect() -> None:
    """Bytes are neither."""
    with pytest.raises(ConfigurationError, match="url: expected an address or a connect, got bytes"):
        async with cfclient.connect(cast("Any", b"https://a.example/")):
            pass


@pytest.mark.anyio
async def test_only_actions_are_performed() -> None:
    """Said by what would be one."""
    async with cfclient.connect("emulator:?zones=1") as cf:
        for way in (cf.perform, cf.raw):
            for thing in ("stats", cfclient.actions.Stats):
                with pytest.raises(cfclient.InvalidInput, match=r"action=.* is not valid: expected an action such as"):
                    await way(cast("Any", thing))


@pytest.mark.anyio
@pytest.mark.parametrize("who", [None, "you@example.com", ("you@example.com", "secret")])
async def test_only_credentials_are_acted_as(who: Any) -> None:
    """Said at once, and without a word of what was given: it may be the key."""
    async with cfclient.connect("emulator:?zones=1") as cf:
        with pytest.raises(ConfigurationError, match=r"expected cfclient.Credentials\(email, token\), got") as caught:
            cf.acting_as(who)

    assert "secret" not in str(caught.value)


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["url", "email", "token", "profile"])
async def test_an_empty_setting_is_no_setting_left_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that a program reads and that is empty must not turn into another account's key."""
    monkeypatch.setenv("CFCLIENT_TOKEN", "somebody-else-s")
    given: dict[str, Any] = {name: ""}

    with pytest.raises(ConfigurationError, match=f"^{name} is empty: leave it out, or give None, to have it"):
        async with cfclient.connect(**given):
            pass


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("retry", 5, "retry=5 is not valid: expected a cfclient.Retry, or None to ask once"),
        ("retry", False, "retry=False is not valid"),
        ("bounds", None, "bounds=None is not valid: expected a cfclient.Bounds"),
        ("principal", "", "principal='' is not valid: expected a name, or None"),
        ("principal", 5, "principal=5 is not valid"),
    ],
)
@pytest.mark.parametrize("url", ["https://v1.example/api_json.html", "emulator:?zones=1"])
async def test_what_is_no_policy_is_refused_when_the_client_is_opened(
    url: str, option: str, value: Any, words: str
) -> None:
    """Not by an error of Python's, and not by the first call."""
    given: dict[str, Any] = {option: value}

    with pytest.raises(ConfigurationError, match=re.escape(words)):
        async with cfclient.connect(url, email="a@example.com", token="k", **given):
            pass


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("emulator", "'emulator' is not an address: expected one such as https://api.cloudflare.com/client/v4"),
        ("v1.example/api_json.html", "is not an address"),
        (
            "https://api.cloudflare.com/client/v4/zones",
            "no email is given: pass email=, or set CFCLIENT_EMAIL, or put `email` into a profile of ",
        ),
        ("https://api.cloudflare.com", "an API token alone is for an address that ends in /client/v4"),
    ],
)
def test_an_address_that_is_nearly_right_is_told(url: str, words: str, config: Path) -> None:
    """In words that fit an API token, which is what most have."""
    with pytest.raises(ConfigurationError, match=re.escape(words)):
        settings(url, token="k")


@pytest.mark.anyio
@pytest.mark.parametrize("given", [{"token": "ключ"}, {"email": "ü@example.com", "token": "k"}])
async def test_what_no_header_can_carry_is_refused_at_once(given: dict[str, Any]) -> None:
    """Today's Cloudflare takes credentials in headers; it was asked four times, and never got a request."""
    with pytest.raises(ConfigurationError, match=r"cannot be used: expected .*ASCII"):
        async with cfclient.connect("https://api.cloudflare.com/client/v4", **given):
            pass


def test_a_profile_is_chosen_by_argument_or_environment(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The argument counts where both are given."""
    config.write_text(PROFILES)

    monkeypatch.setenv("CFCLIENT_PROFILE", "work")
    by_environment, by_argument = settings(), settings(profile="default")

    assert ("https://work.example/", "https://stored.example/") == (by_environment.url, by_argument.url)


@pytest.fixture
def narrow(config: Path) -> None:
    """A profile with an account."""
    config.write_text(f"[profiles.default]\ntoken = 'x'\naccount = '{ACCOUNT}'\n")
    config.chmod(0o600)


@pytest.mark.parametrize(
    ("given", "account"),
    [
        ({}, ACCOUNT),
        ({"token": "another"}, None),
        ({"token": "another", "profile": "default"}, ACCOUNT),
        ({"url": f"{V4_URL}?account={'b' * 32}"}, None),
    ],
)
@pytest.mark.usefixtures("narrow")
def test_a_profile_s_account_goes_with_its_key(given: dict[str, Any], account: str | None) -> None:
    """With another key where the profile is named only; what the address says comes first."""
    assert account == settings(**given).account


def test_a_profile_that_only_the_environment_names_narrows_no_other_key(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that is given goes its own way, unless it is the profile's; one that is looked for is of the profile."""
    config.write_text(f"[profiles.work]\ntoken = 'x'\naccount = '{ACCOUNT}'\n")
    monkeypatch.setenv("CFCLIENT_PROFILE", "work")

    assert settings(token="another").account is None
    assert ACCOUNT == settings(token="x").account == settings().account
    assert ACCOUNT == settings(token="another", profile="work").account


@pytest.mark.parametrize(
    "given",
    [
        {"url": V4_URL, "token": "x"},
        {"url": V4_URL, "email": "a@example.com", "token": "x"},
        {"url": "https://a.example/api_json.html", "email": "a@example.com", "token": "x"},
        {"url": "emulator:"},
    ],
)
def test_a_profile_that_only_the_environment_names_need_not_be_there(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing is looked for in it."""
    monkeypatch.setenv("CFCLIENT_PROFILE", "gone")

    assert given["url"] == settings(**given).url
    with pytest.raises(ConfigurationError, match="there is no profile 'away'"):
        settings(**given, profile="away")


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"token": "x"},
        {"url": V4_URL, "email": "a@example.com"},
        {"url": "https://a.example/api_json.html", "token": "x"},
    ],
)
def test_a_profile_that_something_is_looked_for_in_has_to_be_there(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where only the environment names it."""
    monkeypatch.setenv("CFCLIENT_PROFILE", "gone")

    with pytest.raises(ConfigurationError, match="there is no profile 'gone'"):
        settings(**given)


@pytest.mark.anyio
@pytest.mark.usefixtures("narrow")
async def test_a_profile_s_account_narrows() -> None:
    """As the argument does, which comes first."""
    fake = Fake()
    for account in (None, "b" * 32):
        async with cfclient.connect(http=cast("Any", fake), account=account, pace=None) as cf:
            await cf.zone_load_multi()

    assert [ACCOUNT, "b" * 32] == [line.partition("account.id=")[2][:32] for line in fake.lines]


@pytest.mark.parametrize(
    ("given", "variable", "expected"),
    [
        ({}, None, "file:/profile.db"),
        ({}, "none", "none"),
        ({"token": "t", "email": "a@example.com"}, None, "file:/profile.db"),
        ({"token": "t", "email": "a@example.com", "url": URL}, None, None),
        ({"token": "t", "email": "a@example.com", "url": URL}, "file:/variable.db", "file:/variable.db"),
        ({"token": "t", "email": "a@example.com", "url": URL, "profile": "default"}, None, "file:/profile.db"),
    ],
)
def test_the_pace_comes_from_the_environment_then_from_a_profile_that_counts(
    given: dict[str, Any], variable: str | None, expected: str | None, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of which nothing is taken does not count, unless it is named."""
    config.write_text(PROFILES.replace('token = "stored"', 'token = "stored"\npace = "file:/profile.db"'))
    if variable is not None:
        monkeypatch.setenv("CFCLIENT_PACE", variable)

    assert expected == settings(**given).pace


@pytest.fixture
def paced(config: Path, tmp_path: Path) -> None:
    """A profile with a store."""
    config.write_text(f"[profiles.default]\ntoken = 'x'\npace = 'file:{tmp_path}/budget.db'\n")
    config.chmod(0o600)


@pytest.mark.anyio
async def test_a_configured_pace_is_kept_to_unless_another_is_given(
    paced: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is shared by the clients that nobody told otherwise; an unpaced client knows no budget."""

    async def left(**options: Any) -> int | None:
        async with cfclient.connect(http=cast("Any", Fake()), **options) as cf:
            await cf.zone_load_multi()
            budget = await cf.budget()
            return None if budget is None else budget.left

    shared, again = await left(), await left()
    given = await left(pace=cfclient.Pace(calls=10)), await left(pace=None)
    monkeypatch.setenv("CFCLIENT_PACE", "none")

    assert (1199, 1198, (7, None), None) == (shared, again, given, await left())


@pytest.mark.anyio
async def test_a_configured_pace_that_is_none_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the client is opened, with what would be right."""
    monkeypatch.setenv("CFCLIENT_PACE", "quick")

    with pytest.raises(ConfigurationError, match="pace: 'quick' is not valid: expected file:/path"):
        async with cfclient.connect(token="x"):
            pass


@pytest.mark.parametrize(
    ("given", "missing", "variable"),
    [
        ({"url": URL}, "email", "CFCLIENT_EMAIL"),
        ({"url": URL, "email": "a@example.com"}, "token", "CFCLIENT_TOKEN"),
        ({"url": URL, "token": "x"}, "email", "CFCLIENT_EMAIL"),
    ],
)
def test_a_missing_setting_names_all_three_places(
    config: Path, given: dict[str, Any], missing: str, variable: str
) -> None:
    """For version 1 both are needed."""
    with pytest.raises(ConfigurationError) as caught:
        settings(**given)

    expected = (
        f"no {missing} is given: pass {missing}=, or set {variable}, or put `{missing}` into a profile of {config}"
    )
    assert expected == str(caught.value).partition("; ")[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[profiles", "cannot be read"),
        ("profiles = 1", r"expected tables such as \[profiles.default\]"),
        ("[profiles]\ndefault = 1", r"expected tables such as \[profiles.default\]"),
        (
            "[profiles.default]\nkey = 'x'",
            "profile 'default' has 'key': expected url, email, token, token_keyring, account, pace$",
        ),
        ("[profiles.default]\ntokne = 'x'", r"account, pace \(did you mean 'token'\?\)"),
        ("[profiles.default]\ntoken = 1", "profile 'default' has 'token' that is not valid: expected text in quotes"),
        (
            "[profiles.default]\ntoken_keyring = 'x'",
            "profile 'default' has 'token_keyring' that is not valid: expected true or false",
        ),
        ("[profiles.default]\ntoken_keyring = true\ntoken = 'x'", "token and token_keyring: one of them is enough"),
    ],
)
def test_a_bad_configuration_file_is_told_by_its_path(config: Path, text: str, words: str) -> None:
    """And by what is wrong in it."""
    config.write_text(text)

    with pytest.raises(ConfigurationError, match=words) as caught:
        settings()

    assert str(config) in str(caught.value)


def test_an_unreadable_configuration_file_names_the_next_step(config: Path) -> None:
    """That of another user, who may be root: the error is one line and says what to do."""
    config.write_text("[profiles.default]\ntoken = 'x'")
    config.chmod(0)
    former = os.geteuid()
    reason = f"{config} cannot be read: Permission denied; let this user read it (ls -ld {config} shows whose it is)"

    try:
        if former == 0:  # pragma: no cover  root may read everything
            os.seteuid(65534)
        with pytest.raises(ConfigurationError, match=re.escape(reason)):
            settings()
    finally:
        os.seteuid(former)


@pytest.mark.parametrize(
    "option",
    [
        {"profile": "work"},
        {"account": ACCOUNT},
        {"http": "aiohttp"},
        {"trust_env": True},
        {"bounds": cfclient.Bounds(size=1)},
        {"allow_plain_http": True},
        {"principal": "me"},
    ],
    ids=str,
)
@pytest.mark.anyio
async def test_an_option_that_means_nothing_is_refused(option: dict[str, Any]) -> None:
    """Beside a connect, which knows its own address and asks as it likes."""
    (name,) = option

    with pytest.raises(ConfigurationError, match=f"^{name}= means nothing beside a connect"):
        async with cfclient.connect(cfclient.emulator().connect, **option):
            pass


def test_an_unknown_profile_is_told_with_those_that_are_there(config: Path) -> None:
    """Or with none."""
    with pytest.raises(ConfigurationError, match=r"there is no profile 'home' .*\(profiles there: none\)"):
        settings(profile="home")
    config.write_text(PROFILES)
    with pytest.raises(ConfigurationError, match=r"\(profiles there: default, work\)"):
        settings(profile="home")


@pytest.mark.parametrize(
    ("platform", "variable", "value", "expected"),
    [
        ("linux", "XDG_CONFIG_HOME", None, "~/.config"),
        ("linux", "XDG_CONFIG_HOME", "/etc/x", "/etc/x"),
        ("darwin", "HOME", "/home/me", "/home/me/Library/Application Support"),
        ("win32", "APPDATA", "/home/me/Roaming", "/home/me/Roaming"),
        ("win32", "APPDATA", None, "~/AppData/Roaming"),
    ],
)
def test_the_file_is_where_the_platform_keeps_such_files(
    monkeypatch: pytest.MonkeyPatch, platform: str, variable: str, value: str | None, expected: str
) -> None:
    """On Linux, macOS and Windows."""
    monkeypatch.setattr(sys, "platform", platform)
    if value is None:
        monkeypatch.delenv(variable, raising=False)
    else:
        monkeypatch.setenv(variable, value)

    assert Path(expected).expanduser() / "cfclient" / "config.toml" == config_path()


# -- today's Cloudflare -------------------------------------------------------------------------------

TODAY = "https://api.cloudflare.com/client/v4"


def test_without_an_address_it_is_today_s_cloudflare(config: Path) -> None:
    """A key alone is an API token; with an e-mail address it is the global key."""
    assert (TODAY, Credentials(None, "t")) == (settings(token="t").url, settings(token="t").credentials)
    assert Credentials("a@example.com", "k") == settings(email="a@example.com", token="k").credentials
    with pytest.raises(ConfigurationError) as caught:
        settings()

    assert (
        "no token is given: pass token=, or set CFCLIENT_TOKEN, "
        f"or put `token` into a profile of {config}, or set CLOUDFLARE_API_TOKEN"
    ) == str(caught.value)


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        (({"token": "t"}, {"CFCLIENT_EMAIL": "e@x"}, {}), (None, "t")),
        (({"token": "t"}, {}, {"email": "p@x", "token": "p"}), (None, "t")),
        (({"email": "a@x"}, {"CFCLIENT_TOKEN": "e"}, {"email": "p@x"}), ("a@x", "e")),
        (({}, {"CFCLIENT_TOKEN": "e"}, {"email": "p@x"}), (None, "e")),
        (({}, {"CFCLIENT_EMAIL": "e@x"}, {"token": "p"}), ("e@x", "p")),
        (({}, {}, {"email": "p@x", "token": "p"}), ("p@x", "p")),
        (({}, {"CLOUDFLARE_API_TOKEN": "c"}, {}), (None, "c")),
        (({}, {"CLOUDFLARE_API_TOKEN": "c", "CLOUDFLARE_API_KEY": "k", "CLOUDFLARE_EMAIL": "c@x"}, {}), (None, "c")),
        (({}, {"CLOUDFLARE_API_KEY": "k", "CLOUDFLARE_EMAIL": "c@x"}, {}), ("c@x", "k")),
        (({"email": "a@x"}, {"CLOUDFLARE_API_TOKEN": "c", "CLOUDFLARE_API_KEY": "k"}, {}), ("a@x", "k")),
        (({}, {"CLOUDFLARE_API_TOKEN": "c", "CFCLIENT_TOKEN": "e"}, {}), (None, "e")),
    ],
)
def test_an_address_counts_beside_the_key_or_before_it(
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
    places: tuple[dict[str, Any], dict[str, str], dict[str, str]],
    expected: tuple[str | None, str],
) -> None:
    """What Cloudflare's own SDK reads comes last."""
    given, environment, profile = places
    config.write_text("[profiles.default]\n" + "\n".join(f'{key} = "{value}"' for key, value in profile.items()))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert Credentials(*expected) == settings(TODAY, **given).credentials


def test_a_key_without_an_address_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the SDK's own variables go to no version 1."""
    monkeypatch.setenv("CLOUDFLARE_API_KEY", "k")
    with pytest.raises(ConfigurationError, match="CLOUDFLARE_API_KEY is set, and no e-mail address"):
        settings()
    monkeypatch.setenv("CLOUDFLARE_EMAIL", "c@example.com")
    with pytest.raises(ConfigurationError, match="no email is given"):
        settings(URL)


@pytest.mark.anyio
async def test_an_address_that_ends_in_client_v4_is_today_s_cloudflare() -> None:
    """Wherever it is served, narrowed to an account or not."""
    for url in (None, TODAY, f"{TODAY}/", f"{TODAY}?account=a1", "http://127.0.0.1:8080/client/v4"):
        async with cfclient.connect(url, token="t") as cf:
            assert "<V4 " in repr(cf)
    async with cfclient.connect("https://example.com/client/v4x", email="a@example.com", token="t") as cf:
        assert "<V1 " in repr(cf)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("url", "options", "words"),
    [
        (f"{TODAY}?colour=red", {}, "'colour' is no option of it: expected account or lists"),
        (f"{TODAY}?account=a/b", {}, "account='a/b' is not valid"),
        (f"{TODAY}?lists=mine", {}, "lists='mine' is not valid"),
        ("http://example.com/client/v4", {}, "would send the API key unencrypted"),
        (URL, {"account": "a1"}, "account= narrows today's Cloudflare"),
        ("emulator:", {"account": "a1"}, "account= narrows today's Cloudflare"),
    ],
)
async def test_a_bad_address_of_today_s_cloudflare_is_told(url: str, options: Any, words: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ConfigurationError, match=words):
        async with cfclient.connect(url, email="a@example.com", token="t", **options):
            pass


# -- the emulator's address ---------------------------------------------------------------------------


def test_an_emulator_has_credentials_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a real account, which the environment may hold, are none of its business."""
    monkeypatch.setenv("CFCLIENT_EMAIL", "real@example.com")
    monkeypatch.setenv("CFCLIENT_TOKEN", "real")
    monkeypatch.setenv("CFCLIENT_URL", "emulator:")

    assert DEMO == settings().credentials
    assert Credentials("a@example.com", "b") == settings(email="a@example.com", token="b").credentials


@pytest.mark.anyio
async def test_an_address_describes_the_emulator() -> None:
    """The same seed makes the same account."""
    async with cfclient.connect("emulator:?zones=4&seed=7&page_size=3&limit=none&latency=1") as cf:
        first = await cf.zone_load_multi()
        names = [zone.zone_name async for zone in cf.zones()]
    async with cfclient.connect(cfclient.emulator(zones=4, seed=7).connect) as cf:
        again = [zone.zone_name async for zone in cf.zones()]

    assert (3, True) == (first.count, first.has_more)
    assert 4 == len(names)
    assert names == again


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("emulator://x", "is not an emulator's address: expected one such as emulator:"),
        ("emulator:x", "is not an emulator's address"),
        ("emulator:#x", "is not an emulator's address"),
        ("emulator:?zones=x", "zones='x' is not valid: expected a whole number of at least 0"),
        ("emulator:?page_size=0", "page_size='0' is not valid: expected a whole number of at least 1"),
        ("emulator:?limit=10", "limit='10' is not valid: expected calls/seconds such as 1200/300, or none"),
        ("emulator:?limit=x/1", "limit='x/1' is not valid"),
        ("emulator:?latency=-1", "latency='-1' is not valid"),
        ("emulator:?colour=red", "colour='red' is not valid: expected one of zones, seed"),
        ("emulator:?face=v2", "face='v2' is not valid: expected v1 or v4"),
    ],
)
def test_a_bad_emulator_s_address_is_told_by_its_option(url: str, words: str) -> None:
    """With what would be right."""
    with pytest.raises(ConfigurationError, match=words):
        emulator_at(url)


@pytest.mark.anyio
async def test_an_emulator_is_asked_as_todays_cloudflare_too() -> None:
    """The same zones with today's ids, by its key or by its API token; what is retired is refused by name."""
    async with cfclient.connect("emulator:?zones=3&seed=7") as cf:
        old = [zone.zone_name async for zone in cf.zones()]
    async with cfclient.connect("emulator:?zones=3&seed=7&face=v4") as cf:
        zones = [zone async for zone in cf.zones()]
        with pytest.raises(cfclient.Unsupported, match="minify"):
            await cf.minify(old[0], 0)
        left = await cf.budget()
    async with cfclient.connect("emulator:?zones=3&seed=7&face=v4", token="demo-token", http="aiohttp") as cf:
        by_token = [zone.zone_id async for zone in cf.zones()]
    async with cfclient.connect("emulator:?face=v4", email="a@example.com", token="wrong", retry=None) as cf:
        with pytest.raises(cfclient.Unauthorized):
            await cf.zone_load_multi()

    assert old == [zone.zone_name for zone in zones]
    assert by_token == [zone.zone_id for zone in zones]
    assert [32] * 3 == [len(ident) for ident in by_token]
    assert left is not None
    assert 1200 == left.limit


@pytest.mark.anyio
async def test_a_bad_face_is_told_by_connect() -> None:
    """Before anything is asked."""
    with pytest.raises(ConfigurationError, match="face='v5' is not valid"):
        async with cfclient.connect("emulator:?face=v5"):
            pass


@pytest.mark.anyio
async def test_a_limit_in_the_address_holds() -> None:
    """So many calls in so many seconds."""
    async with cfclient.connect("emulator:?zones=1&limit=2/60", retry=None) as cf:
        await cf.zone_load_multi()
        await cf.zone_load_multi()
        with pytest.raises(cfclient.RateLimited):
            await cf.zone_load_multi()


# -- a client's life ----------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_closed_client_says_so() -> None:
    """In every way of asking."""
    async with cfclient.connect("emulator:?zones=1") as cf:
        pass

    ways: list[Any] = [
        cf.zone_load_multi,
        lambda: cf.raw(cfclient.actions.ZoneLoadMulti()),
        lambda: cf.zones().all(),
        lambda: cf.perform_all([cfclient.actions.ZoneLoadMulti()]),
    ]
    for way in ways[:3]:
        with pytest.raises(MisusedClient, match="this client is closed: open a new one"):
            await way()
    (outcome,) = await ways[3]()
    assert isinstance(outcome.error, MisusedClient)
    with pytest.raises(MisusedClient):
        cf.acting_as(DEMO)
    assert repr(cf).endswith(", closed>")


def test_another_event_loop_is_a_clear_error() -> None:
    """A second asyncio.run over one client, and a loop of another library."""
    cf = cfclient.Client(cfclient.emulator(zones=1).connect())

    async def first() -> None:
        await cf.zone_load_multi()

    async def second() -> None:
        with pytest.raises(MisusedClient, match="was opened in another event loop"):
            await cf.zone_load_multi()

    asyncio.run(first())
    asyncio.run(second())
    anyio.run(second, backend="trio")


def test_a_block_that_was_not_entered_says_so() -> None:
    """Instead of naming a class of Python's that has no such attribute."""
    block: Any = cfclient.connect("emulator:?zones=1")

    with pytest.raises(
        AttributeError, match=r"a block: `async with cfclient.connect\(\.\.\.\) as cf:`, and then `cf.zones`"
    ):
        block.zones()
    assert not hasattr(block, "zones")


@pytest.mark.anyio
async def test_a_block_is_entered_once() -> None:
    """A second time is told, while it is open and after."""
    block = cfclient.connect("emulator:?zones=1")

    async with block as cf:
        with pytest.raises(MisusedClient, match=r"was entered already: call cfclient.connect\(\.\.\.\) again"):
            await block.__aenter__()
        assert 1 == len(await cf.zones().all())
    with pytest.raises(MisusedClient, match="was entered already"):
        async with block:
            pass


@pytest.mark.anyio
async def test_a_client_lives_as_long_as_an_object() -> None:
    """By an exit stack; it may be closed in another task than it was opened in, as fixtures are."""
    stack = AsyncExitStack()
    opened: list[cfclient.Client] = []

    async def open_it() -> None:
        opened.append(await stack.enter_async_context(cfclient.connect("emulator:?zones=1")))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(open_it)
    assert 1 == len(await opened[0].zones().all())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stack.aclose)

    with pytest.raises(MisusedClient, match="is closed"):
        await opened[0].zone_load_multi()


def test_no_event_loop_is_a_clear_error() -> None:
    """Where a coroutine is driven by something else."""
    call = cfclient.Client(cfclient.emulator(zones=1).connect()).zone_load_multi()

    with pytest.raises(MisusedClient, match="no event loop runs here: await this within"):
        call.send(None)


@pytest.mark.anyio
async def test_a_client_around_any_backend() -> None:
    """Which can act as nobody else, since it was not made from credentials."""
    cf = cfclient.Client(cfclient.emulator(zones=2).connect())

    assert 2 == len(await cf.zones().all())
    with pytest.raises(MisusedClient, match="made around one backend"):
        cf.acting_as(DEMO)


@pytest.mark.anyio
async def test_raw_of_another_backend_is_what_version_1_would_send() -> None:
    """In the wire's own forms."""
    async with cfclient.connect("emulator:?zones=1") as cf:
        (zone,) = await cf.zones().all()
        reply = await cf.raw(cfclient.actions.ZoneSettings(zone.zone_name))

    assert "success" == reply["result"]
    assert reply["response"]["result"]["objs"][0]["ssl"] in {"0", "1", "2", "3"}


@pytest.mark.anyio
async def test_another_account_of_the_emulator() -> None:
    """An unknown key is refused as the service refused it."""
    async with cfclient.connect("emulator:?zones=1") as cf:
        with pytest.raises(cfclient.Unauthorized, match="Unknown token or email"):
            await cf.acting_as(Credentials(DEMO.email, "wrong")).zone_load_multi()


@pytest.mark.anyio
@pytest.mark.parametrize("pace", [None, cfclient.Pace()])
async def test_another_account_is_chosen_in_a_thread(pace: cfclient.Pace | None) -> None:
    """As a web framework does with what a handler depends on, where that is a plain function."""
    fake = Fake()
    async with cfclient.connect(token="one", http=cast("Any", fake), pace=pace) as cf:
        other = await anyio.to_thread.run_sync(cf.acting_as, Credentials(None, "another"))
        await other.zone_load_multi()

    assert 1 == len(fake.lines)
    with pytest.raises(MisusedClient, match="is closed"):
        await anyio.to_thread.run_sync(cf.acting_as, Credentials(None, "another"))


@pytest.mark.anyio
async def test_a_client_performs_many_actions_as_a_stream() -> None:
    """In the order of the actions where that is asked for."""
    async with cfclient.connect("emulator:?zones=3") as cf:
        names = [zone.zone_name async for zone in cf.zones()]
        actions = [cfclient.actions.ZoneSettings(name) for name in names]
        async with cf.stream_all(actions, concurrency=2, ordered=True) as outcomes:
            found = [(outcome.action, outcome.ok) async for outcome in outcomes]

    assert [(action, True) for action in actions] == found
