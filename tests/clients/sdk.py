"""The official SDK: records, settings, purge, access rules, DNSSEC, tokens, and a refusal."""

from __future__ import annotations

import json
import sys
from typing import Any

import cloudflare

url, name = sys.argv[1:]
cf = cloudflare.Cloudflare(base_url=url, api_email="demo@example.com", api_key="demo-key", max_retries=0)
token = cloudflare.Cloudflare(base_url=url, api_token="demo-token", max_retries=0)

(zone,) = cf.zones.list(name=name)
account = zone.account.id
records: Any = cf.dns.records
made = records.create(zone_id=zone.id, type="A", name="sdk", content="192.0.2.5", ttl=300, comment="hello")
edited = records.edit(made.id, zone_id=zone.id, type="A", name="sdk", content="192.0.2.6", ttl=1, proxied=True)
put = records.update(made.id, zone_id=zone.id, type="A", name="sdk", content="192.0.2.7", ttl=1)
srv = {
    "type": "SRV",
    "name": "_sdk._tcp",
    "ttl": 1,
    "data": {"priority": 1, "weight": 2, "port": 3, "target": "x.example"},
}
batch = records.batch(
    zone_id=zone.id, deletes=[{"id": made.id}], posts=[srv, {"type": "TXT", "name": "sdk", "content": "t", "ttl": 1}]
)
records.delete(batch.posts[1].id, zone_id=zone.id)
settings: Any = cf.zones.settings
names = ("ssl", "always_use_https", "min_tls_version", "tls_1_3", "security_header", "development_mode")
cf.cache.purge(zone_id=zone.id, purge_everything=True)
cf.cache.purge(zone_id=zone.id, files=[f"https://{name}/a.css"])
rules: Any = cf.firewall.access_rules
about: Any = {"target": "ip", "value": "192.0.2.99"}
rule = rules.create(account_id=account, mode="block", configuration=about, notes="sdk")
listed = [found.id for found in rules.list(account_id=account)]
changed = rules.edit(rule.id, account_id=account, mode="whitelist", configuration=about)
other = rules.create(zone_id=zone.id, mode="challenge", configuration=about)
rules.delete(other.id, zone_id=zone.id)
try:
    records.create(zone_id=zone.id, type="A", name="sdk", content="nowhere", ttl=1)
except cloudflare.BadRequestError as error:
    refused = [fault.code for fault in error.errors]
else:
    refused = []

json.dump(
    {
        "records": len(list(records.list(zone_id=zone.id, per_page=50))),
        "edited": [edited.content, edited.proxied, edited.comment],
        "put": [put.content, put.proxied, put.comment],
        "export": f"_sdk._tcp.{name}." in records.export(zone_id=zone.id),
        "settings": [settings.get(setting, zone_id=zone.id).id for setting in names],
        "level": settings.edit("security_level", zone_id=zone.id, value="high").value,
        "ipv6": settings.edit("ipv6", zone_id=zone.id, value="off").value,
        "rule": [rule.id in listed, changed.mode, changed.notes],
        "dnssec": cf.dns.dnssec.edit(zone_id=zone.id, status="active").status,
        "ssl": cf.ssl.universal.settings.get(zone_id=zone.id).enabled,
        "user": cf.user.get().email,
        "account": [found.id for found in cf.accounts.list()] == [account],
        "token": token.user.tokens.verify().status,
        "zones by token": len(list(token.zones.list(per_page=5))),
        "refused": refused,
    },
    sys.stdout,
)
