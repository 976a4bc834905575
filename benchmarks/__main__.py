"""The benchmarks: `python -m benchmarks NAME ...`, or `all`, which also writes benchmarks/RESULTS.md.

Each is a function that measures in paired rounds and returns its part of the report.
"""

from __future__ import annotations

import argparse
import compileall
import contextlib
import inspect
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import cfclient
from benchmarks import canned
from benchmarks.measure import Bench, machine, nginx, served, spread, table, worker

RESULTS = Path(__file__).parent / "RESULTS.md"

OURS = ("cfclient", "cfclient+aiohttp", "cfclient+pycurl")


def _verdict(value: float, limit: float, *, at_least: bool = False) -> str:
    kept = value >= limit if at_least else value <= limit
    return f"{value:.3g} ({'at least' if at_least else 'at most'} {limit:g}: {'kept' if kept else 'MISSED'})"


def _peers(work: str, names: tuple[str, ...], port: int, number: int, in_flight: int) -> dict[str, Callable[[], Any]]:
    return {name: partial(worker, "benchmarks.peers", work, name, port, number, in_flight) for name in names}


# -- bulk ------------------------------------------------------------------------------------------------


def _wrk(port: int, path: str, connections: int) -> float:
    """Requests per second of the load generator, which does nothing with the answers: the ceiling."""
    command = ["wrk", "-t1", f"-c{connections}", "-d2s", f"http://127.0.0.1:{port}/{path}"]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    found = re.search(r"Requests/sec:\s*([\d.]+)", text)
    return float(found[1]) if found else 0.0


@contextlib.contextmanager
def _fast_server() -> Iterator[int]:
    files = {"small.json": canned.SMALL, "page.json": canned.page()}
    with nginx(files) if shutil.which("nginx") else served() as port:
        yield port


def bulk(rounds: int) -> str:
    """Undecoded requests, small ones and pages of 98 KB, with 1 to 6,000 in flight.

    cfclient has its default of 32 connections, for which the others wait in line, and again 100, as aiohttp has.
    """
    names = (*OURS, "httpx", "httpx2", "aiohttp", "pycurl", "asyncio")
    wider = tuple(f"{name}, 100 connections" for name in OURS)
    parts = []
    for work, numbers in (("small", 2000), ("page", 1000)):
        rows: list[tuple[object, ...]] = []
        at_20: Bench | None = None
        with _fast_server() as port:
            for in_flight in (1, 20, 100, 500, 1000):
                number = 300 if in_flight == 1 else max(numbers, in_flight)
                bench = Bench(_peers(work, names + wider * (in_flight >= 100), port, number, in_flight), rounds)
                if in_flight == 20:
                    at_20 = bench
                for name in bench.runs:
                    middle = partial(bench.median, name)
                    own = ""
                    if at_20 is not None:
                        own = f"{middle('cpu_us') / at_20.median(name.partition(',')[0], 'cpu_us'):.2f}"
                    rows.append(
                        (
                            in_flight,
                            name,
                            f"{middle('cpu_us'):.0f}",
                            own,
                            bench.ratio(name, "aiohttp", "cpu_us"),
                            f"{middle('per_second'):.0f}",
                            f"{middle('p50_ms'):.1f}",
                            f"{middle('p99_ms'):.1f}",
                            f"{bench.total(name, 'failed'):.0f}",
                            f"{middle('peak_mib'):.0f}",
                        )
                    )
            if shutil.which("wrk") and shutil.which("nginx"):
                rows += [
                    (c, "wrk", "", "", "", f"{_wrk(port, f'{work}.json', c):.0f}", "", "", "", "") for c in (1, 20, 100)
                ]
        head = (
            "in flight",
            "peer",
            "CPU us",
            "against its own at 20",
            "CPU against aiohttp",
            "requests/s",
            "p50 ms",
            "p99 ms",
            "failed",
            "peak MiB",
        )
        parts.append(f"### {work}\n\n" + table(head, rows))
    with served("--latency", "50") as port:
        bench = Bench(_peers("small", names, port, 6000, 6000), max(1, rounds // 2))
    rows = [
        (
            name,
            f"{bench.total(name, 'done'):.0f}",
            f"{bench.total(name, 'failed'):.0f}",
            f"{bench.median(name, 'cpu_us'):.0f}",
            f"{bench.median(name, 'peak_mib'):.0f}",
        )
        for name in names
    ]
    parts.append(
        "### 6,000 gathered requests at 50 ms\n\n" + table(("peer", "answered", "failed", "CPU us", "peak MiB"), rows)
    )
    return "\n\n".join(parts)


# -- audit, latency, deep ----------------------------------------------------------------------------------

_AUDIT_LIMITS = {
    "cfclient": (1 / 3, 1.7, 1 / 16),
    "cfclient+aiohttp": (1 / 6, 0.8, 1 / 30),
    "cfclient+pycurl": (1 / 8, 0.6, 1 / 40),
}


def audit(rounds: int) -> str:
    """300 zones read whole, a page of 180 records and the settings of each, 50 zones at once."""
    names = (*OURS, "httpx", "httpx2", "aiohttp", "pycurl", "sdk", "asyncio", "least")
    with served() as port:
        peers = _peers("audit", names, port, 300, 50)
        if sys.version_info < (3, 12):
            for threads in (1, 20):
                peers[f"libcloud, {threads} threads"] = partial(worker, "benchmarks.libcloud", port, 100, threads)
        bench = Bench(peers, rounds)
    rows = []
    for name in peers:
        ratios = []
        for other, limit in zip(("httpx", "aiohttp", "sdk"), _AUDIT_LIMITS.get(name, (None,) * 3), strict=True):
            ratio = bench.ratio(name, other, "cpu_us")
            kept = ""
            if limit is not None:
                kept = " kept" if float(ratio.split()[0]) <= limit else f" MISSED {limit:.3g}"
            ratios.append(ratio + kept)
        rows.append(
            (
                name,
                f"{bench.median(name, 'cpu_us'):.0f}",
                *ratios,
                f"{bench.median(name, 'per_second'):.0f}",
                f"{bench.median(name, 'peak_mib'):.0f}",
            )
        )
    return table(
        ("peer", "CPU us/zone", "against httpx", "against aiohttp", "against the SDK", "zones/s", "peak MiB"), rows
    )


_LATENCY_LIMITS = {"cfclient": 80.0, "cfclient+aiohttp": 92.0, "cfclient+pycurl": 94.0}


def latency(rounds: int) -> str:
    """600 small calls at 50 ms each, 50 at once over as many connections, as a share of the ideal of 0.6 s."""
    names = (*(f"{name}, 50 connections" for name in OURS), "httpx", "httpx2", "aiohttp", "pycurl", "asyncio")
    with served("--latency", "50") as port:
        bench = Bench(_peers("small", names, port, 600, 50), rounds)
    rows = []
    for name in names:
        shares = [100 * 0.6 / run["wall"] for run in bench.runs[name]]
        least = _LATENCY_LIMITS.get(name.partition(",")[0])
        verdict = "" if least is None else _verdict(statistics.median(shares), least, at_least=True)
        rows.append((name, spread(shares), verdict))
    return table(("peer", "share of the ideal, %", "verdict"), rows)


def _workers(module: str, works: Mapping[str, tuple[object, ...]], rounds: int) -> Bench:
    return Bench({name: partial(worker, module, *arguments) for name, arguments in works.items()}, rounds)


def deep(rounds: int) -> str:
    """One zone of 10,000 records (56 pages) at 50 ms, page after page and fetched ahead."""
    with served("--latency", "50", "--records", "10000") as port:
        bench = _workers("benchmarks.single", {name: ("deep", port, name) for name in ("in-sequence", "ahead")}, rounds)
    faster = bench.ratio("in-sequence", "ahead", "wall")
    rows = [(name, f"{bench.median(name, 'wall'):.2f}", f"{bench.median(name, 'calls'):.0f}") for name in bench.runs]
    return (
        table(("how", "seconds", "calls"), rows)
        + f"\n\nahead is faster by a factor of {faster}; at least 4.5 is asked for."
    )


# -- what needs no server -----------------------------------------------------------------------------------


def decode(rounds: int) -> str:
    """A page of 180 records from bytes to typed values, against `json.loads` of the same bytes."""
    bench = _workers("benchmarks.single", {kind: ("decode", kind) for kind in ("documented", "whole")}, rounds)
    rows = []
    for kind, limit in (("documented", 0.6), ("whole", 0.45)):
        ratio = spread([run["ratio"] for run in bench.runs[kind]])
        verdict = _verdict(bench.median(kind, "ratio"), limit)
        rows.append((kind, ratio, verdict, f"{bench.median(kind, 'ns'):.0f}", f"{bench.median(kind, 'bytes'):.0f}"))
    return table(("page", "of json.loads", "verdict", "ns/record", "bytes/record"), rows)


def overhead(rounds: int) -> str:
    """`Client.perform` over an adapter that answers from memory: what our own layers cost a call."""
    kinds = ("whole stack", "without pacing", "without pacing and retrying")
    bench = _workers("benchmarks.single", {kind: ("overhead", kind) for kind in kinds}, rounds)
    rows = [
        (kind, spread([run["us"] for run in bench.runs[kind]]), _verdict(bench.median(kind, "us"), 25))
        for kind in kinds
    ]
    return table(("layers", "CPU us/call", "verdict"), rows)


_CONNECT = """
import asyncio, cfclient
async def main():
    async with cfclient.connect("https://v1.example.net/api_json.html", email="you@example.com", token="key"):
        pass
asyncio.run(main())
"""

_STARTS: dict[str, list[str]] = {
    "import httpx": ["-c", "import httpx"],
    "import aiohttp": ["-c", "import aiohttp"],
    "import cloudflare (SDK)": ["-c", "import cloudflare"],
    "import cfclient": ["-c", "import cfclient"],
    "import and first connect": [
        "-c",
        _CONNECT,
    ],
    "cfclient --version": ["-m", "cfclient", "--version"],
    "cfclient audit --demo": ["-m", "cfclient", "audit", "--demo", "--format", "jsonl", "-o", "/dev/null"],
}


def startup(rounds: int) -> str:
    """Whole processes, against a bare `import httpx`; and how many modules each has loaded."""
    # As pip leaves it, and as the others are: with its bytecode, which a checkout need not have.
    compileall.compile_dir(Path(cfclient.__file__).parent, quiet=1)
    bench = Bench(
        {name: partial(worker, "benchmarks.single", "start", *start) for name, start in _STARTS.items()}, rounds
    )
    limits = {"import cfclient": 0.8, "import and first connect": 1.6, "cfclient --version": 1.5}
    rows = []
    for name in _STARTS:
        ratio = bench.ratio(name, "import httpx", "cpu")
        verdict = _verdict(float(ratio.split()[0]), limits[name]) if name in limits else ""
        rows.append(
            (name, f"{1000 * bench.median(name, 'cpu'):.0f}", ratio, verdict, f"{bench.median(name, 'modules'):.0f}")
        )
    return table(("process", "CPU ms", "against import httpx", "verdict", "modules"), rows)


def scaling(rounds: int) -> str:
    """Cost per zone at 10 to 10,000 zones, and per record at 1 to 100,000 records of one zone."""
    parts = []
    # A zone of one record costs what every zone costs, so records are held against each other from 100 on.
    for what, sizes, first in (("zones", (10, 100, 1000, 10_000), 0), ("records", (1, 100, 10_000, 100_000), 1)):
        works = {str(size): ("scale", what, size) for size in sizes}
        bench = _workers("benchmarks.single", works, rounds)
        rows = [
            (size, spread([run["us"] for run in bench.runs[str(size)]]), f"{bench.median(str(size), 'peak_mib'):.0f}")
            for size in sizes
        ]
        each = [bench.median(str(size), "us") for size in sizes]
        whole = [size * us for size, us in zip(sizes, each, strict=True)]
        further = [(b - a) / (n - m) for m, n, a, b in zip(sizes, sizes[1:], whole, whole[1:], strict=False)]
        parts.append(
            table((what, f"CPU us for each of the {what}", "peak MiB"), rows)
            + f"\n\nfrom {sizes[first]:,} on, the dearest against the cheapest: "
            + _verdict(max(each[first:]) / min(each[first:]), 1.25)
            + f"\n\neach further of the {what}, without what all of them share: "
            + ", ".join(f"{us:.3g} up to {size:,}" for us, size in zip(further, sizes[1:], strict=True))
            + f"; of the last two the dearer against the cheaper: {_verdict(max(further[1:]) / min(further[1:]), 1.25)}"
        )
    return "\n\n".join(parts)


def pace(_: int) -> str:
    """The window with 100,000 waiting calls, and audits of 3,000 zones under the real limits, on a simulated clock.

    The least is what the limits allow for the calls that were made: windows of 1,200 in 300 s, 200 a second.
    """
    window = worker("benchmarks.pacing", "window", 100_000)
    rows = []
    for face in ("v1", "v4"):
        for principals in (1, 40):
            run = worker("benchmarks.pacing", "audit", face, 3000, principals)
            calls = f"{run['calls_per_zone']:.3f} ({run['least_calls_per_zone']:.3f})"
            seconds = f"{run['seconds']:.0f} ({run['least_seconds']:.0f})"
            rows.append((face, principals, run["calls"], calls, seconds, _verdict(run["of_least"], 1.05)))
    head = ("way", "principals", "calls", "calls a zone (least)", "simulated seconds (least)", "of the least")
    return (
        f"100,000 waiting calls: {window['us']:.0f} us of CPU a call, {window['of_least']:.4f} of the least time, "
        f"at most {window['most_in_a_window']:,} of 1,200 in any 300 s.\n\n" + table(head, rows)
    )


def memory(rounds: int) -> str:
    """Zones of 50 records streamed to a file: the peak of a process of its own."""
    bench = _workers("benchmarks.memory", {str(zones): ("--worker", zones) for zones in (1000, 10_000)}, min(rounds, 3))
    peaks = {name: bench.median(name, "kilobytes") / 1024 for name in bench.runs}
    ratio = _verdict(float(bench.ratio("10000", "1000", "kilobytes").split()[0]), 1.1)
    rows = [(name, f"{peak:.1f}") for name, peak in peaks.items()]
    return (
        table(("zones", "peak MiB"), rows)
        + f"\n\nof 10,000 zones: {_verdict(peaks['10000'], 80)}; against 1,000 zones: {ratio}"
    )


BENCHMARKS: dict[str, Callable[[int], str]] = {
    "decode": decode,
    "audit": audit,
    "latency": latency,
    "deep": deep,
    "overhead": overhead,
    "startup": startup,
    "scaling": scaling,
    "memory": memory,
    "pace": pace,
    "bulk": bulk,
}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="+", choices=[*BENCHMARKS, "all"], metavar="NAME", help=", ".join([*BENCHMARKS, "all"])
    )
    parser.add_argument("--update", action="store_true", help="put these parts into RESULTS.md, which has the others")
    parser.add_argument("--rounds", type=int, default=5, help="how many times each peer runs (5)")
    arguments = parser.parse_args()
    chosen = list(BENCHMARKS) if "all" in arguments.names else arguments.names
    command = f"python -m benchmarks {' '.join(arguments.names)} --rounds {arguments.rounds}"
    how = "Each figure is the median of the rounds, with the lowest and the highest."
    text = f"# Results\n\n`{command}`\n\n{machine()}\n{how}\n"
    print(text, flush=True)
    for name in chosen:
        part = f"## {name}\n\n{inspect.getdoc(BENCHMARKS[name])}\n\n{BENCHMARKS[name](arguments.rounds)}\n"
        print(part, flush=True)
        text += f"\n{part}"
        if "all" in arguments.names:  # part by part: it takes long
            RESULTS.write_text(text, encoding="utf-8")
        elif arguments.update:
            heading, rest = part.split("\n", 1)
            _replace(
                name, f"{heading}\n\n`{command}`, {machine().partition(',')[0]}, instead of the run above.\n{rest}"
            )


def _replace(name: str, part: str) -> None:
    """Puts a part in the place of the one of the same name."""
    head, found, tail = RESULTS.read_text(encoding="utf-8").partition(f"\n## {name}\n")
    if not found:
        raise SystemExit(f"{RESULTS.name} has no part {name}")
    _, following, rest = tail.partition("\n## ")
    RESULTS.write_text(f"{head}\n{part}{following}{rest}", encoding="utf-8")


if __name__ == "__main__":
    main()
