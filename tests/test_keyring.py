"""The system's keyring as the place of a key, through keyring's own interface."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.errors
import pytest
from keyring.backend import KeyringBackend

from cfclient.backend import Credentials
from cfclient.connect import settings
from cfclient.errors import ConfigurationError

URL = "https://v1.example.net/api_json.html"


class Memory(KeyringBackend):
    """A keyring that keeps its entries in this process."""

    priority = 1  # pyright: ignore[reportAssignmentType]  # as keyring's own backends have it

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring's own has no types
        self.entries: dict[tuple[str, str], str] = {}
        self.failure: Exception | None = None

    def get_password(self, service: str, username: str) -> str | None:
        if self.failure is not None:
            raise self.failure
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.entries[service, username]


@pytest.fixture
def ring() -> Iterator[Memory]:
    """The keyring of this process."""
    before, ring = keyring.get_keyring(), Memory()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration file, not yet written, and an environment without settings."""
    names = ("CFCLIENT_URL", "CFCLIENT_EMAIL", "CFCLIENT_TOKEN", "CFCLIENT_PROFILE")
    for name in (*names, "CLOUDFLARE_EMAIL", "CLOUDFLARE_API_KEY", "CLOUDFLARE_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "cfclient").mkdir()
    return tmp_path / "cfclient" / "config.toml"


def test_a_key_by_the_e_mail_address(ring: Memory, config: Path) -> None:
    """Of version 1 and of today's Cloudflare alike."""
    keyring.set_password("cfclient", "you@example.com", "kept-key")
    found = []
    for url in (URL, "https://api.cloudflare.com/client/v4"):
        config.write_text(f'[profiles.default]\nurl = "{url}"\nemail = "you@example.com"\ntoken_keyring = true\n')
        found.append(settings())

    assert [Credentials("you@example.com", "kept-key")] * 2 == [one.credentials for one in found]
    assert {"the keyring, by profile default"} == {one.origins["token"] for one in found}


def test_an_api_token_by_the_profile_s_name(ring: Memory, config: Path) -> None:
    """It has no e-mail address."""
    keyring.set_password("cfclient", "work", "kept-token")
    config.write_text("[profiles.work]\ntoken_keyring = true\n")

    assert Credentials(None, "kept-token") == settings(profile="work").credentials


def test_the_keyring_is_asked_last_and_only_where_a_profile_says_so(
    ring: Memory, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be locked, and would ask its owner."""
    ring.failure = AssertionError("the keyring was asked")
    config.write_text("[profiles.default]\ntoken_keyring = true\n[profiles.plain]\n")
    monkeypatch.setenv("CFCLIENT_TOKEN", "from-environment")
    by_environment = settings()
    monkeypatch.delenv("CFCLIENT_TOKEN")

    assert Credentials(None, "from-environment") == by_environment.credentials
    assert Credentials(None, "given") == settings(token="given").credentials
    with pytest.raises(ConfigurationError, match="no token is given"):
        settings(profile="plain")


def test_a_keyring_without_the_key(ring: Memory, config: Path) -> None:
    """The message is the command that stores it."""
    config.write_text('[profiles.default]\nemail = "you@example.com"\ntoken_keyring = true\n')

    with pytest.raises(ConfigurationError, match=r"no key for 'you@example.com': .* keyring set cfclient you@example"):
        settings()


def test_a_keyring_that_fails(ring: Memory, config: Path) -> None:
    """Whatever its own words hold, none of them is repeated."""
    ring.failure = keyring.errors.KeyringLocked("kept-key")
    config.write_text("[profiles.default]\ntoken_keyring = true\n")
    with pytest.raises(ConfigurationError, match=r"cannot be read \(KeyringLocked\): is there one") as caught:
        settings()

    assert "kept-key" not in "".join(traceback.format_exception(caught.value))


def test_without_its_extra(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message is what to install; another missing package is a fault."""
    config.write_text("[profiles.default]\ntoken_keyring = true\n")
    monkeypatch.setitem(sys.modules, "keyring.errors", None)
    with pytest.raises(ModuleNotFoundError, match=r"keyring\.errors"):
        settings()
    monkeypatch.setitem(sys.modules, "keyring", None)

    with pytest.raises(ConfigurationError, match=r'pip install "cfclient-async\[keyring\]"'):
        settings()


def test_a_switch_is_no_key(config: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file that others can read and that holds no key earns no warning."""
    config.write_text("[profiles.default]\ntoken_keyring = false\n")
    config.chmod(0o644)
    with pytest.raises(ConfigurationError, match="no token is given"):
        settings()

    assert [] == caplog.records
