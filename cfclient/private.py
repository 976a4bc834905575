"""Whether a file that holds a key is for its owner only, or not even for us; it imports nothing of ours."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

__all__ = ["exposed", "unread"]

#: anybody but the owner
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def exposed(path: Path) -> str | None:
    """The words of a warning where others on this machine may read or change the file, None where they may not."""
    if sys.platform == "win32":  # pragma: no cover  other rights there, which no mode tells
        return None
    mode = path.stat().st_mode
    if not mode & _OTHERS or not stat.S_ISREG(mode):
        return None
    return f"{path} holds a key, and other users of this machine can read it: chmod 600 {path}"


def unread(path: Path, error: Exception) -> str:
    """That this file cannot be read, why, and what to do where it is there and this user may not."""
    if not isinstance(error, OSError):
        return f"{path} cannot be read: {error}"
    # An error of the system has the path in its own words too.
    reason = f"{path} cannot be read: {error.strerror or error}"
    if isinstance(error, PermissionError):
        reason += f"; let this user read it (ls -ld {path} shows whose it is), or take another file"
    return reason
