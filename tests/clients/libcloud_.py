"""apache-libcloud's current driver: zones and records are listed, created, updated and deleted."""

from __future__ import annotations

import json
import sys
from urllib.parse import urlsplit

from libcloud.common.types import LibcloudError
from libcloud.dns.drivers.cloudflare import CloudFlareDNSDriver

url, name = sys.argv[1:]
place = urlsplit(url)
driver = CloudFlareDNSDriver("demo@example.com", "demo-key", secure=False, host=place.hostname, port=place.port)

zones = {zone.domain: zone for zone in driver.iterate_zones()}
zone = zones[name]
made = driver.create_record("libcloud", zone, "A", "192.0.2.5", extra={"ttl": 300})
mail = driver.create_record("libcloud", zone, "MX", "mail.example", extra={"priority": 10})
text = driver.create_record("libcloud", zone, "TXT", "hello")
updated = driver.update_record(made, data="192.0.2.6")
again = driver.get_record(zone.id, made.id)
records = list(driver.iterate_records(zone))
gone = driver.delete_record(text)
try:
    driver.get_record(zone.id, text.id)
except LibcloudError as error:
    missing = str(error.value)
else:
    missing = ""

json.dump(
    {
        "zones": len(zones),
        "zone": driver.get_zone(zone.id).domain,
        "made": [made.name, made.type, made.data, made.ttl],
        "mail": [mail.data, mail.extra.get("priority")],
        "updated": [updated.data, again.data],
        "records": len(records),
        "gone": gone,
        "missing": missing,
    },
    sys.stdout,
)
