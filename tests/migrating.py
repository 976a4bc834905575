"""The page `docs/migrating-from-v1.md`, made by carrying out each of the 22 actions on version 4 and watching.

`python -m tests.migrating` writes it; `test_docs_migrating.py` says when it is not what happens.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

import anyio
import attrs
import httpx

import cfclient
from cfclient import wire
from cfclient.actions import ACTIONS, Action
from cfclient.backend import Backend, Credentials
from cfclient.backends.v4.support import SUPPORT, Extent
from cfclient.client import Client
from cfclient.errors import Unsupported

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "migrating-from-v1.md"

#: by action: a call, and what today's Cloudflare does with it
CALLS: Final[Mapping[str, tuple[str, str]]] = {
    "stats": (
        'cf.stats("example.com", interval=20)',
        (
            "One GraphQL query for the traffic, without `dimensions`, so that unique visitors are right; beside it the "
            "zone and the five settings that version 1's answer had."
        ),
    ),
    "zone_load_multi": ("cf.zone_load_multi()", "A page of 50 zones; `cf.zones()` follows the pages."),
    "rec_load_all": (
        'cf.rec_load_all("example.com")',
        "Up to 5,000 records at once, where version 1 sent 180; `cf.records()` follows the pages.",
    ),
    "zone_check": ('cf.zone_check("example.com")', "A look-up by name; the ids of those that are active."),
    "zone_ips": (
        'cf.zone_ips("example.com")',
        "One GraphQL query for the addresses, what the firewall stopped, and verified bots, where the plan tells them.",
    ),
    "ip_lkup": ('cf.ip_lkup("192.0.2.1")', ""),
    "zone_settings": (
        'cf.zone_settings("example.com")',
        "One request for each setting, at the same time; `only={...}` names those that are wanted.",
    ),
    "sec_lvl": ('cf.sec_lvl("example.com", "help")', "`help` is `under_attack`, `eoff` is `essentially_off`."),
    "cache_lvl": ('cf.cache_lvl("example.com", "agg")', "`agg` is `aggressive`, `iqs` is `simplified`."),
    "devmode": ('cf.devmode("example.com", True)', "It ends by itself after three hours, as it did."),
    "fpurge_ts": ('cf.fpurge_ts("example.com")', "The whole cache of the zone."),
    "zone_file_purge": ('cf.zone_file_purge("example.com", "https://example.com/a.css")', "One file, by its URL."),
    "wl": ('cf.wl("192.0.2.1")', "An access rule of the account. If there is one already, its mode is changed."),
    "ban": ('cf.ban("192.0.2.2")', "The same, with another mode."),
    "nul": (
        'cf.nul("192.0.2.3")',
        (
            "The rule is looked for, and deleted if it bears the note of `wl` or `ban`; one that somebody else made is "
            "named instead, unless `force=True`."
        ),
    ),
    "ipv46": ('cf.ipv46("example.com", True)', "On or off."),
    "async": ('cf.async_("example.com", "a")', "Rocket Loader."),
    "minify": ('cf.minify("example.com", 7)', ""),
    "mirage2": ('cf.mirage2("example.com", True)', ""),
    "rec_new": (
        'cf.rec_new("example.com", "A", "new", "192.0.2.4")',
        "Names go out whole. SRV and LOC are sent as `data`, SPF as TXT.",
    ),
    "rec_edit": (
        'cf.rec_edit("example.com", record_id, "A", "www", "192.0.2.5", ttl=300)',
        (
            "Exactly the fields that are given: proxying, comment and tags stay. Another type is one batch that "
            "deletes and creates, and the id is a new one."
        ),
    ),
    "rec_delete": ('cf.rec_delete("example.com", record_id)', "By its id, 32 hexadecimal digits."),
}

HEAD: Final = """\
# From version 1 to version 4

What each of the 22 actions of version 1 is today: the parameters that version 1 took, the call in cfclient, and \
the requests of version 4 that carry it out, below `https://api.cloudflare.com/client/v4`.
This page is made by carrying the calls out and watching; `cfclient support` prints the short form.

- Version 1 took a POST with `email` and `tkn`.
  Version 4 takes the headers `X-Auth-Email` and `X-Auth-Key` with the same two, or `Authorization: Bearer` with \
an API token; `cfclient support --permissions` says what a token needs.
- A `z` becomes a `{zone_id}` by `GET /zones?name=example.com`, once for each name; cfclient takes ids too.
  Zones of several accounts can have one name, so do not take the first that is listed.
- Ids were numbers; they are 32 hexadecimal digits.
- `GET /zones/{zone_id}` behind a change is there because version 1's answer had the zone; leave it out where \
you do not want it.
- Version 1 said `result`, `msg` and `err_code`; version 4 says `success` and `errors`, each with a number.
  Look at `success`, not only at the status; cfclient raises the same classes for both.
- Programs that cannot be changed can go on speaking version 1: see [the gateway](gateway.md).
"""

_EXTENT: Final = {Extent.FULL: "Whole", Extent.PARTIAL: "Partly", Extent.REFUSED: "Refused"}


@attrs.frozen
class Shown:
    """One action, as the page shows it."""

    name: str
    v1: str
    call: str
    v4: tuple[str, ...]


class _Asked(Exception):
    """Carries the action that a call is."""


class _Stub:
    async def perform(self, action: Action[Any], /) -> NoReturn:
        raise _Asked(action)


def _stub(_: Credentials) -> Backend:
    return _Stub()


async def _run(call: str, cf: Client, record_id: str) -> None:
    code = compile(f"await {call}", "page", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    made = eval(code, {"cf": cf, "record_id": record_id})
    assert inspect.iscoroutine(made)
    await made


async def action_of(call: str, record_id: str) -> Action[Any]:
    """The action that a call is."""
    async with cfclient.connect(_stub, retry=None) as cf:
        try:
            await _run(call, cf, record_id)
        except _Asked as asked:
            action: Action[Any] = asked.args[0]
            return action
    raise AssertionError(call)


class _Watched(httpx.AsyncBaseTransport):
    """Version 4, in process, and what it is asked."""

    def __init__(self, app: Any) -> None:
        self._inner = httpx.ASGITransport(app)
        self.asked: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return await self._inner.handle_async_request(request)


ACCOUNT: Final = {
    "accounts": [
        {
            "zones": [
                {"zone_name": "example.com", "records": [{"type": "A", "name": "www", "content": "192.0.2.10"}]},
            ]
        }
    ]
}


async def watched() -> list[Shown]:
    """All actions, in the order of the document."""
    emulator = cfclient.Emulator.from_json(ACCOUNT)
    transport = _Watched(emulator.v4)
    shown = []
    async with httpx.AsyncClient(transport=transport) as http:
        options: dict[str, Any] = {"http": http, "retry": None, "pace": None}
        url = "https://emulator.example/client/v4"
        async with cfclient.connect(url, email="demo@example.com", token="demo-key", **options) as cf:
            # What is looked up once and remembered is said at the head of the page; and `nul` has something to lift.
            record_id = (await cf.rec_load_all("example.com")).objs[0].rec_id
            await cf.ban("192.0.2.3")
            zone_id = (await cf.zone_check("example.com"))["example.com"]
            for name, (call, _) in CALLS.items():
                transport.asked.clear()
                try:
                    await _run(call, cf, record_id)
                except Unsupported:
                    assert SUPPORT[name].extent is Extent.REFUSED, name
                known = {zone_id: "{zone_id}", record_id: "{record_id}"}
                asked = [_written(request, known) for request in transport.asked]
                # Those that are made at the same time have no order.
                shown.append(
                    Shown(
                        name=name,
                        v1=await _v1(call, record_id),
                        call=call,
                        v4=tuple(sorted(asked) if len(asked) > 2 else asked),
                    )
                )
    return shown


async def _v1(call: str, record_id: str) -> str:
    action = await action_of(call, record_id)
    pairs = [("a", action.wire_name), *action.parameters()]
    return "&".join(f"{key}={value}" for key, value in pairs).replace(record_id, "{record_id}")


def _written(request: httpx.Request, known: Mapping[str, str]) -> str:
    """The request as the page shows it: ids and moments by their names."""
    path = request.url.raw_path.decode().partition("/client/v4")[2]
    body = json.dumps(json.loads(request.content), separators=(",", ":")) if request.content else ""
    text = f"{request.method} {path}" + (f"\n{body}" if body else "")
    for ident, name in known.items():
        text = text.replace(ident, name)
    text = re.sub(r"/accounts/[0-9a-f]{32}", "/accounts/{account_id}", text)
    text = re.sub(r"/rules/[0-9a-f]{32}", "/rules/{rule_id}", text)
    return re.sub(r'"\d{4}-\d\d-\d\d(T[\d:]+Z)?"', lambda match: '"{moment}"' if match[1] else '"{day}"', text)


def page(shown: list[Shown]) -> str:
    """The page."""
    parts = [HEAD]
    for one in shown:
        support, (_, says) = SUPPORT[one.name], CALLS[one.name]
        note = f": {support.note}" if support.note else ""
        requests = "\n".join(one.v4) or "none"
        parts.append(
            f"## `{one.name}`\n\n**{_EXTENT[support.extent]}**{note}.\n"
            + (says.replace(". ", ".\n") + "\n" if says else "")
            + f"\n```text\n{one.v1}\n```\n\n```python\nawait {one.call}\n```\n\n```http\n{requests}\n```\n"
        )
    return "\n".join(parts)


def parsed(one: Shown, record_id: str) -> Action[Any]:
    """The action that version 1 would understand."""
    return wire.parse(wire.pairs(one.v1.replace("{record_id}", record_id)))


if __name__ == "__main__":
    assert CALLS.keys() == ACTIONS.keys()
    PAGE.write_text(page(anyio.run(watched)), encoding="utf-8")
