"""Many seeds with their findings, or one with its whole trace.

python -m tests.simulation --seeds 10000 --first 0
python -m tests.simulation --seed 123
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.simulation.world import WAYS, simulate


def main() -> int:
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first one")
    parser.add_argument("--seed", type=int, help="this one only, step by step")
    parser.add_argument("--year", action="store_true", help="a year of the bot instead of a day of all clients")
    parser.add_argument(
        "--way", choices=sorted(WAYS), help="how clients reach the service; one seed in four is over v4"
    )
    options = parser.parse_args()
    if options.seed is not None:
        result = simulate(options.seed, way=options.way, year=options.year)
        print("\n".join([*result.trace, *(f"FINDING: {finding}" for finding in result.findings)]))
        return 1 if result.findings else 0
    began, found, met, outcomes, seconds = time.monotonic(), 0, Counter[str](), Counter[str](), 0.0
    for number in range(options.seeds):
        seed = options.first + number
        result = simulate(seed, way=options.way, year=options.year)
        met += result.met
        outcomes += result.outcomes
        seconds += result.seconds
        for finding in result.findings:
            found += 1
            print(f"seed {seed}: {finding}  (replay: make simulate SEED={seed})", flush=True)
        if (number + 1) % 500 == 0:
            print(f"{number + 1} seeds, {found} findings, {time.monotonic() - began:.0f} s", flush=True)
    faults = sum(met.values()) - met["none"]
    print(f"{options.seeds} seeds{f' over {options.way}' if options.way else ''}: {found} findings")
    print(f"{sum(met.values())} exchanges, {faults} of them faulted, in {seconds / 86400:.1f} days of the mock clock")
    print("faults: " + ", ".join(f"{name} {count}" for name, count in met.most_common() if name != "none"))
    print("writes: " + ", ".join(f"{name} {count}" for name, count in outcomes.most_common()))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
