"""`make live`: the contract against the live service, for whoever has an account there.

What is asked stands in `contract.py`, which the tests carry out on both versions.
It reads, and changes nothing, unless a zone is named that may be changed: then it makes records there, edits them,
deletes them, sets each setting and puts it back, purges the cache, and lists and unlists addresses that nobody has.
The exchanges are written down without keys, addresses of people, ids and host names, so that they can be shown.
It never passed so far, because nobody with an account has run it.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import anyio

import cfclient
from cfclient import models
from cfclient.client import Client
from cfclient.http import Http, Reply, Request
from cfclient.http.httpx import Lanes
from tests.contract import CREATED, LISTED, NAME, READ, REFUSED, RETIRED, SET, Ask, Read, Refused, Set

URL: Final = "https://api.cloudflare.com/client/v4"
#: what of a reply's headers is written down
_HEADERS: Final = frozenset({"content-type", "ratelimit", "ratelimit-policy", "retry-after", "api-version"})
_MAIL: Final = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}")
_HEX: Final = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b|\b(?:[0-9a-f]{1,4}:){2,7}[0-9a-f:]*\b", re.IGNORECASE)
# But for the words that refusals of access rules begin with.
_HOST: Final = re.compile(
    r"\b(?!firewallaccessrules\.api)(?:[\w-]+\.)+(?:xn--[a-z0-9-]+|[^\W\d_]{2,})\b", re.IGNORECASE
)
#: keys of which the text says who somebody is, or what somebody keeps to himself
_PRIVATE: Final = frozenset(
    {"name", "content", "comment", "notes", "target", "value", "first_name", "last_name", "telephone", "country"}
    | {"zipcode", "username", "tags", "digest", "ds", "public_key", "original_registrar", "original_dnshost"}
    | {"verification_key", "files", "zoneTag", "clientIP"}
)
#: keys of what is private altogether, its numbers too: where a LOC record is, say
_ALL_PRIVATE: Final = frozenset({"data"})
#: the values of settings and modes, which say nothing of anybody
_PLAIN: Final = re.compile(r"[a-z0-9_.]{1,20}")


class Scrubbed:
    """Whatever tells who somebody is becomes a word that is the same wherever it stands."""

    def __init__(self) -> None:
        self._words: dict[str, str] = {}

    def word(self, kind: str, text: str) -> str:
        """The word for this text."""
        return self._words.setdefault(f"{kind} {text}", f"{kind}-{len(self._words) + 1}")

    def text(self, text: str) -> str:
        """A text without mail addresses, ids, addresses and host names."""
        for kind, pattern in (("mail", _MAIL), ("id", _HEX), ("address", _ADDRESS), ("host", _HOST)):
            text = pattern.sub(lambda found, kind=kind: self.word(kind, found.group()), text)  # type: ignore[misc]  # bound now
        return text

    def path(self, text: str) -> str:
        """The same of a path and its query, in which what is escaped would hide from the patterns."""
        return self.text(unquote(text))

    def value(self, value: Any, key: str = "", *, setting: bool = False) -> Any:
        """The same of JSON; what stands under a private key goes altogether, but for a setting's value."""
        if isinstance(value, dict):
            setting = setting or "editable" in value
            private = key in _ALL_PRIVATE
            return {
                name: "a number"
                if private and isinstance(inner, int | float)
                else self.value(inner, name, setting=setting)
                for name, inner in value.items()
            }
        if isinstance(value, list):
            return [self.value(inner, key, setting=setting) for inner in value]
        if not isinstance(value, str):
            return value
        if key in _PRIVATE and not (setting and _PLAIN.fullmatch(value)):
            return self.word("text", value)
        return self.text(value)


class Recorder:
    """An adapter around another that writes down what passes, without what tells of anybody."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._scrubbed = Scrubbed()
        self.exchanges: list[dict[str, Any]] = []

    async def exchange(self, request: Request, /) -> Reply:
        """The reply."""
        reply = await self._http.exchange(request)
        parts = urlsplit(request.url)
        where = f"{parts.path}?{parts.query}" if parts.query else parts.path
        self.exchanges.append(
            {
                # Its headers, the key among them, are not written down at all.
                "request": {
                    "method": request.method,
                    "path": self._scrubbed.path(where),
                    "json": self._json(request.body),
                },
                "response": {
                    "status": reply.status,
                    "headers": {name: value for name, value in reply.headers.items() if name in _HEADERS},
                    "json": self._json(reply.body),
                },
            }
        )
        return reply

    def _json(self, body: bytes) -> Any:
        try:
            return self._scrubbed.value(json.loads(body)) if body else None
        except ValueError:
            return f"{len(body)} bytes that are no JSON"


# -- the contract -------------------------------------------------------------------------------------


def steps(*, changing: bool) -> dict[str, Callable[[Client, str], Awaitable[None]]]:
    """What has to hold, by name; without a zone that may be changed nothing but reading."""
    found: dict[str, Callable[[Client, str], Awaitable[None]]] = {}
    found |= {name: partial(_read, one) for name, one in READ.items()}
    found |= {name: partial(_refused, one) for name, one in REFUSED.items() if changing or not one.writes}
    found |= {name: partial(_refused, Refused(ask, cfclient.Unsupported)) for name, ask in RETIRED.items()}
    if changing:
        found |= {name: partial(_set, one) for name, one in SET.items()}
        found |= {name: partial(_listed, *one) for name, one in LISTED.items()}
        found |= {f"a record: {name}": partial(_life, make) for name, make in CREATED.items()}
    return found


async def _read(one: Read, cf: Client, zone: str) -> None:
    try:
        answer = await one.ask(cf, zone)
    except cfclient.ApiError as error:
        if one.by_plan:
            raise _NotOfThisPlan(error.msg) from None
        raise
    assert one.holds(answer, zone), "the answer is not as it has to be"


class _NotOfThisPlan(Exception):
    """The service has it, and not for this account."""


async def _refused(one: Refused, cf: Client, zone: str) -> None:
    try:
        await one.ask(cf, zone)
    except one.error:
        return
    raise AssertionError(f"it was not refused as {one.error.__name__}")


async def _set(one: Set, cf: Client, zone: str) -> None:
    async def shown() -> Any:
        return getattr(await cf.zone_settings(zone, only={one.field}), one.field)

    before = await shown()
    assert one.back is None or before is not None, "it cannot be read, so it is not changed"
    try:
        await one.ask(cf, zone)
        assert one.shows(await shown()), "the settings do not show it"
    finally:
        if one.back is not None:
            with anyio.CancelScope(shield=True):
                await one.back(cf, zone, before)


async def _listed(ask: Ask, address: str, cf: Client, zone: str) -> None:
    try:
        listing = await ask(cf, zone)
        assert listing.ip == address
    finally:
        with anyio.CancelScope(shield=True):
            await cf.nul(address)


async def _life(make: Callable[[Client, str], Awaitable[models.Record]], cf: Client, zone: str) -> None:
    made = await make(cf, zone)
    try:
        assert made.rec_id in {record.rec_id for record in await cf.records(zone).all()}, "it is not listed"
        if made.type not in {models.RecordType.SRV, models.RecordType.LOC}:
            name = made.display_name or NAME
            edited = await cf.rec_edit(zone, made.rec_id, made.type, name, made.content, prio=made.prio, ttl=600)
            assert (made.rec_id, made.content, made.service_mode) == (
                edited.rec_id,
                edited.content,
                edited.service_mode,
            ), "the edit changed more than it said"
    finally:
        with anyio.CancelScope(shield=True):
            await cf.rec_delete(zone, made.rec_id)
    assert made.rec_id not in {record.rec_id for record in await cf.records(zone).all()}, "it is still listed"


class _Nothing(Exception):
    """There is nothing to be carried out on."""


async def chosen(cf: Client, zone: str | None) -> str:
    """The zone that is named, if there is one; or the first, but rather one that is active."""
    zones = await cf.zones().all()
    if zone is not None and zone not in {one.zone_name for one in zones}:
        raise _Nothing(f"these credentials see no zone named {zone}")
    if not zones:
        raise _Nothing("these credentials see no zone: an account without one tells nothing")
    return zone or min(zones, key=lambda one: one.zone_status != "V").zone_name


async def carried_out(cf: Client, zone: str, say: Callable[[str], None], *, changing: bool) -> int:
    """How many steps failed; nothing is changed unless that is wanted."""
    failed = 0
    for name, step in steps(changing=changing).items():
        try:
            await step(cf, zone)
        except _NotOfThisPlan as refused:
            say(f"refused {name}: {refused}")
        except (AssertionError, cfclient.CloudflareError) as error:
            failed += 1
            say(f"FAILED  {name}: {type(error).__name__}: {error}")
        else:
            say(f"passed  {name}")
    return failed


async def _run(options: Mapping[str, Any]) -> int:
    async with Lanes() as lanes:
        recorder = Recorder(lanes)
        try:
            async with cfclient.connect(options["url"], http=recorder) as cf:
                zone = await chosen(cf, options["zone"])
                return await carried_out(cf, zone, print, changing=options["zone"] is not None)
        finally:
            await anyio.Path(options["output"]).write_text(json.dumps(recorder.exchanges, indent=1))
            print(f"{len(recorder.exchanges)} exchanges, without names and keys, are in {options['output']}")


def main(given: Sequence[str] | None = None) -> int:
    """0 where everything passed, 1 where something failed, 2 where nothing could be begun."""
    parser = argparse.ArgumentParser(description="The contract against the live service; it only reads without --zone.")
    parser.add_argument("--url", default=URL)
    parser.add_argument("--zone", help="a zone that may be changed: records, settings, purges; and the account's lists")
    parser.add_argument("--output", type=Path, default=Path("live-exchanges.json"))
    try:
        return int(bool(anyio.run(_run, vars(parser.parse_args(given)))))
    except (_Nothing, cfclient.CloudflareError) as error:
        print(f"make live: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
