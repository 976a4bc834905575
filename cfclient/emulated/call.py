"""One request of version 4 on its way, and what an endpoint may ask of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import attrs

from cfclient.backends.account import ApiToken

from .ids import digest, known, v4_id
from .replies import Refused, no_route
from .state import AccountState, SiteState

__all__ = ["Call", "Place", "account_id", "account_name", "allows", "record_of", "token_id", "user_id"]

_IDENTIFIER: Final = re.compile("[0-9a-f]{32}")


@attrs.frozen(eq=False)
class Place:
    """A zone, and the account that it belongs to."""

    account: AccountState
    site: SiteState


@attrs.frozen(eq=False, kw_only=True)
class Call:
    """Who asks, when, and for what."""

    user: AccountState
    token: ApiToken | None
    #: the accounts that this user sees, its own first
    accounts: tuple[AccountState, ...]
    now: datetime
    clock: float
    ids: Iterator[int]
    path: str
    query: Mapping[str, str]
    body: Any
    #: refusals of records as they were before October 2024: 1004, the cause in `error_chain`
    chained: bool
    #: whether anything is counted
    limited: bool

    @property
    def is_token(self) -> bool:
        """Whether an API token asks, who is told less of the owner."""
        return self.token is not None

    def places(self) -> Iterator[Place]:
        """The zones that are shown to whoever asks."""
        for account in self.accounts:
            for site in account.listing:
                if self.token is None or not self.token.zones or site.zone.zone_name in self.token.zones:
                    yield Place(account, site)

    def place(self, ident: str) -> Place:
        """The zone of this id."""
        if not _IDENTIFIER.fullmatch(ident):
            raise no_route(self.path, 400)
        for place in self.places():
            if v4_id("zone", place.site.zone.zone_id) == ident:
                return place
        # Not known: the status. The code and the words are those of several programs.
        raise Refused(404, 1001, "Invalid zone identifier")

    def account(self, ident: str) -> AccountState:
        """The account of this id."""
        for account in self.accounts:
            if account_id(account) == ident:
                return account
        raise no_route(self.path)

    def fields(self) -> dict[str, Any]:
        """The request's body, which has to be an object."""
        if not isinstance(self.body, dict):
            raise Refused(400, 9207, "Request body is invalid.")
        return self.body

    def may(self, permission: str) -> bool:
        """Whether whoever asks may do this; the key of an account may everything."""
        return self.token is None or allows(self.token, permission)


def allows(token: ApiToken, permission: str) -> bool:
    """Whether a token has a permission; who may edit may read, as the service's documentation says."""
    group, _, level = permission.rpartition(":")
    return permission in token.permissions or (level == "Read" and f"{group}:Edit" in token.permissions)


def record_of(site: SiteState, shown: str) -> str | None:
    """Version 1's id of the record that version 4 shows so."""
    return known("record", shown, site.records)


def account_id(account: AccountState) -> str:
    """The account's id, which version 1 did not have."""
    return digest("account", account.email)


def account_name(account: AccountState) -> str:
    """What the service calls an account that nobody has named."""
    return f"{account.email.capitalize()}'s Account"


def user_id(account: AccountState) -> str:
    """The id of the user that the account was made by."""
    first = next((site.zone.user_id for site in account.listing if site.zone.user_id), None)
    return digest("user", account.email) if first is None else v4_id("user", first)


def token_id(token: ApiToken) -> str:
    """The id of an API token, which tells nothing of it."""
    return digest("token", token.value)
