"""Any connect as the version 1 endpoint, over ASGI: old tools in front, any backend behind.

    GET or POST --read--> parameters --tolerate--> action --backend--> answer --write--> JSON or JSONP

What old programs send is brought into the documented form by the tables below, before it is parsed.
Whatever happens, the caller gets a reply of the API: a refusal has HTTP status 200, as the service had;
a backend that does not answer is 502; a fault of ours is 500 and says nothing but that.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final

from . import wire
from .actions import ACTIONS, Action, on_wire
from .backend import Backend, Connect, Credentials
from .errors import ApiError, CloudflareError, ConfigurationError, InvalidInput, Unauthorized, Unsupported

__all__ = ["PATH", "Gateway", "gateway"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Plain = dict[str, Any]

#: the path at which the service answered (§2)
PATH: Final = "/api_json.html"

_log = logging.getLogger("cfclient.gateway")

# What old clients send for a value, and what the document calls it.
_SWITCH: Final[Mapping[str, str]] = {"true": "1", "false": "0", "on": "1", "off": "0", "3": "1"}
_TOLERATED: Final[Mapping[tuple[str, str], Mapping[str, str]]] = {
    ("devmode", "v"): _SWITCH,
    ("mirage2", "v"): _SWITCH,
    ("ipv46", "v"): {**_SWITCH, "1": "3", "true": "3", "on": "3", "3": "3"},
    ("fpurge_ts", "v"): _SWITCH,
    ("zone_ips", "class"): {"c": "s"},
    ("zone_ips", "geo"): _SWITCH,
    ("rec_new", "service_mode"): _SWITCH,
    ("rec_edit", "service_mode"): _SWITCH,
}

# The service's own words for a parameter that it does not take, where they are known; it sent no code.
_WORDS: Final[Mapping[str, str]] = {
    "zone": "Invalid zone.",
    "zones": "Invalid zone.",
    "id": "Invalid record id.",
    "service": "Invalid service value.",
}

_UNKNOWN_USER: Final = "Unknown token or email"

# Parameters of the request as a whole, and of any action.
# "_" is what a script library adds to a JSONP request to pass caches by.
_COMMON: Final = frozenset({"a", "act", "tkn", "email", "u", "callback", "_"})
_KNOWN: Final = (
    _COMMON
    | {field.metadata["wire"] for cls in ACTIONS.values() for field in on_wire(cls)}
    | {name for cls in ACTIONS.values() for name in cls.fixed}
)

_CALLBACK = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]{0,63}(?:\.[A-Za-z_$][A-Za-z0-9_$]{0,63}){0,4}")


class _Refused(Exception):
    """The request is not one of this API; nothing was asked."""

    def __init__(self, status: int, msg: str) -> None:
        self.status = status
        self.msg = msg
        super().__init__(msg)


class Gateway:
    """An ASGI application; make it with `gateway(...)`."""

    def __init__(self, connect: Connect, *, path: str, max_body: int, echo: bool) -> None:
        self._connect = connect
        self._path = path
        self._max_body = max_body
        self._echo = echo

    def __repr__(self) -> str:
        """Where it answers."""
        return f"<Gateway at {self._path}>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI connection."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        callback: str | None = None
        try:
            parameters = await self._parameters(scope, receive)
            callback = _callback(parameters)
            status, body = await self._answer(parameters)
        except _Refused as refused:
            status = refused.status
            body = wire.encode({"result": "error", "msg": refused.msg, "err_code": "E_INVLDINPUT"})
        content_type = b"application/json; charset=utf-8"
        if callback is not None:
            # The comment keeps the reply from being taken for another kind of file.
            body, content_type = (
                b"/**/%s(%s);" % (callback.encode(), _for_script(body)),
                b"text/javascript; charset=utf-8",
            )
        headers = [
            (b"content-type", content_type),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]
        if status == 405:
            headers.append((b"allow", b"GET, POST"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _parameters(self, scope: Scope, receive: Receive) -> dict[str, str]:
        """The query's and the body's parameters; the body's count where both have one."""
        # Under a mount, ASGI's path begins with the mount's.
        if scope["path"].removeprefix(scope.get("root_path", "")) != self._path:
            raise _Refused(404, f"There is nothing here: the API is at {self._path}")
        if scope["method"] not in {"GET", "POST"}:
            raise _Refused(405, "Only GET and POST are understood")
        parameters = wire.pairs(scope["query_string"])
        if scope["method"] == "POST":
            body = await self._body(receive)
            kind = next((value for name, value in scope["headers"] if name.lower() == b"content-type"), b"")
            kind = kind.split(b";")[0].strip().lower()
            if kind not in {b"", b"application/x-www-form-urlencoded"} and body:
                raise _Refused(415, "Expected a form: application/x-www-form-urlencoded")
            parameters |= wire.pairs(body)
        return parameters

    async def _body(self, receive: Receive) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Refused(400, "The request is not complete")
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self._max_body:
                raise _Refused(413, f"The body is too large: at most {self._max_body} bytes")
            chunks.append(chunk)
            if not message.get("more_body", False):
                return b"".join(chunks)

    async def _answer(self, parameters: dict[str, str]) -> tuple[int, bytes]:
        """The status and the JSON; whatever happens, there are both."""
        name = parameters.get("a") or parameters.get("act", "")
        try:
            status, reply = await self._reply(name, parameters)
            return status, wire.encode(reply)
        except Exception:
            _log.exception("%s: a fault of the gateway", name if name in ACTIONS else "?")
            request = {"act": name if name in ACTIONS else ""}
            return 500, wire.encode({"request": request, "result": "error", "msg": "Internal error."})

    async def _reply(self, name: str, parameters: dict[str, str]) -> tuple[int, Plain]:
        echo = dict(parameters) if self._echo else {}
        request = {"act": name, **echo}
        try:
            action, backend = self._understood(name, parameters)
            value = await backend.perform(action)
            reply = wire.write(action, value)
        except Unauthorized as error:
            return 200, wire.write_error(error)
        except ApiError as error:
            return 200, wire.write_error(_in_its_words(error, ACTIONS.get(name)), request=request)
        except Unsupported as error:
            return 200, wire.write_error(ApiError(error.why, action=error.action), request=request)
        except CloudflareError as error:
            _log.warning("%s: %s: %s", name if name in ACTIONS else "?", type(error).__name__, error)
            status = 500 if isinstance(error, ConfigurationError) else 502
            return status, {"request": {"act": name}, "result": "error", "msg": "The service behind did not answer."}
        return 200, {"request": request, **reply} if self._echo else reply

    def _understood(self, name: str, parameters: Mapping[str, str]) -> tuple[Action[Any], Backend]:
        """The action and who carries it out."""
        # An empty parameter is an absent one.
        given = {key: value for key, value in parameters.items() if value.strip()}
        email, token = given.get("email") or given.get("u", ""), given.get("tkn", "")
        try:
            credentials = Credentials(email, token)
        except ConfigurationError:
            raise Unauthorized(_UNKNOWN_USER, code="E_UNAUTH") from None
        if unknown := sorted(given.keys() - _KNOWN):
            raise InvalidInput(f"Unknown parameter: {unknown[0][:40]!r}", code="E_INVLDINPUT")
        given["a"] = name
        for (action, parameter), meanings in _TOLERATED.items():
            if action == name and parameter in given:
                given[parameter] = meanings.get(given[parameter].lower(), given[parameter])
        cls = ACTIONS.get(name)
        for key, value in cls.fixed.items() if cls is not None else ():
            if given.get(key, value).strip() != value:
                raise InvalidInput(f"{key}={given[key][:40]!r} is not valid: expected {value!r}", code="E_INVLDINPUT")
        return wire.parse(given), self._connect(credentials)


def _in_its_words(error: ApiError, cls: type[Action[Any]] | None) -> ApiError:
    """A refusal of cfclient's own as the service worded it, where its words are known; else by the wire's names."""
    if not isinstance(error, InvalidInput) or error.parameter is None:
        return error
    if words := _WORDS.get(error.parameter):
        return ApiError(words, action=error.action)
    names = {field.name: field.metadata["wire"] for field in on_wire(cls)} if cls is not None else {}
    wire_name = names.get(error.parameter, error.parameter)
    return ApiError(wire_name + error.msg.removeprefix(error.parameter), code=error.code)


def _callback(parameters: Mapping[str, str]) -> str | None:
    """The name of the function that a JSONP reply calls; nothing but a plain identifier is taken."""
    callback = parameters.get("callback") or None
    if callback is not None and not _CALLBACK.fullmatch(callback):
        raise _Refused(400, "Invalid callback: expected the name of a function")
    return callback


def _for_script(body: bytes) -> bytes:
    """JSON that is safe inside a script: no end tag, no line separator that older engines stumble over."""
    return body.replace(b"<", b"\\u003c").replace("\u2028".encode(), b"\\u2028").replace("\u2029".encode(), b"\\u2029")


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def gateway(connect: Connect, *, path: str = PATH, max_body: int = 65_536, echo: bool = False) -> Gateway:
    """Any connect as the version 1 endpoint: an ASGI application.

    `gateway(emulator.connect)` is the emulator as a server; `httpx.ASGITransport(gateway(...))` is a
    whole stack in one process.

    Args:
        connect: what makes a backend of the credentials that each request carries.
        path: where it answers.
        max_body: how many bytes a request's body may have.
        echo: repeat the whole request in the reply, key included, as the live service did.
    """
    return Gateway(connect, path=path, max_body=max_body, echo=echo)
