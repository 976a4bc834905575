"""Audits every zone of an account, or those that a file names, and writes one CSV row per finding.

    CFCLIENT_URL=... CFCLIENT_EMAIL=... CFCLIENT_TOKEN=... python examples/bulk_audit.py findings.csv [zones.txt]

Zones are read 32 at a time and written as they finish; memory does not grow with their number.
A zone that could not be read is a row too, with the reason: a report that is silent on a zone says that it is well.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import cfclient
from cfclient.audit.report import reporter


async def main(target: Path, names: list[str] | None) -> int:
    """The exit code: 0 where every zone was read."""
    done = 0
    async with cfclient.connect() as cf, cfclient.audit(cf, names, concurrency=32) as run:
        with target.open("w", newline="", encoding="utf-8") as stream:
            report = reporter("csv", stream)
            async for zone in run:
                report.zone(zone)
                done += 1
                if sys.stderr.isatty():
                    print(f"\r{done} of {run.total} zones", end="", file=sys.stderr, flush=True)
            report.finish(run.summary)
    summary = run.summary
    words = f"{summary.zones_read} of {summary.zones_expected} zones were read: {summary.findings} findings"
    print(f"\r{words}" if sys.stderr.isatty() else words, file=sys.stderr)
    return 0 if summary.complete else 1


if __name__ == "__main__":
    if len(sys.argv) not in {2, 3}:
        sys.exit("usage: bulk_audit.py FINDINGS.csv [ZONES.txt]")
    try:
        listed = Path(sys.argv[2]).read_text(encoding="utf-8").split() if len(sys.argv) == 3 else None
        code = asyncio.run(main(Path(sys.argv[1]), listed))
    except (cfclient.CloudflareError, OSError) as error:
        sys.exit(f"bulk_audit: {error}")
    except KeyboardInterrupt:
        sys.exit("bulk_audit: interrupted; the file has the zones that were read until then")
    sys.exit(code)
