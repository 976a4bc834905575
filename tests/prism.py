"""`make interop`: Stoplight Prism stands between cfclient and the emulator's version 4 face, and judges both.

    cfclient --request--> Prism --request--> the emulator
             <--reply---        <--reply----

Prism answers a request that is not as Cloudflare describes it with 422, and a reply that is not with 500.
It is a judge of its own: another program, in another language, than the one that the tests use in process.
What the description does not have (GraphQL, the batch, today's settings) does not pass it, and is not asked here.
"""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio

import cfclient
from cfclient import actions as act
from cfclient.backends.emulator import Emulator
from cfclient.client import Client
from cfclient.emulated import PATH
from cfclient.emulated.ids import v4_id
from cfclient.emulated.replies import Answer
from cfclient.serving import listener
from tests.conftest import SHARED
from tests.served import serving

DESCRIPTION = SHARED / "v4" / "openapi-subset.json"
#: settings that the description has, by cfclient's names
DESCRIBED = frozenset({"sec_lvl", "cache_lvl", "ipv46", "ob", "bic", "hotlink", "ssl", "img", "chl_ttl", "exp_ttl"})


def _described(folder: Path) -> Path:
    """The description with the whole path in it: Prism serves the paths as they stand there."""
    description = json.loads(DESCRIPTION.read_text())
    description["paths"] = {f"{PATH}{path}": entry for path, entry in description["paths"].items()}
    copy = folder / "openapi.json"
    copy.write_text(json.dumps(description))
    return copy


@contextmanager
def prism(program: str, upstream: str) -> Iterator[str]:
    """Prism in front of this address; its own address, once it answers."""
    with listener("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "proxy", "-h", "127.0.0.1", "-p", str(port), "--errors", str(_described(Path(folder)))]
        with (Path(folder) / "log").open("w+") as log:
            process = subprocess.Popen([*command, upstream], stdout=log, stderr=subprocess.STDOUT)
            try:
                _wait(f"http://127.0.0.1:{port}/", process)
                yield f"http://127.0.0.1:{port}{PATH}"
            finally:
                process.terminate()
                process.wait(timeout=30)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise SystemExit(f"Prism ended with {process.returncode}")
        try:
            urllib.request.urlopen(url, timeout=5)
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("Prism does not answer")


STEPS: dict[str, Callable[[Client, str], Awaitable[Any]]] = {
    "zones": lambda cf, _: cf.zones().all(),
    "records": lambda cf, zone: cf.records(zone).all(),
    "zone_check": lambda cf, zone: cf.zone_check([zone]),
    "zone_settings": lambda cf, zone: cf.perform(act.ZoneSettings(zone, only=DESCRIBED)),
    "sec_lvl": lambda cf, zone: cf.sec_lvl(zone, "help"),
    "cache_lvl": lambda cf, zone: cf.cache_lvl(zone, "basic"),
    "ipv46": lambda cf, zone: cf.ipv46(zone, False),
    "async": lambda cf, zone: cf.async_(zone, "a"),
    "devmode": lambda cf, zone: cf.devmode(zone, True),
    "fpurge_ts": lambda cf, zone: cf.fpurge_ts(zone),
    "zone_file_purge": lambda cf, zone: cf.zone_file_purge(zone, "https://www.example.com/a.css"),
    "wl": lambda cf, _: cf.wl("192.0.2.1"),
    # Another address: changing a rule takes a whole one there, as the description has it, and not in fact.
    "ban": lambda cf, _: cf.ban("192.0.2.2"),
    "nul": lambda cf, _: cf.nul("192.0.2.1"),
}
_SRV: dict[str, Any] = {"service": "_sip", "srvname": "prism", "protocol": "_tcp", "weight": 5, "port": 5060}
RECORDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("A", {"content": "192.0.2.1", "ttl": 300}),
    ("AAAA", {"content": "2001:db8::1"}),
    ("CNAME", {"content": "www.example.net"}),
    ("MX", {"content": "mail.example.net", "prio": 10}),
    ("TXT", {"content": 'quotes " and ünicode'}),
    ("NS", {"content": "ns.example.net"}),
    ("LOC", {"content": "51 30 12.748 N 0 7 39.611 W 0m 1m 10000m 10m"}),
    ("SRV", {"content": "", "prio": 1, "target": "a.example", **_SRV}),
    ("CAA", {"content": '0 issue "ca.example"'}),
    ("HTTPS", {"content": '1 . alpn="h2"'}),
    ("TLSA", {"content": f"3 0 1 {'ab' * 32}"}),
)


async def _driven(url: str) -> int:
    """Every step through Prism; how many were refused."""
    failed = 0
    credentials = {"email": "demo@example.com", "token": "demo-key"}
    async with cfclient.connect(url, **credentials, retry=None) as cf:  # type: ignore[arg-type]  # a mixed dict
        zone = (await cf.zones().all())[-1].zone_name
        steps: dict[str, Callable[[], Awaitable[Any]]] = {
            name: functools.partial(step, cf, zone) for name, step in STEPS.items()
        }

        async def lived(type_: str, given: dict[str, Any]) -> None:
            made = await cf.rec_new(zone, type_, f"prism-{type_.lower()}", **given)
            if type_ not in {"LOC", "SRV"}:
                await cf.rec_edit(zone, made.rec_id, type_, made.display_name or "", made.content, prio=made.prio)
            await cf.rec_delete(zone, made.rec_id)

        for type_, given in RECORDS:
            steps[f"record {type_}"] = functools.partial(lived, type_, given)
        for name, step in steps.items():
            try:
                await step()
            except cfclient.CloudflareError as error:
                failed += 1
                print(f"REFUSED  {name}: {error}")
            else:
                print(f"passed   {name}")
    return failed


def _status(url: str, method: str, body: Any) -> int:
    """The status of a bare request."""
    headers = {"X-Auth-Email": "demo@example.com", "X-Auth-Key": "demo-key", "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        return error.code


def main(program: str) -> int:
    """0 where everything passed, and what is wrong was found wrong."""
    emulator = Emulator.demo(zones=3)
    with serving(emulator.v4, "") as upstream, prism(program, upstream) as url:
        failed = anyio.run(_driven, url)
        zone = v4_id("zone", emulator.account().sites[0].zone.zone_id)
        wrong = _status(f"{url}/zones/{zone}/settings/security_level", "PATCH", {"value": "help"})
        emulator.v4.hook = lambda _: _odd()
        odd = _status(f"{url}/zones/{zone}/settings/security_level", "PATCH", {"value": "high"})
    print(f"a wrong request: {wrong} (expected 422); a wrong reply: {odd} (expected 500)")
    return int(bool(failed) or (wrong, odd) != (422, 500))


def _odd() -> Answer:
    """A reply that is none."""
    return Answer.of({"id": "security_level", "value": "help", "editable": "perhaps"})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
