"""`make live`: the contract against the live service, for whoever has an account there.

It reads, and changes nothing, unless a zone is named that may be changed: then it makes a record there, edits it,
deletes it, and puts a setting and an address to what they were.
The exchanges are written down without keys, addresses of people, ids and host names, so that they can be shown.
It never passed so far, because nobody with an account has run it.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import anyio
import attrs

import cfclient
from cfclient import models
from cfclient.client import Client
from cfclient.http import Http, Reply, Request
from cfclient.http.httpx import Lanes

URL: Final = "https://api.cloudflare.com/client/v4"
#: what of a reply's headers is written down
_HEADERS: Final = frozenset({"content-type", "ratelimit", "ratelimit-policy", "retry-after", "api-version"})
_MAIL: Final = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}")
_HEX: Final = re.compile(r"[0-9a-f]{32}")
_ADDRESS: Final = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b|\b(?:[0-9a-f]{1,4}:){2,7}[0-9a-f:]*\b")
_HOST: Final = re.compile(r"\b(?:[a-z0-9_-]+\.)+(?!cloudflare\.com\b)[a-z]{2,}\b", re.IGNORECASE)
#: keys of which the text says who somebody is, or what somebody keeps to himself
_PRIVATE: Final = frozenset(
    {"name", "content", "comment", "notes", "target", "value", "first_name", "last_name", "telephone", "country"}
    | {"zipcode", "username", "tags", "digest", "ds", "public_key", "original_registrar", "original_dnshost"}
    | {"verification_key", "files", "zoneTag", "clientIP"}
)
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

    def value(self, value: Any, key: str = "", *, setting: bool = False) -> Any:
        """The same of JSON; what stands under a private key goes altogether, but for a setting's value."""
        if isinstance(value, dict):
            setting = setting or "editable" in value
            return {name: self.value(inner, name, setting=setting) for name, inner in value.items()}
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
                    "path": self._scrubbed.text(where),
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


@attrs.frozen
class Step:
    """One thing that has to hold."""

    name: str
    check: Callable[[Client, str], Awaitable[None]]


async def _zones(cf: Client, zone: str) -> None:
    zones = await cf.zones().all()
    assert zones, "the credentials see no zone"
    assert len({one.zone_id for one in zones}) == len(zones)
    assert all(one.zone_name and one.zone_status for one in zones)


async def _records(cf: Client, zone: str) -> None:
    records = await cf.records(zone).all()
    assert len({record.rec_id for record in records}) == len(records)
    assert all(record.name and record.type for record in records)


async def _check(cf: Client, zone: str) -> None:
    found = await cf.zone_check([zone, "not-there.example"])
    assert list(found) == [zone]


async def _settings(cf: Client, zone: str) -> None:
    settings = await cf.zone_settings(zone)
    for field in ("sec_lvl", "cache_lvl", "ssl", "dev_mode"):
        assert getattr(settings, field) is not None or field in settings.missing, f"{field} is None without a reason"


async def _stats(cf: Client, zone: str) -> None:
    stats = await cf.stats(zone, interval=40)
    assert stats.requestsServed is not None


async def _visitors(cf: Client, zone: str) -> None:
    assert all(visitor.ip for visitor in await cf.zone_ips(zone, hours=24))


async def _stranger(cf: Client, zone: str) -> None:
    try:
        await cf.zone_settings("not-there.example")
    except cfclient.ApiError:
        return
    raise AssertionError("a zone that is not there has settings")


async def _life(cf: Client, zone: str) -> None:
    made = await cf.rec_new(zone, "TXT", "cfclient-live-test", "one", ttl=300)
    try:
        edited = await cf.rec_edit(zone, made.rec_id, "TXT", "cfclient-live-test", "two", ttl=600)
        assert (made.rec_id, "two", 600) == (edited.rec_id, edited.content.strip('"'), edited.ttl)
        assert made.rec_id in {record.rec_id for record in await cf.records(zone).all()}
    finally:
        await cf.rec_delete(zone, made.rec_id)
    assert made.rec_id not in {record.rec_id for record in await cf.records(zone).all()}


async def _level(cf: Client, zone: str) -> None:
    before = (await cf.zone_settings(zone)).sec_lvl
    assert before is not None, "the security level cannot be read, so it is not changed"
    other = models.SecurityLevel.HIGH if before is not models.SecurityLevel.HIGH else models.SecurityLevel.MEDIUM
    try:
        await cf.sec_lvl(zone, other)
        assert other == (await cf.zone_settings(zone)).sec_lvl
    finally:
        await cf.sec_lvl(zone, before)


async def _purge(cf: Client, zone: str) -> None:
    url = f"https://{zone}/cfclient-live-test"
    assert models.FilePurge(url=url) == await cf.zone_file_purge(zone, url)


READING: Final = (
    Step("zones", _zones),
    Step("records", _records),
    Step("zone_check", _check),
    Step("zone_settings", _settings),
    Step("stats", _stats),
    Step("zone_ips", _visitors),
    Step("a zone that is not there", _stranger),
)
WRITING: Final = (
    Step("a record's life", _life),
    Step("sec_lvl, there and back", _level),
    Step("zone_file_purge", _purge),
)


async def carried_out(cf: Client, zone: str | None, say: Callable[[str], None]) -> int:
    """How many steps failed; nothing is changed unless a zone is named."""
    failed = 0
    named = zone or (await cf.zones().all())[0].zone_name
    for step in (*READING, *(WRITING if zone else ())):
        try:
            await step.check(cf, named)
        except (AssertionError, cfclient.CloudflareError) as error:
            failed += 1
            say(f"FAILED  {step.name}: {type(error).__name__}: {error}")
        else:
            say(f"passed  {step.name}")
    return failed


async def _run(options: Mapping[str, Any]) -> int:
    async with Lanes() as lanes:
        recorder = Recorder(lanes)
        try:
            async with cfclient.connect(options["url"], http=recorder) as cf:
                return await carried_out(cf, options["zone"], print)
        finally:
            await anyio.Path(options["output"]).write_text(json.dumps(recorder.exchanges, indent=1))
            print(f"{len(recorder.exchanges)} exchanges, without names and keys, are in {options['output']}")


def main() -> int:
    """0 where everything passed."""
    parser = argparse.ArgumentParser(description="The contract against the live service; it only reads without --zone.")
    parser.add_argument("--url", default=URL)
    parser.add_argument("--zone", help="a zone that may be changed: a record, the security level, a purge of one file")
    parser.add_argument("--output", type=Path, default=Path("live-exchanges.json"))
    return int(bool(anyio.run(_run, vars(parser.parse_args()))))


if __name__ == "__main__":
    sys.exit(main())
