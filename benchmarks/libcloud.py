"""apache-libcloud's version 1 driver on the work of `audit`: one zone after the other, or in 20 threads.

python -m benchmarks.libcloud PORT ZONES THREADS
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.measure import cpu_seconds, peak_mib

warnings.simplefilter("ignore")


def main() -> None:
    """The command line; libcloud 2.5.0 imports on Python 3.11 only."""
    from libcloud.dns.base import Zone
    from libcloud.dns.drivers import cloudflare

    port, zones, threads = map(int, sys.argv[1:4])
    connection = cloudflare.CloudFlareDNSConnection
    connection.host, connection.port, connection.secure = "127.0.0.1", port, False

    def read(names: list[str]) -> int:
        driver: Any = cloudflare.CloudFlareDNSDriver(
            "you@example.com", "key", secure=False, host="127.0.0.1", port=port
        )
        found = 0
        for name in names:
            zone = Zone(id=name, domain=name, type="master", ttl=None, driver=driver)
            driver.ex_get_zone_settings(zone)
            found += len(driver.list_records(zone))
        return found

    names = [f"zone-{index}.example" for index in range(zones)]
    read(names[:1])
    cpu, began = cpu_seconds(), time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        found = sum(pool.map(read, [names[start::threads] for start in range(threads)]))
    wall, cpu = time.perf_counter() - began, cpu_seconds() - cpu
    if found != 180 * zones:
        raise SystemExit(f"{found} records of {180 * zones}")
    print(json.dumps({"cpu_us": 1e6 * cpu / zones, "wall": wall, "per_second": zones / wall, "peak_mib": peak_mib()}))


if __name__ == "__main__":
    main()
