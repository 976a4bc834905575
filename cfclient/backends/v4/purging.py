"""Purges of the cache: the time of a whole purge is ours, because version 4 tells none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from cfclient.actions import FpurgeTs, ZoneFilePurge
from cfclient.models import FilePurge, Purge

from .asking import Asking
from .memory import Memory
from .support import Permission
from .zones import Zones

__all__ = ["COOLDOWN", "everything", "one_file"]

#: seconds between two purges, as version 1 said; version 4 has a bucket (5 a minute on the free plan) and says 429
COOLDOWN: Final = 20


async def everything(asking: Asking, zones: Zones, memory: Memory, action: FpurgeTs) -> Purge:
    """Purges the whole cache of a zone."""
    zone = await zones.reference(action.zone)
    await asking.send("POST", f"/zones/{zone.id}/purge_cache", {"purge_everything": True}, needs=Permission.PURGE)
    now = datetime.fromtimestamp(int(asking.now()), UTC)
    memory.put((asking.credentials.principal, "purge", zone.id), now)
    return Purge(fpurge_ts=now, zone=await zones.after(zone.id), cooldown=COOLDOWN)


async def one_file(asking: Asking, zones: Zones, action: ZoneFilePurge) -> FilePurge:
    """Purges one file."""
    zone = await zones.reference(action.zone)
    await asking.send("POST", f"/zones/{zone.id}/purge_cache", {"files": [action.url]}, needs=Permission.PURGE)
    return FilePurge(url=action.url)
