"""Measuring: each peer in a process of its own, in turn, round by round; ratios of the same round.

CPU is user and system time of the peer's process around its work alone. Where there are two cores, servers run on
the second one and peers on the first.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import math
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = [
    "Bench",
    "cpu_seconds",
    "machine",
    "nginx",
    "peak_mib",
    "percentile",
    "served",
    "spread",
    "table",
    "worker",
]

Figures = dict[str, Any]


def cpu_seconds() -> float:
    """User and system time of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_mib() -> float:
    """The most memory that this process had so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def percentile(values: Sequence[float], percent: int) -> float:
    """By nearest rank; 0 where there is none."""
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1] if values else 0.0


def spread(values: Sequence[float]) -> str:
    """Median, lowest and highest."""
    return f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


def _on_core(number: int) -> Callable[[], None] | None:
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2:
        return None
    core = cores[number]
    return lambda: os.sched_setaffinity(0, {core})


@contextlib.contextmanager
def served(*options: str) -> Iterator[int]:
    """The bundled server in another process, on another core; its port."""
    command = [sys.executable, "-m", "benchmarks.server", *options]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=_on_core(1)
    ) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        try:
            yield int(server.stdout.readline())
        finally:
            server.stdin.close()
            server.wait(timeout=30)


@contextlib.contextmanager
def nginx(files: Mapping[str, bytes]) -> Iterator[int]:
    """Nginx with these files, on another core; its port. POST is answered like GET."""
    import socket

    with tempfile.TemporaryDirectory() as folder, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        taken.close()
        for name, body in files.items():
            (Path(folder) / name).write_bytes(body)
        (Path(folder) / "nginx.conf").write_text(
            f"daemon off; worker_processes 1; pid {folder}/pid; error_log stderr crit;\n"
            "events { worker_connections 8192; }\n"
            "http { access_log off; keepalive_requests 10000000; default_type application/json;\n"
            f"  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};\n"
            f"  uwsgi_temp_path {folder}; scgi_temp_path {folder};\n"
            f"  server {{ listen 127.0.0.1:{port} backlog=8192; root {folder}; error_page 405 =200 $uri; }} }}\n"
        )
        os.chmod(folder, 0o755)
        with subprocess.Popen(
            [
                "nginx",
                "-p",
                folder,
                "-c",
                f"{folder}/nginx.conf",
                "-g",
                f"user {'root' if os.getuid() == 0 else 'nobody'};",
            ],
            preexec_fn=_on_core(1),
        ) as server:
            try:
                for _ in range(200):
                    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                        break
                yield port
            finally:
                server.terminate()
                server.wait(timeout=30)


def worker(module: str, *arguments: object) -> Figures:
    """One run of one peer in a process of its own: what it printed as JSON, or how it failed."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900, preexec_fn=_on_core(0))
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:])}: {done.stderr.strip().splitlines()[-1:]}")
    figures: Figures = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


class Bench:
    """Rounds of several peers in turn, and what comes of them."""

    def __init__(self, peers: Mapping[str, Callable[[], Figures]], rounds: int) -> None:
        self.runs: dict[str, list[Figures]] = {name: [] for name in peers}
        for _ in range(rounds):
            for name, run in peers.items():
                self.runs[name].append(run())

    def median(self, peer: str, key: str) -> float:
        """Of all rounds of one peer."""
        return float(statistics.median(run[key] for run in self.runs[peer]))

    def total(self, peer: str, key: str) -> float:
        """Over all rounds of one peer."""
        return float(sum(run[key] for run in self.runs[peer]))

    def ratio(self, peer: str, other: str, key: str) -> str:
        """The ratio of two peers, round by round."""
        pairs = zip(self.runs[peer], self.runs[other], strict=True)
        return spread([one[key] / (two[key] or math.nan) for one, two in pairs])


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table in Markdown that is readable as text too."""
    cells = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


_PACKAGES = ("httpx", "httpcore", "httpx2", "aiohttp", "pycurl", "cloudflare", "msgspec", "attrs", "cattrs", "anyio")


def machine() -> str:
    """What was measured with what, and when."""
    found = []
    for name in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    cores = os.cpu_count()
    tools = ", ".join(name for name in ("nginx", "wrk") if shutil.which(name)) or "neither nginx nor wrk"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    where = f"{platform.system()} {platform.machine()}, {cores} cores"
    return f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC, {python} on {where}; {', '.join(found)}; {tools}."
