r"""Keeps a DNS record at the address of this machine, for as long as it runs.

    CFCLIENT_URL=... CFCLIENT_EMAIL=... CFCLIENT_TOKEN=... \
        python examples/dyndns.py example.com home --ask https://address.example.net/

`--ask` is any page that answers with the visitor's address as plain text; it is asked over and over.
The record is written only when it differs, and made when it is missing.
A fault is logged and tried again at the next turn: whatever became of this one, the next looks first.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import logging
import signal
from typing import cast

import httpx
import idna

import cfclient

log = logging.getLogger("dyndns")


async def current_address(ask: str) -> str:
    """The address under which this machine is seen."""
    async with httpx.AsyncClient(timeout=20) as http:
        reply = await http.get(ask)
        reply.raise_for_status()
    address = ipaddress.ip_address(reply.text.strip())
    if not address.is_global and not address.is_loopback:
        raise ValueError(f"{address} is not an address that the world can reach")
    return str(address)


def plain(name: str) -> str:
    """A name in the one form in which names compare: in small letters, without its final dot, umlauts as xn--."""
    labels = name.lower().rstrip(".").split(".")
    return ".".join(label if label.isascii() else idna.encode(label, uts46=True).decode() for label in labels)


async def update(cf: cfclient.Client, zone: str, name: str, address: str, ttl: int) -> str:
    """Sees to it that the record has this address; what was done."""
    kind = "AAAA" if ":" in address else "A"
    absolute = plain(zone if name == "@" else f"{name}.{zone}")
    found = [record async for record in cf.records(zone) if (plain(record.name), record.type) == (absolute, kind)]
    if any(record.content == address for record in found):
        return "kept"
    if found:
        # service_mode as it was: nobody is put behind the proxy, or taken out of it, by a change of address.
        mode = found[0].service_mode
        await cf.rec_edit(zone, found[0].rec_id, kind, name, address, ttl=ttl, service_mode=mode)
        return "changed"
    await cf.rec_new(zone, kind, name, address, ttl=ttl)
    return "created"


async def turn(cf: cfclient.Client, options: argparse.Namespace) -> None:
    """One look; no fault ends the program."""
    try:
        address = await current_address(options.ask)
        done = await update(cf, options.zone, options.name, address, options.ttl)
    except cfclient.OutcomeUnknown as error:
        log.warning("nobody knows whether the record was created; the next turn looks: %s", error)
    except (cfclient.CloudflareError, httpx.HTTPError, ValueError) as error:
        log.warning("not this time: %s", error)
    else:
        log.info("%s %s: %s", options.name, done, address)


async def main() -> None:
    """Turn after turn, until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("zone", help="the zone's name")
    parser.add_argument("name", help="the record's name within the zone, @ for the zone itself")
    parser.add_argument("--ask", required=True, help="a page that answers with the visitor's address")
    parser.add_argument("--every", type=float, default=300, help="seconds between two turns (300)")
    parser.add_argument("--ttl", type=int, default=120, help="the record's time to live in seconds (120)")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    task = cast("asyncio.Task[None]", asyncio.current_task())
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, task.cancel)
    try:
        async with cfclient.connect() as cf:
            while True:
                await turn(cf, options)
                await asyncio.sleep(options.every)
    except asyncio.CancelledError:
        log.info("ended")


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except cfclient.ConfigurationError as error:
        raise SystemExit(f"dyndns: {error}") from None
