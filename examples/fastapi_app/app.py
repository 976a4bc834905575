r"""A web application in which many customers look after their zones, over one client.

    pip install cfclient-async fastapi sse-starlette uvicorn
    CFCLIENT_URL=... python examples/fastapi_app/app.py --port 8000

It keeps four laws:

1. One client is opened when the application starts and closed when it ends; each request acts as its customer
   (`acting_as`), so that all share the connections and none shares a limit, a lock or an answer.
2. Work ends when its visitor leaves: nothing is asked for that nobody waits for any more.
3. An error of cfclient is a status that says whose turn it is: the customer's (401, 422), nobody's for a while
   (429, with `Retry-After`), or the service's (502, 504). A visitor reads the service's words to the customer, but
   not what is ours: addresses, replies and settings go to the log.
4. A key is kept in memory only, and given back to nobody; a browser holds the name of a session.

A program sends its key along: `X-Auth-Email` and `X-Auth-Key`, or `Authorization: Bearer`.
A person signs in on the page at `/`. Sessions are known to one process; several need a store that they share.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import math
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import anyio
import uvicorn
from fastapi import APIRouter, Cookie, Depends, FastAPI, Header, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ConfigDict, SecretStr
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import cfclient

log = logging.getLogger("fastapi_app")

HERE = Path(__file__).resolve().parent

# -- law 1: one client, many customers ----------------------------------------------------------------


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """The client is open for as long as the application runs."""
    # Visitors leave all day; a read that ends then has changed nothing. Changes are still told of.
    logging.getLogger("cfclient.retry.reads").setLevel(logging.ERROR)
    # Nobody's credentials, which are never used: every request brings its own.
    nobody = cfclient.Credentials("nobody@example.invalid", "unused")
    async with cfclient.connect(email=nobody.email, token=nobody.token) as cf:
        app.state.cf = cf
        app.state.sessions = Sessions()
        yield


class Sessions:
    """Whose session it is, by its name, until it has run out."""

    LASTS = 8 * 3600.0

    def __init__(self) -> None:
        self._known: dict[str, tuple[cfclient.Credentials, float]] = {}

    def begin(self, credentials: cfclient.Credentials) -> str:
        """The name of a new session, which nobody can guess."""
        now = time.monotonic()
        self._known = {name: kept for name, kept in self._known.items() if kept[1] > now}
        name = secrets.token_urlsafe(32)
        self._known[name] = credentials, now + self.LASTS
        return name

    def of(self, name: str | None) -> cfclient.Credentials | None:
        """The customer's credentials, if the session is still on."""
        credentials, until = self._known.get(name or "", (None, 0.0))
        return credentials if until > time.monotonic() else None

    def end(self, name: str | None) -> None:
        """Forgets the key."""
        self._known.pop(name or "", None)


def acting_as(request: Request, email: str | None, key: str) -> tuple[cfclient.Client, cfclient.Credentials]:
    """The one client, for this customer; what cannot be a key is refused like one that is not accepted."""
    try:
        credentials = cfclient.Credentials(email, key)
        client: cfclient.Client = request.app.state.cf.acting_as(credentials)
    except cfclient.ConfigurationError as error:
        raise HTTPException(401, str(error), {"www-authenticate": "Bearer"}) from None
    return client, credentials


async def customer(
    request: Request,
    x_auth_email: Annotated[str | None, Header()] = None,
    x_auth_key: Annotated[str | None, Header()] = None,
    authorization: Annotated[str | None, Header()] = None,
    session: Annotated[str | None, Cookie()] = None,
) -> cfclient.Client:
    """The client for whoever asks: by the key that is sent along, or by the session."""
    scheme, _, bearer = (authorization or "").partition(" ")
    if x_auth_key is not None:
        return acting_as(request, x_auth_email, x_auth_key)[0]
    if scheme.lower() == "bearer":
        return acting_as(request, None, bearer)[0]
    credentials = request.app.state.sessions.of(session)
    if credentials is None:
        raise HTTPException(401, "sign in, or send a key along", {"www-authenticate": "Bearer"})
    client: cfclient.Client = request.app.state.cf.acting_as(credentials)
    return client


Customer = Annotated[cfclient.Client, Depends(customer)]

# -- law 2: work ends when its visitor leaves ---------------------------------------------------------


class EndsWithItsVisitor:
    """Cancels a request that nobody waits for any more; a server only tells, and a framework does not listen."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs the application, and listens meanwhile."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        messages: asyncio.Queue[Message] = asyncio.Queue(maxsize=1)
        with anyio.CancelScope() as work:

            async def listen() -> None:
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        work.cancel()
                        return
                    await messages.put(message)

            listener = asyncio.create_task(listen())
            try:
                await self.app(scope, messages.get, send)
            finally:
                listener.cancel()


# -- law 3: whose turn it is --------------------------------------------------------------------------


def problem(error: cfclient.CloudflareError) -> tuple[int, dict[str, Any]]:
    """The status for an error, and what is said of it (RFC 9457)."""
    status, detail = 502, "the service gave no answer that can be used"
    more: dict[str, Any] = {}
    match error:
        case cfclient.Unauthorized():
            status, detail = 401, str(error)
        case cfclient.RateLimited():
            status, detail = 429, str(error)
        case cfclient.ApiError():  # InvalidInput and AmbiguousZone, too
            status, detail = 422, str(error)
        case cfclient.Unsupported():
            status, detail = 501, str(error)
        case cfclient.OutcomeUnknown():
            status, detail = 504, f"whether {error.action} was carried out is unknown: look before it is asked again"
            more = {"maybe_carried_out": True, "seen": error.seen}
        case cfclient.ConnectionFailed():
            status = 504 if error.maybe_carried_out else 502
            detail = "the service did not answer"
            more = {"maybe_carried_out": error.maybe_carried_out}
        case cfclient.UnexpectedAnswer():
            more = {"maybe_carried_out": error.maybe_carried_out}
        case cfclient.ConfigurationError() | cfclient.MisusedClient():
            status, detail = 500, "this application is not set up as it has to be"
    if detail != str(error):
        log.warning("%s: %s", type(error).__name__, error)
    return status, {"title": type(error).__name__, "status": status, "detail": detail, **more}


async def told(_: Request, error: Exception) -> Response:
    """An error of cfclient as an answer."""
    status, body = problem(cast("cfclient.CloudflareError", error))
    headers: dict[str, str] = {}
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    if isinstance(error, cfclient.RateLimited):
        headers["retry-after"] = str(math.ceil(error.retry_after or 60))
    return JSONResponse(body, status, headers, media_type="application/problem+json")


# -- what can be asked --------------------------------------------------------------------------------


class SignIn(BaseModel):
    """Whose session is to begin; without an e-mail address the key is an API token."""

    email: str | None = None
    key: SecretStr


class Record(BaseModel):
    """A record as a customer sees it."""

    model_config = ConfigDict(from_attributes=True)

    rec_id: str
    name: str
    type: str
    content: str
    ttl: int | None
    prio: int | None
    service_mode: bool | None


class NewRecord(BaseModel):
    """A record as a customer wants it."""

    name: str
    type: str
    content: str
    ttl: int = 1
    prio: int | None = None
    service_mode: bool | None = None


class Attack(BaseModel):
    """Whether "I'm under attack" is on, and the level to which it goes back."""

    on: bool
    level: Literal["high", "med", "low", "eoff"] = "med"


api = APIRouter()


@api.post("/session", status_code=204)
async def sign_in(request: Request, response: Response, given: SignIn) -> None:
    """Begins a session, if the service accepts the key."""
    cf, credentials = acting_as(request, given.email or None, given.key.get_secret_value())
    await cf.zone_load_multi()
    name = request.app.state.sessions.begin(credentials)
    secure = request.url.scheme == "https"
    # "strict": no other site can make a browser send it, so nothing here needs a token against that.
    response.set_cookie("session", name, httponly=True, samesite="strict", secure=secure)


@api.delete("/session", status_code=204)
async def sign_out(request: Request, response: Response, session: Annotated[str | None, Cookie()] = None) -> None:
    """Ends the session."""
    request.app.state.sessions.end(session)
    response.delete_cookie("session")


@api.get("/zones")
async def zones(cf: Customer) -> list[str]:
    """The names of all zones."""
    return [zone.zone_name async for zone in cf.zones()]


@api.get("/zones/{zone}/records")
async def records(cf: Customer, zone: str) -> list[Record]:
    """All records of a zone."""
    return [Record.model_validate(record) async for record in cf.records(zone)]


@api.post("/zones/{zone}/records", status_code=201)
async def create(cf: Customer, zone: str, new: NewRecord) -> Record:
    """Creates a record."""
    return Record.model_validate(await cf.rec_new(zone, **dict(new)))


@api.put("/zones/{zone}/records/{rec_id}")
async def edit(cf: Customer, zone: str, rec_id: str, new: NewRecord) -> Record:
    """Edits a record."""
    return Record.model_validate(await cf.rec_edit(zone, rec_id, **dict(new)))


@api.delete("/zones/{zone}/records/{rec_id}", status_code=204)
async def delete(cf: Customer, zone: str, rec_id: str) -> None:
    """Deletes a record."""
    await cf.rec_delete(zone, rec_id)


@api.get("/zones/{zone}/attack")
async def attack(cf: Customer, zone: str) -> dict[str, Any]:
    """Whether "I'm under attack" is on, and the security level."""
    level = (await cf.zone_settings(zone, only={"sec_lvl"})).sec_lvl
    return {"on": level == cfclient.SecurityLevel.UNDER_ATTACK, "level": level}


@api.put("/zones/{zone}/attack")
async def set_attack(cf: Customer, zone: str, wanted: Attack) -> dict[str, Any]:
    """Switches "I'm under attack"; the answer has the level that was, to go back to."""
    former = (await attack(cf, zone))["level"]
    await cf.sec_lvl(zone, "help" if wanted.on else wanted.level)
    return {"on": wanted.on, "former": former}


@api.get("/audit")
async def audit(cf: Customer, zone: Annotated[list[str] | None, Query()] = None) -> EventSourceResponse:
    """An audit's progress as it goes: `began`, a `zone` for each, and `ended` or `failed`."""
    sender, events = anyio.create_memory_object_stream[ServerSentEvent](0)

    async def say(event: str, data: dict[str, Any]) -> None:
        await sender.send(ServerSentEvent(json.dumps(data), event=event))

    async def work() -> None:
        # Within one task: a generator that is left half-way would end the audit from another one.
        async with sender:
            try:
                async with cfclient.audit(cf, zone) as run:
                    await say("began", {"zones": run.total})
                    async for done in run:
                        found = [{"severity": f.severity.value, "message": f.message} for f in done.findings]
                        left = len(run.left)
                        if done.failure is not None:
                            log.warning("%s: %s", done.zone, done.failure)
                        failure = None if done.failure is None else "it could not be read whole"
                        await say("zone", {"zone": done.zone, "failure": failure, "findings": found, "left": left})
            except cfclient.CloudflareError as error:
                await say("failed", problem(error)[1])
            else:
                numbers = {severity.value: number for severity, number in run.summary.by_severity.items()}
                await say("ended", {"complete": run.summary.complete, "findings": numbers})

    return EventSourceResponse(events, data_sender_callable=work)


# -- the page -----------------------------------------------------------------------------------------


@api.get("/", include_in_schema=False)
async def page() -> FileResponse:
    """The page, which loads and runs only what comes from here."""
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; form-action 'none'"
    )
    return FileResponse(HERE / "page.html", headers={"content-security-policy": policy})


async def unshared(response: Response) -> None:
    """What a customer is told, no cache keeps."""
    response.headers["cache-control"] = "no-store"


app = FastAPI(title="Zones", lifespan=lifespan)
app.include_router(api, dependencies=[Depends(unshared)])
app.mount("/page", StaticFiles(directory=HERE / "page"))
app.add_exception_handler(cfclient.CloudflareError, told)
app.add_middleware(EndsWithItsVisitor)


def main() -> None:
    """Serves it, until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    uvicorn.run(app, host=options.host, port=options.port, access_log=False, timeout_graceful_shutdown=5)


if __name__ == "__main__":
    main()
