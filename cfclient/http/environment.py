"""What the environment says of the way to a server: proxies and `.netrc`; read only where it is asked for."""

from __future__ import annotations

import base64
import netrc
import os
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

__all__ = ["login", "proxy"]


def proxy(url: str) -> str | None:
    """The proxy to this address, by `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`."""
    parts = urlsplit(url)
    proxies = getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all")
    if found is None or proxy_bypass(parts.netloc):
        return None
    return found if "://" in found else f"http://{found}"


def login(url: str) -> dict[str, str]:
    """The header that logs in at this address, by the file that `NETRC` names, or `~/.netrc`."""
    try:
        file = netrc.netrc(os.environ.get("NETRC"))
    except (OSError, netrc.NetrcParseError):
        return {}
    found = file.authenticators(urlsplit(url).hostname or "")
    if found is None:
        return {}
    user, _, password = found
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")}
