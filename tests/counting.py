"""What a process holds open, counted from outside of the library."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

__all__ = ["needs_proc", "resident", "sockets"]

needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open sockets are counted through /proc")


def sockets() -> int:
    """How many sockets this process has open."""
    fds = Path("/proc/self/fd")
    return sum(1 for fd in fds.iterdir() if os.path.realpath(fd).rpartition("/")[2].startswith("socket:"))


def resident() -> int:
    """How many KiB of memory this process has."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1])
