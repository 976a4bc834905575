"""The command `serve`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any, Final, Literal, cast
from urllib.parse import urlencode

from cyclopts import Parameter

from cfclient.backends.emulator import Emulator, Options
from cfclient.connect import emulator, emulator_options
from cfclient.emulated import PATH as V4_PATH
from cfclient.errors import ConfigurationError
from cfclient.gateway import PATH, Access, gateway

from .behind import NOTHING_BEHIND, Behind, accesses
from .ending import in_loop
from .options import Traceback, Usage, flag, say

#: what whoever sits at a terminal may do with the demo account
_TRIALS: Final = {
    "v1": "curl -d a=zone_load_multi -d email=demo@example.com -d tkn=demo-key {url}",
    "v4": "curl -H 'Authorization: Bearer demo-token' {url}/zones",
}


def serve(
    *,
    as_: Annotated[
        Literal["v1", "v4"],
        Parameter(name="--as", help="The API to serve: CloudFlare's version 1, or today's version 4."),
    ] = "v1",
    demo: Annotated[bool, flag("Serve the demo account, as is done without this too.")] = False,
    zone_file: Annotated[
        tuple[Path, ...],
        Parameter(help="A zone file to serve instead, as a zone; may be given several times.", show_default=False),
    ] = (),
    zones: Annotated[int, Parameter(help="How many zones the account has.")] = 25,
    seed: Annotated[int, Parameter(help="The same seed makes the same account.")] = 1,
    page_size: Annotated[int, Parameter(help="How many zones or records one reply lists.")] = 180,
    latency: Annotated[int, Parameter(help="Milliseconds that each call takes.")] = 0,
    limit: Annotated[str, Parameter(help="How many calls in how many seconds, or none.")] = "1200/300",
    host: Annotated[str, Parameter(help="The name or address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Parameter(help="The port; 0 takes a free one.")] = 8080,
    cert: Annotated[
        Path | None, Parameter(help="A PEM file with a certificate, and those that sign it: serve https.")
    ] = None,
    key: Annotated[
        Path | None, Parameter(help="A PEM file with its key, where the certificate's file has none.")
    ] = None,
    connections: Annotated[int, Parameter(help="How many clients at a time; with --to only.")] = 200,
    access_log: Annotated[
        str | None,
        Parameter(
            allow_leading_hyphen=True,  # "-" is one
            help="A file for a line per request (time, client, action, outcome, duration), - for standard error, none "
            "for no such lines. Otherwise standard error with --to, and none without.",
        ),
    ] = None,
    echo: Annotated[bool, flag("Repeat each request in its reply, key included, as the service did.")] = False,
    behind: Behind = NOTHING_BEHIND,
    traceback: Traceback = False,  # noqa: ARG001  `run` looks for it
) -> int:
    """Serve the demo account as version 1 or 4 of the API, in memory; or, with --to, your own for old programs.

    One line on standard output says the whole address, once connections
    are accepted: as version 4 it is the base URL that other programs take.
    The account's e-mail is demo@example.com, its key demo-key, and its API
    token, which version 4 takes, demo-token.

    With --to v4, programs that speak version 1 manage today's Cloudflare:
    each request's email and tkn are the account's e-mail and global key, or
    "token" and an API token. docs/gateway.md says more.

    For example:

        cfclient serve --demo
        cfclient serve --as v4 --zones 3 --port 8080
        cfclient serve --demo --zones 1000 --limit none --port 0
        cfclient serve --zone-file example.com.zone
        cfclient serve --to v4 --cert gateway.pem --key gateway.key
    """
    try:
        from cfclient import serving
    except ModuleNotFoundError as error:
        if error.name != "uvicorn":
            raise
        raise Usage('serve needs one more package: pip install "cfclient-async[server]"') from None
    if behind.to is not None and (demo or zone_file or echo or as_ == "v4"):
        raise Usage("--to serves an account of its own: leave out --demo, --zone-file, --as and --echo")
    if key is not None and cert is None:
        raise Usage("--key belongs to a certificate: give --cert too")
    if behind.to is None:
        behind.refuse_alone()
    elif connections < 1:
        raise Usage(f"--connections {connections}: expected 1 or more")
    if access_log is not None and as_ == "v4":
        raise Usage("--access-log is for version 1, which --as v4 does not serve")
    path = V4_PATH if as_ == "v4" else PATH
    shape: dict[str, int | str] = {
        "zones": zones,
        "seed": seed,
        "page_size": page_size,
        "latency": latency,
        "limit": limit,
    }
    account = None if behind.to else _account(zone_file, **shape)
    if echo and as_ == "v4":
        raise Usage("--echo is a habit of version 1: version 4 never repeats a request")

    def announce(url: str) -> None:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        if account is not None and not zone_file and sys.stderr.isatty():
            say(f"try {_TRIALS[as_].format(url=url)}")

    async def served() -> None:
        async with AsyncExitStack() as stack:
            access = stack.enter_context(accesses(access_log or ("-" if behind.to else "none")))
            if account is None:
                app: Any = gateway(await stack.enter_async_context(behind.connect()), access=access)
            else:
                app = _of(account, as_, echo, access)
            await serving.serve(
                app,
                host=host,
                port=port,
                path=path,
                announce=announce,
                cert=cert,
                key=key,
                connections=connections if behind.to else None,
            )

    in_loop(served)
    return 0


def _account(zone_file: tuple[Path, ...], **options: int | str) -> Emulator:
    address = f"emulator:?{urlencode(options, safe='/')}"
    try:
        found = emulator_options(address)
        if zone_file:
            del found["zones"], found["seed"]
            return Emulator.from_zone_files(*zone_file, **cast("Options", found))
        return emulator(**found)
    except ConfigurationError as error:
        raise Usage(str(error).removeprefix(f"{address}: ")) from error


def _of(account: Emulator, as_: str, echo: bool, access: Callable[[Access], None] | None) -> Any:
    return account.v4 if as_ == "v4" else gateway(account.connect, echo=echo, access=access)
