"""octodns-cloudflare: a zone is read, a changed one is planned and applied, and nothing is left to plan."""

from __future__ import annotations

import json
import sys

from octodns.record import Record
from octodns.zone import Zone
from octodns_cloudflare import CloudflareError, CloudflareProvider

url, name = sys.argv[1:]


def provider() -> CloudflareProvider:
    """A fresh one, which knows nothing yet."""
    return CloudflareProvider("demo", "demo@example.com", "demo-key", api_url=url, pagerules=False)


def desired() -> Zone:
    """What is there, and some records more."""
    zone = Zone(f"{name}.", [])
    provider().populate(zone, lenient=True)
    more = {
        "octo": {"type": "A", "ttl": 300, "values": ["192.0.2.1", "192.0.2.2"]},
        "octo-mail": {"type": "MX", "ttl": 300, "values": [{"preference": 10, "exchange": "mail.example."}]},
        "octo-text": {"type": "TXT", "ttl": 300, "values": ["v=octo1\\; a b"]},
        "octo-caa": {"type": "CAA", "ttl": 300, "values": [{"flags": 0, "tag": "issue", "value": "ca.example"}]},
        "octo-loc": {
            "type": "LOC",
            "ttl": 300,
            "values": [
                {
                    "lat_degrees": 51,
                    "lat_minutes": 30,
                    "lat_seconds": 12.7,
                    "lat_direction": "N",
                    "long_degrees": 0,
                    "long_minutes": 7,
                    "long_seconds": 39.6,
                    "long_direction": "W",
                    "altitude": 10,
                    "size": 1,
                    "precision_horz": 100,
                    "precision_vert": 10,
                }
            ],
        },
    }
    for label, data in more.items():
        zone.add_record(Record.new(zone, label, data, lenient=True), lenient=True, replace=True)
    return zone


def applied(zone: Zone) -> int:
    """How many changes were made."""
    target = provider()
    plan = target.plan(zone)
    return target.apply(plan) if plan else 0


created = applied(desired())
after = applied(desired())
changed = desired()
changed.add_record(
    Record.new(changed, "octo", {"type": "A", "ttl": 300, "values": ["192.0.2.2", "192.0.2.3"]}), replace=True
)
updated = applied(changed)
removed = desired()
for label in ("octo-caa", "octo"):
    removed.remove_record(next(record for record in removed.records if record.name == label))
deleted = applied(removed)

# It still sends the fields that Cloudflare refuses since 2024-05-31.
service = desired()
value = {"priority": 1, "weight": 2, "port": 3, "target": "x.example."}
service.add_record(Record.new(service, "_octo._tcp", {"type": "SRV", "ttl": 300, "values": [value]}))
try:
    applied(service)
except CloudflareError as error:
    refused = str(error)
else:
    refused = ""

json.dump({"created": created, "after": after, "updated": updated, "deleted": deleted, "refused": refused}, sys.stdout)
