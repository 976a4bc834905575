"""What the benchmark servers answer: bodies made once, in version 1's form and in version 4's.

A page has 180 records and about 98 KB, as the document's pages have; the settings are those of the document.
"""

from __future__ import annotations

import json
from typing import Any, Final

__all__ = ["PAGE_SIZE", "SMALL", "page", "settings", "v4_page", "v4_setting", "zones"]

PAGE_SIZE: Final = 180

SMALL: Final = b'{"result":"success","msg":null}'

_FLAGS: Final = {"proxiable": 1, "cloud_on": 1, "cf_open": 0, "ssl": 1, "expired_ssl": 0, "expiring_ssl": 0}


def _record(number: int, *, whole: bool) -> dict[str, Any]:
    """A record as version 1 sent it; `whole` adds the keys that only some replies have."""
    name = f"host-{number:05d}.services.example.com"
    record: dict[str, Any] = {
        "rec_id": str(16_606_009 + number),
        "rec_hash": f"{number:032x}",
        "zone_name": "example.com",
        "name": name,
        "display_name": name.removesuffix(".example.com"),
        "type": "A",
        "prio": None,
        "content": f"192.0.2.{number % 250}",
        "display_content": f"192.0.2.{number % 250}",
        "ttl": "1",
        "ttl_ceil": 86400,
        "ssl_id": None,
        "ssl_status": None,
        "ssl_expires_on": None,
        "auto_ttl": 1,
        "service_mode": "1",
        "props": {**_FLAGS, "pending_ssl": 0},
    }
    if whole:
        record["rec_tag"] = record["rec_hash"]
        record["mx"] = {"auto": False}
        record["props"]["vanity_lock"] = 0
    return record


def page(offset: int = 0, total: int = PAGE_SIZE, *, size: int = PAGE_SIZE, whole: bool = False) -> bytes:
    """The reply of `rec_load_all` for this offset of a zone of so many records."""
    records = [_record(number, whole=whole) for number in range(offset, min(offset + size, total))]
    listing = {"has_more": offset + size < total, "count": len(records), "objs": records}
    reply = {
        "request": {"act": "rec_load_all", "a": "rec_load_all", "z": "example.com"},
        "response": {"recs": listing},
        "result": "success",
        "msg": None,
    }
    return json.dumps(reply).encode()


_SETTINGS: Final = {
    "userSecuritySetting": "High",
    "dev_mode": 0,
    "ipv46": 3,
    "ob": 1,
    "cache_lvl": "agg",
    "outboundLinks": "disabled",
    "async": "0",
    "bic": "1",
    "chl_ttl": "14400",
    "exp_ttl": "14400",
    "fpurge_ts": "1359009600",
    "hotlink": "1",
    "img": "170",
    "lazy": "1",
    "minify": "7",
    "outlink": "1",
    "preload": "1",
    "s404": "0",
    "sec_lvl": "high",
    "spdy": "1",
    "ssl": "3",
    "waf_profile": "high",
}


def settings() -> bytes:
    """The reply of `zone_settings`."""
    reply = {
        "request": {"act": "zone_settings"},
        "response": {"result": {"objs": [_SETTINGS]}},
        "result": "success",
        "msg": None,
    }
    return json.dumps(reply).encode()


def zones(offset: int, total: int, *, size: int = PAGE_SIZE) -> bytes:
    """The reply of `zone_load_multi` for this offset of an account of so many zones."""
    listed = [
        {"zone_id": str(number + 1), "zone_name": f"zone-{number}.example", "props": {"pro": 0}, "allow": []}
        for number in range(offset, min(offset + size, total))
    ]
    listing = {"has_more": offset + size < total, "count": len(listed), "objs": listed}
    return json.dumps({"response": {"zones": listing}, "result": "success", "msg": None}).encode()


def v4_page() -> bytes:
    """The same records as version 4 lists them."""
    records: list[dict[str, Any]] = [
        {
            "id": f"{number:032x}",
            "name": f"host-{number:05d}.services.example.com",
            "type": "A",
            "content": f"192.0.2.{number % 250}",
            "proxiable": True,
            "proxied": True,
            "ttl": 1,
            "settings": {},
            "meta": {},
            "comment": None,
            "tags": [],
            "created_on": "2026-01-01T00:00:00.000000Z",
            "modified_on": "2026-01-01T00:00:00.000000Z",
        }
        for number in range(PAGE_SIZE)
    ]
    counts = {"page": 1, "per_page": PAGE_SIZE, "count": PAGE_SIZE, "total_count": PAGE_SIZE, "total_pages": 1}
    reply = {"result": records, "success": True, "errors": [], "messages": [], "result_info": counts}
    return json.dumps(reply).encode()


def v4_setting() -> bytes:
    """One setting of a zone as version 4 gives it."""
    result = {"id": "ssl", "value": "strict", "modified_on": "2026-01-01T00:00:00.000000Z", "editable": True}
    return json.dumps({"result": result, "success": True, "errors": [], "messages": []}).encode()
