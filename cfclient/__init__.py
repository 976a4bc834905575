"""cfclient: the asynchronous client of CloudFlare's Client Interface API, version 1.

    async with cfclient.connect("emulator:?zones=25&seed=7") as cf:
        async for record in cf.records("example.com"):
            print(record.name, record.type, record.content)

This face only hands names on, and loads each when it is first used: httpx, cattrs and the adapters
are imported by the calls that need them, not by `import cfclient`.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from . import actions
    from .actions import ACTIONS, Action, Kind
    from .audit import audit
    from .audit.accounts import AuditAccount, audit_accounts, read_accounts
    from .audit.evidence import Evidence
    from .audit.manifest import verify
    from .audit.policy import rule
    from .backend import Backend, Connect, Credentials, Exchange
    from .backends.emulator import Emulator
    from .bounds import Bounds
    from .bulk import Outcome, Outcomes
    from .client import Client
    from .connect import connect, emulator
    from .errors import (
        AmbiguousZone,
        ApiError,
        CloudflareError,
        ConfigurationError,
        ConnectionFailed,
        InvalidInput,
        MisusedClient,
        OutcomeUnknown,
        RateLimited,
        Unauthorized,
        UnexpectedAnswer,
        Unsupported,
    )
    from .gateway import gateway
    from .http import Http, Reply, Request
    from .models import (
        CacheLevel,
        DevelopmentMode,
        FilePurge,
        Hsts,
        ImageSettings,
        Interval,
        IpListing,
        IPv6Mode,
        ListAction,
        Minify,
        Page,
        Purge,
        Record,
        RecordType,
        RocketLoader,
        SecurityLevel,
        SslMode,
        Stats,
        ThreatScore,
        Visitor,
        VisitorClass,
        WafProfile,
        Zone,
        ZoneSettings,
    )
    from .pace import Budget, Pace, Wait, max_wait
    from .paging import Items, Listing, Pages
    from .retry import Attempt, Retry
    from .telemetry import instrument

# Where each name lives; a test holds this against the imports above and against __all__.
_HOMES = {
    "actions": ("actions",),
    "actions:": ("ACTIONS", "Action", "Kind"),
    "audit:": ("audit",),
    "audit.accounts:": ("AuditAccount", "audit_accounts", "read_accounts"),
    "audit.evidence:": ("Evidence",),
    "audit.manifest:": ("verify",),
    "audit.policy:": ("rule",),
    "backend:": ("Backend", "Connect", "Credentials", "Exchange"),
    "backends.emulator:": ("Emulator",),
    "bounds:": ("Bounds",),
    "bulk:": ("Outcome", "Outcomes"),
    "client:": ("Client",),
    "connect:": ("connect", "emulator"),
    "errors:": (
        "AmbiguousZone",
        "ApiError",
        "CloudflareError",
        "ConfigurationError",
        "ConnectionFailed",
        "InvalidInput",
        "MisusedClient",
        "OutcomeUnknown",
        "RateLimited",
        "Unauthorized",
        "UnexpectedAnswer",
        "Unsupported",
    ),
    "gateway:": ("gateway",),
    "http:": ("Http", "Reply", "Request"),
    "models:": (
        "CacheLevel",
        "DevelopmentMode",
        "FilePurge",
        "Hsts",
        "IPv6Mode",
        "ImageSettings",
        "Interval",
        "IpListing",
        "ListAction",
        "Minify",
        "Page",
        "Purge",
        "Record",
        "RecordType",
        "RocketLoader",
        "SecurityLevel",
        "SslMode",
        "Stats",
        "ThreatScore",
        "Visitor",
        "VisitorClass",
        "WafProfile",
        "Zone",
        "ZoneSettings",
    ),
    "pace:": ("Budget", "Pace", "Wait", "max_wait"),
    "paging:": ("Items", "Listing", "Pages"),
    "retry:": ("Attempt", "Retry"),
    "telemetry:": ("instrument",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "ACTIONS",
    "Action",
    "AmbiguousZone",
    "ApiError",
    "Attempt",
    "AuditAccount",
    "Backend",
    "Bounds",
    "Budget",
    "CacheLevel",
    "Client",
    "CloudflareError",
    "ConfigurationError",
    "Connect",
    "ConnectionFailed",
    "Credentials",
    "DevelopmentMode",
    "Emulator",
    "Evidence",
    "Exchange",
    "FilePurge",
    "Hsts",
    "Http",
    "IPv6Mode",
    "ImageSettings",
    "Interval",
    "InvalidInput",
    "IpListing",
    "Items",
    "Kind",
    "ListAction",
    "Listing",
    "Minify",
    "MisusedClient",
    "Outcome",
    "OutcomeUnknown",
    "Outcomes",
    "Pace",
    "Page",
    "Pages",
    "Purge",
    "RateLimited",
    "Record",
    "RecordType",
    "Reply",
    "Request",
    "Retry",
    "RocketLoader",
    "SecurityLevel",
    "SslMode",
    "Stats",
    "ThreatScore",
    "Unauthorized",
    "UnexpectedAnswer",
    "Unsupported",
    "Visitor",
    "VisitorClass",
    "WafProfile",
    "Wait",
    "Zone",
    "ZoneSettings",
    "__version__",
    "actions",
    "audit",
    "audit_accounts",
    "connect",
    "emulator",
    "gateway",
    "instrument",
    "max_wait",
    "read_accounts",
    "rule",
    "verify",
]


class _Face(ModuleType):
    """The package, which keeps a function where a submodule bears the same name.

    Loading `cfclient.connect` makes the import system bind the module over the function `connect`.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, ModuleType) and _HOME_OF.get(name) == f"{name}:":
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{home.removesuffix(':')}")
    value = getattr(module, name) if home.endswith(":") else module
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
