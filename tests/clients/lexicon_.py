"""dns-lexicon: records are created, listed, updated, and deleted; a second creation of the same is no error."""

from __future__ import annotations

import json
import sys
from typing import Any

from lexicon._private.providers.cloudflare import Provider
from lexicon.config import ConfigResolver

url, name = sys.argv[1:]
config: dict[str, Any] = {
    "provider_name": "cloudflare",
    "domain": name,
    "cloudflare": {"auth_username": "demo@example.com", "auth_token": "demo-key"},
    "ttl": 300,
}
provider = Provider(ConfigResolver().with_dict(config))
provider.domain = name
provider.api_endpoint = url
provider.authenticate()

created = [provider.create_record("TXT", "lexicon", "token") for _ in range(2)]
provider.create_record("A", "lexicon", "192.0.2.5")
provider.create_record("CAA", "lexicon", "0 issue ca.example")
provider.create_record("SRV", "_lexicon._tcp", "1 2 3 target.example")
listed = provider.list_records("TXT", f"lexicon.{name}")
provider.update_record(listed[0]["id"], "TXT", "lexicon", "another")
updated = provider.list_records("TXT", "lexicon")
provider.delete_record(rtype="A", name="lexicon")

json.dump(
    {
        "created": created,
        "listed": [[one["name"], one["content"], one["ttl"]] for one in listed],
        "updated": [one["content"] for one in updated],
        "all": len(provider.list_records()),
    },
    sys.stdout,
)
