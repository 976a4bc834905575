"""The endpoints `/user`, `/user/tokens/verify`, `/accounts` and `/accounts/{id}`."""

from __future__ import annotations

from typing import Any

from .call import Call, account_id, account_name, token_id, user_id
from .replies import Answer, Refused, paged, stamp
from .state import EPOCH, AccountState

__all__ = ["get_account", "get_user", "list_accounts", "verify_token"]


def get_user(call: Call) -> Answer:
    """Who asks."""
    return Answer.of(
        {
            "id": user_id(call.user),
            "email": call.user.email,
            "username": user_id(call.user),
            "first_name": None,
            "last_name": None,
            "telephone": None,
            "country": None,
            "zipcode": None,
            "two_factor_authentication_enabled": False,
            "two_factor_authentication_locked": False,
            "suspended": False,
            "created_on": stamp(_created(call.user)),
            "modified_on": stamp(_created(call.user)),
        }
    )


def _created(account: AccountState) -> Any:
    return min((site.created for site in account.listing), default=EPOCH)


def verify_token(call: Call) -> Answer:
    """Whether the token with which this is asked is good; a key is none."""
    if call.token is None:
        raise Refused(400, 1000, "Invalid API Token")
    note = {"code": 10000, "message": "This API Token is valid and active", "type": None}
    answer = Answer.of({"id": token_id(call.token), "status": call.token.status})
    answer.body["messages"] = [note]
    return answer


def _show(account: AccountState) -> dict[str, Any]:
    return {
        "id": account_id(account),
        "name": account_name(account),
        "type": "standard",
        "settings": {"enforce_twofactor": False},
        "created_on": stamp(_created(account)),
    }


def list_accounts(call: Call) -> Answer:
    """The accounts that this user sees."""
    wanted = call.query.get("name", "")
    found = [account for account in call.accounts if not wanted or account_name(account) == wanted]
    return paged(found, call.query, _show, default=20, low=5, high=50)


def get_account(call: Call, account: str) -> Answer:
    """One account."""
    return Answer.of(_show(call.account(account)))
