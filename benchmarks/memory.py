"""How much memory an audit takes for 1,000 zones and for 10,000: the peak of a process of its own for each.

The service is a backend in the same process that makes zones and records up when they are asked for, and
keeps none. The audit goes through a client with all that `connect` puts around a backend, and into JSON
Lines that can be continued.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, TypeVar, cast

T = TypeVar("T")

PAGE = 180


class MadeUp:
    """So many zones with 50 records each, none of which is kept."""

    def __init__(self, zones: int) -> None:
        self.zones = zones

    async def perform(self, action: Any, /) -> Any:
        """The answer to the three actions that an audit asks."""
        from cfclient import actions, models
        from cfclient.backends.account import make_record, make_zone

        await asyncio.sleep(0)
        if isinstance(action, actions.ZoneLoadMulti):
            numbers = range(action.offset, min(action.offset + PAGE, self.zones))
            zones = tuple(make_zone(f"zone-{number}.example", zone_id=str(number)) for number in numbers)
            return models.Page(objs=zones, count=len(zones), has_more=action.offset + PAGE < self.zones)
        if isinstance(action, actions.RecLoadAll):
            records = tuple(
                make_record(
                    action.zone, models.RecordType.A, f"n{number}.{action.zone}", "192.0.2.1", rec_id=str(number)
                )
                for number in range(50)
            )
            return models.Page(objs=records, count=len(records), has_more=False)
        return models.ZoneSettings(ssl=models.SslMode.OFF)


def worker(zones: int) -> dict[str, int]:
    """Audits, and says how much memory that took at its most."""
    import cfclient
    from cfclient.audit import RULES
    from cfclient.audit.journal import Identity, Journal

    service = MadeUp(zones)

    async def run(path: Path) -> int:
        with Journal(path, Identity.of("made up", RULES), RULES) as journal:
            async with (
                cfclient.connect(lambda _: cast("cfclient.Backend", service)) as client,
                cfclient.audit(client, skip=journal.done) as audit,
            ):
                async for zone in audit:
                    journal.zone(zone)
                return journal.finish(audit.summary).zones_read

    with tempfile.TemporaryDirectory() as folder:
        read = asyncio.run(run(Path(folder) / "audit.jsonl"))
    return {"zones": read, "kilobytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}


def peak(zones: int) -> int:
    """Kilobytes, of a process of its own."""
    command = [sys.executable, "-m", "benchmarks.memory", "--worker", str(zones)]
    done = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    if done["zones"] != zones:
        raise RuntimeError(f"{done['zones']} of {zones} zones were read")
    kilobytes: int = done["kilobytes"]
    return kilobytes


def main() -> None:
    """Prints the peaks of each round, and the median of their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--few", type=int, default=1_000, help="zones of the smaller audit")
    parser.add_argument("--many", type=int, default=10_000, help="zones of the larger one")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker is not None:
        print(json.dumps(worker(options.worker)))
        return
    ratios = []
    for _ in range(options.rounds):
        few, many = peak(options.few), peak(options.many)
        ratios.append(many / few)
        print(f"{options.few:>6,} zones {few:>8,} kB    {options.many:>6,} zones {many:>8,} kB    {ratios[-1]:.3f}")
    print(f"ratio of the peaks: {statistics.median(ratios):.3f} (median of {options.rounds})")


if __name__ == "__main__":
    main()
