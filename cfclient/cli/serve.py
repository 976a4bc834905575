"""The command `serve`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal, cast
from urllib.parse import urlencode

import anyio
from cyclopts import Parameter

from cfclient.backends.emulator import Emulator, Options
from cfclient.connect import emulator, emulator_options
from cfclient.emulated import PATH as V4_PATH
from cfclient.errors import ConfigurationError
from cfclient.gateway import PATH, gateway

from .options import Traceback, Usage, flag


def serve(
    *,
    as_: Annotated[
        Literal["v1", "v4"],
        Parameter(name="--as", help="The API to serve: CloudFlare's version 1, or today's version 4."),
    ] = "v1",
    demo: Annotated[bool, flag("Serve the demo account, as is done without this too.")] = False,  # noqa: ARG001  all there is to serve so far
    zone_file: Annotated[
        tuple[Path, ...], Parameter(help="A zone file to serve instead, as a zone; may be given several times.")
    ] = (),
    zones: Annotated[int, Parameter(help="How many zones the account has.")] = 25,
    seed: Annotated[int, Parameter(help="The same seed makes the same account.")] = 1,
    page_size: Annotated[int, Parameter(help="How many zones or records one reply lists.")] = 180,
    latency: Annotated[int, Parameter(help="Milliseconds that each call takes.")] = 0,
    limit: Annotated[str, Parameter(help="How many calls in how many seconds, or none.")] = "1200/300",
    host: Annotated[str, Parameter(help="The name or address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Parameter(help="The port; 0 takes a free one.")] = 8080,
    echo: Annotated[bool, flag("Repeat each request in its reply, key included, as the service did.")] = False,
    traceback: Traceback = False,  # noqa: ARG001  `run` looks for it
) -> int:
    """Serve the demo account as version 1 or 4 of the API, in memory, until Ctrl-C.

    One line on standard output says the whole address, once connections
    are accepted: as version 4 it is the base URL that other programs take.
    The account's e-mail is demo@example.com, its key demo-key, and its API
    token, which version 4 takes, demo-token.

    For example:

        cfclient serve --demo
        cfclient serve --as v4 --zones 3 --port 8080
        cfclient serve --demo --zones 1000 --limit none --port 0
        cfclient serve --zone-file example.com.zone
    """
    try:
        from cfclient import serving
    except ModuleNotFoundError as error:
        if error.name != "uvicorn":
            raise
        raise Usage('serve needs one more package: pip install "cfclient-async[server]"') from None
    options = {"zones": zones, "seed": seed, "page_size": page_size, "latency": latency, "limit": limit}
    address = f"emulator:?{urlencode(options, safe='/')}"
    try:
        found = emulator_options(address)
        if zone_file:
            del found["zones"], found["seed"]
            account = Emulator.from_zone_files(*zone_file, **cast("Options", found))
        else:
            account = emulator(**found)
    except ConfigurationError as error:
        raise Usage(str(error).removeprefix(f"{address}: ")) from error

    def announce(url: str) -> None:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()

    if echo and as_ == "v4":
        raise Usage("--echo is a habit of version 1: version 4 never repeats a request")
    app, path = (account.v4, V4_PATH) if as_ == "v4" else (gateway(account.connect, echo=echo), PATH)

    async def served() -> None:
        await serving.serve(app, host=host, port=port, path=path, announce=announce)

    anyio.run(served)
    return 0
