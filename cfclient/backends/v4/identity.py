"""Who asks, as version 4 tells it: what an API token or a key is, and what it sees; for `cfclient doctor`."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import attrs

from cfclient.backend import Credentials
from cfclient.errors import ApiError, UnexpectedAnswer
from cfclient.exchanges import exchanged
from cfclient.http import Http, Request
from cfclient.replies import without_frames

from . import envelope
from .support import Permission

__all__ = ["Identity", "identify"]


@attrs.frozen(kw_only=True)
class Identity:
    """What version 4 says of credentials, as far as it says it."""

    #: an API token's status, such as "active"; None for a key
    status: str | None
    #: when an API token ends, as the service writes it
    expires: str | None
    #: how many zones are seen; None where that is refused
    zones: int | None
    #: what may be done in the zones that were looked at, where that is told
    permissions: tuple[str, ...]


async def identify(http: Http, credentials: Credentials, *, url: str, account: str | None = None) -> Identity:
    """Two exchanges, nothing asked twice: the token or the key, and the first zones that it sees.

    Raises:
        CloudflareError: the credentials are refused, or nobody answers.
    """
    settled = await credentials.settled()

    async def ask(path: str) -> Any:
        request = Request(method="GET", url=url + path, headers=envelope.headers(settled, body=False))
        reply = await exchanged(http, lambda: request, lambda: settled.key)
        try:
            return envelope.read("doctor", reply, Any, needs=Permission.ZONE_READ, hide=(settled.key,))
        except (ApiError, UnexpectedAnswer) as error:
            failure = without_frames(error)
        raise failure

    told: Any = {}
    if settled.email is None:
        # A token that an account owns is known at the account's place only.
        try:
            told = (await ask("/user/tokens/verify")).result
        except ApiError:
            if account is None:
                raise
            told = (await ask(f"/accounts/{account}/tokens/verify")).result
        told = told if isinstance(told, dict) else {}
    else:
        await ask("/user")
    narrowed = f"&account.id={account}" if account else ""
    zones: int | None = None
    seen: list[Any] = []
    # A token need not be allowed to list zones; who has ids needs no list.
    with suppress(ApiError):
        found = await ask(f"/zones?per_page=5{narrowed}")
        seen = found.result if isinstance(found.result, list) else []
        zones = len(seen) if found.result_info is None else found.result_info.total_count
    permissions = {
        str(word) for zone in seen if isinstance(zone, dict) for word in zone.get("permissions") or () if word
    }
    return Identity(
        status=_text(told.get("status")),
        expires=_text(told.get("expires_on")),
        zones=zones,
        permissions=tuple(sorted(permissions)),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
