"""apache-libcloud's version 1 driver, unmodified, through all of its 18 actions; a program of its own.

Run by `test_libcloud.py` and `test_gateway_v4.py` with Python 3.11 (libcloud 2.5.0 imports on no newer one) as
`python libcloud_v1.py PORT ZONE`; prints what it saw as JSON.
"""

import json
import sys
import warnings
from typing import Any

warnings.simplefilter("ignore")

from libcloud.common.types import LibcloudError  # noqa: E402
from libcloud.dns.drivers import cloudflare  # noqa: E402
from libcloud.dns.types import RecordDoesNotExistError, RecordType  # noqa: E402

port, name = int(sys.argv[1]), sys.argv[2]
connection = cloudflare.CloudFlareDNSConnection
connection.host, connection.port, connection.secure = "127.0.0.1", port, False
driver: Any = cloudflare.CloudFlareDNSDriver("demo@example.com", "demo-key", secure=False, host="127.0.0.1", port=port)

saw: dict[str, object] = {}
zones = driver.list_zones()
zone = next(zone for zone in zones if zone.domain == name)
saw["zones"] = {zone.domain: zone.id for zone in zones}
saw["records"] = len(driver.list_records(zone))
record = driver.create_record("from-libcloud", zone, RecordType.A, "192.0.2.10", extra={"ttl": 300})
exchange = driver.create_record("mail", zone, RecordType.MX, "mx.example.net", extra={"priority": 20})
saw["created"] = [record.id, record.name, record.type, record.data, record.ttl]
saw["exchange"] = [exchange.id, exchange.type]
updated = driver.update_record(record, data="192.0.2.11", extra={"ttl": 120})
saw["updated"] = [updated.id, updated.data, updated.ttl]
saw["deleted"] = driver.delete_record(exchange)
try:
    driver.delete_record(exchange)
except RecordDoesNotExistError as error:
    saw["deleted again"] = str(error)
saw["stats"] = driver.ex_get_zone_stats(zone, interval=40)["interval"]
saw["zone_check"] = driver.ex_zone_check([zone])
try:
    saw["ip_lkup"] = driver.ex_get_ip_threat_score("192.0.2.200")
except LibcloudError as error:
    saw["ip_lkup"] = str(error)
saw["settings before"] = driver.ex_get_zone_settings(zone)
saw["done"] = [
    driver.ex_set_zone_security_level(zone, "help"),
    driver.ex_set_zone_cache_level(zone, "agg"),
    driver.ex_enable_ipv6_support(zone),
    driver.ex_disable_ipv6_support(zone),
    driver.ex_disable_development_mode(zone),
    driver.ex_enable_development_mode(zone),
    driver.ex_purge_cached_files(zone),
    driver.ex_purge_cached_file(zone, "https://www.example.com/a.css"),
    driver.ex_whitelist_ip(zone, "198.51.100.1"),
    driver.ex_blacklist_ip(zone, "198.51.100.2"),
    driver.ex_unlist_ip(zone, "198.51.100.1"),
]
saw["settings after"] = driver.ex_get_zone_settings(zone)
print(json.dumps(saw))
