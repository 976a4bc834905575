"""Who may use a gateway, and as whom."""

from __future__ import annotations

from typing import Any

import pytest

from cfclient.admission import MIN_KEY, Bound, each_their_own
from cfclient.backend import Backend, Credentials
from cfclient.errors import ConfigurationError, Unauthorized

KEYS = ("first-of-the-keys-0", "other-of-the-keys-1")


class Nobody:
    """A backend that is never asked here."""

    async def perform(self, action: Any, /) -> Any:
        raise NotImplementedError

    def __repr__(self) -> str:
        return "<Nobody>"


class Connected:
    """A connect that remembers whom it was asked for."""

    def __init__(self) -> None:
        self.seen: list[Credentials] = []

    def __call__(self, credentials: Credentials) -> Backend:
        self.seen.append(credentials)
        return Nobody()


def test_each_request_s_account_is_its_own() -> None:
    """The e-mail address and the key go on as they are."""
    connect = Connected()
    each_their_own(connect)(Credentials("user@example.com", "sesame"))

    assert [("user@example.com", "sesame")] == [(one.email, one.key) for one in connect.seen]
    assert "sesame" not in repr(connect.seen)


def test_beside_the_word_token_the_key_is_an_api_token() -> None:
    """As ddclient has it, for accounts that give no global key away."""
    connect = Connected()
    each_their_own(connect)(Credentials("token", "an-api-token"))

    assert [(None, "an-api-token")] == [(one.email, one.key) for one in connect.seen]


def test_who_knows_an_address_and_not_its_key_is_somebody_else() -> None:
    """Neither limits nor what is remembered are shared with the account; with the same key they are."""
    connect = Connected()
    for key in ("sesame", "guessed", "sesame"):
        each_their_own(connect)(Credentials("user@example.com", key))
    first, guessed, again = (one.principal for one in connect.seen)

    assert first == again != guessed
    assert not any(key in first + guessed for key in ("sesame", "guessed"))


def test_what_no_header_can_carry_is_unknown() -> None:
    """Nobody has such an e-mail address; a key that is not ASCII makes no credentials."""
    with pytest.raises(Unauthorized, match=r"Unknown token or email \(E_UNAUTH\)"):
        each_their_own(Connected())(Credentials("ü@example.com", "sesame"))


@pytest.mark.parametrize("key", KEYS)
def test_a_bound_gateway_has_keys_of_its_own(key: str) -> None:
    """Whatever e-mail address comes with one of them."""
    backend = Nobody()
    bound = Bound(backend, KEYS)

    assert backend is bound(Credentials("anybody@example.com", key))
    assert "<Bound to <Nobody> for 2 keys>" == repr(bound)


@pytest.mark.parametrize("key", ["sesame", KEYS[0][:-1], f"{KEYS[0]}x", "\ud800", "ü" * 20])
def test_any_other_key_is_unknown(key: str) -> None:
    """As version 1 said it."""
    with pytest.raises(Unauthorized, match=r"Unknown token or email \(E_UNAUTH\)"):
        Bound(Nobody(), KEYS)(_Raw("user@example.com", key))


class _Raw(Credentials):
    """Credentials with a key that a request could not have carried."""

    def __init__(self, email: str, key: str) -> None:
        object.__setattr__(self, "email", email)
        object.__setattr__(self, "token", key)


@pytest.mark.parametrize(("keys", "reason"), [((), "needs a key"), (("x" * (MIN_KEY - 1),), "is too short")])
def test_keys_that_would_let_anybody_in(keys: tuple[str, ...], reason: str) -> None:
    """Are refused before the gateway is there."""
    with pytest.raises(ConfigurationError, match=reason):
        Bound(Nobody(), keys)
