"""Any connect as the version 1 endpoint, over ASGI: old tools in front, any backend behind.

    GET or POST --read--> parameters --tolerate--> action --backend--> answer --write--> JSON or JSONP

What old programs send is brought into the documented form by the tables below, before it is parsed.
Whatever happens, the caller gets a reply of the API: a refusal has HTTP status 200, as the service had;
a backend that does not answer is 502; a fault of ours is 500 and says nothing but that.
A create whose outcome is unknown is a refusal too: a program that repeats whatever ends in 5xx would create twice.

Nothing of a request is logged but the name of its action, which is one of the 22 or "?".
"""

from __future__ import annotations

import logging
import re
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, Final

import anyio
import attrs

from . import wire
from .actions import ACTIONS, Action, RecLoadAll, on_wire
from .asgi import Receive, Scope, Send, Unread, path_of, responded, served, whole_body
from .backend import Backend, Connect, Credentials
from .errors import (
    AmbiguousZone,
    ApiError,
    CloudflareError,
    ConfigurationError,
    ConnectionFailed,
    InvalidInput,
    OutcomeUnknown,
    RateLimited,
    Unauthorized,
    Unsupported,
)
from .harmless import harmless

__all__ = ["HEALTH", "PATH", "UNKNOWN_USER", "Access", "Gateway", "gateway"]

Plain = dict[str, Any]

#: the path at which the service answered (§2)
PATH: Final = "/api_json.html"
#: the path at which a gateway says that it is there; nobody behind it is asked
HEALTH: Final = "/healthz"

# How many seconds a request's body may take.
_PATIENCE: Final = 30.0
#: how many records a reply listed (§3.3)
PAGE: Final = 180

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

UNKNOWN_USER: Final = "Unknown token or email"

# Today's codes for what the service called so: a key or an e-mail address that is unknown or malformed.
_UNKNOWN_TO_THEM: Final = frozenset({6003, 9103, 9106, 9107})
_WRONG_TOKEN: Final = re.compile(r"invalid (access|api) token", re.IGNORECASE)

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


@attrs.frozen(kw_only=True)
class Access:
    """One request, for a log; nothing in it is what the request carried, but the action's name."""

    #: the address that it came from
    client: str
    #: one of the 22, "healthz", or "?"
    action: str
    #: "ok", the code of a refusal ("E_UNAUTH"), "refused" where it had none, or "HTTP 404"
    outcome: str
    seconds: float


class Gateway:
    """An ASGI application; make it with `gateway(...)`."""

    def __init__(
        self,
        connect: Connect,
        *,
        path: str,
        max_body: int,
        echo: bool,
        access: Callable[[Access], None] | None,
    ) -> None:
        self._connect = connect
        self._path = path
        self._max_body = max_body
        self._echo = echo
        self._access = access

    def __repr__(self) -> str:
        """Where it answers."""
        return f"<Gateway at {self._path}>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI connection."""
        await served(scope, receive, send, self._http)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        callback: str | None = None
        action = "?"
        try:
            if path_of(scope) == HEALTH and scope["method"] in {"GET", "HEAD"}:
                action, status, body, outcome = "healthz", 200, b'{"status":"ok"}', "ok"
            else:
                parameters = await self._parameters(scope, receive)
                callback = _callback(parameters)
                name = parameters.get("a") or parameters.get("act", "")
                action = name if name in ACTIONS else "?"
                status, body, outcome = await self._answer(name, parameters)
        except _Refused as refused:
            status, outcome = refused.status, f"HTTP {refused.status}"
            body = wire.encode({"result": "error", "msg": refused.msg, "err_code": "E_INVLDINPUT"})
        if self._access is not None:
            seconds = time.perf_counter() - began
            self._access(Access(client=_client(scope), action=action, outcome=outcome, seconds=seconds))
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
        await responded(send, status, headers, body)

    async def _parameters(self, scope: Scope, receive: Receive) -> dict[str, str]:
        """The query's and the body's parameters; the body's count where both have one."""
        if path_of(scope) != self._path:
            raise _Refused(404, f"There is nothing here: the API is at {self._path}")
        if scope["method"] not in {"GET", "POST"}:
            raise _Refused(405, "Only GET and POST are understood")
        parameters = wire.pairs(scope["query_string"])
        if scope["method"] == "POST":
            body = await self._body(receive)
            kind = next((value for name, value in scope["headers"] if name.lower() == b"content-type"), b"")
            name = kind.split(b";")[0].strip().lower()
            if name == b"multipart/form-data":
                parameters |= _parts(kind, body)
            elif name in {b"", b"application/x-www-form-urlencoded"} or not body:
                parameters |= wire.pairs(body)
            else:
                raise _Refused(415, "Expected a form: application/x-www-form-urlencoded or multipart/form-data")
        return parameters

    async def _body(self, receive: Receive) -> bytes:
        with anyio.move_on_after(_PATIENCE):
            try:
                return await whole_body(receive, self._max_body)
            except Unread as unread:
                large = unread.large
            if large:
                raise _Refused(413, f"The body is too large: at most {self._max_body} bytes")
            raise _Refused(400, "The request is not complete")
        raise _Refused(408, "The body did not come in time")

    async def _answer(self, name: str, parameters: dict[str, str]) -> tuple[int, bytes, str]:
        """The status, the JSON and the outcome; whatever happens, there are all three."""
        try:
            status, reply = await self._reply(name, parameters)
            return status, wire.encode(reply), _outcome(status, reply)
        except Exception as error:
            # As text: a record that keeps the traceback keeps its frames, and this one's has the key.
            shown = "".join(traceback.format_exception(error))
            _log.error("%s: a fault of the gateway\n%s", name if name in ACTIONS else "?", shown)
            request = {"act": name if name in ACTIONS else ""}
            return 500, wire.encode({"request": request, "result": "error", "msg": "Internal error."}), "HTTP 500"

    async def _reply(self, name: str, parameters: dict[str, str]) -> tuple[int, Plain]:
        echo = dict(parameters) if self._echo else {}
        request = {"act": name, **echo}
        try:
            action, backend = self._understood(name, parameters)
            value = await backend.perform(action)
            reply = wire.write(action, value)
        except Unauthorized as error:
            _log.info("%s", _shown(error, parameters))
            return 200, wire.write_error(_unauthorized(error))
        except ApiError as error:
            _log.info("%s", _shown(error, parameters))
            return 200, wire.write_error(_in_its_words(error, ACTIONS.get(name)), request=request)
        except Unsupported as error:
            return 200, wire.write_error(ApiError(error.why, action=error.action), request=request)
        except OutcomeUnknown as error:
            _log.warning("%s", _shown(error, parameters))
            return 200, wire.write_error(ApiError(str(error), action=error.action), request=request)
        except CloudflareError as error:
            _log.warning(
                "%s: %s: %s", name if name in ACTIONS else "?", type(error).__name__, _shown(error, parameters)
            )
            status = 500 if isinstance(error, ConfigurationError) else 502
            return status, {"request": {"act": name}, "result": "error", "msg": _behind(error)}
        return 200, {"request": request, **reply} if self._echo else reply

    def _understood(self, name: str, parameters: Mapping[str, str]) -> tuple[Action[Any], Backend]:
        """The action and who carries it out."""
        # An empty parameter is an absent one; of spaces only a record's content may consist.
        given = {key: value for key, value in parameters.items() if value.strip() or (value and key == "content")}
        email, token = given.get("email") or given.get("u", ""), given.get("tkn", "")
        try:
            credentials = Credentials(email, token)
        except ConfigurationError:
            raise Unauthorized(UNKNOWN_USER, code="E_UNAUTH") from None
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
        asked = wire.parse(given)
        if isinstance(asked, RecLoadAll):
            # Old tools count on pages of this size.
            asked = attrs.evolve(asked, size=PAGE)
        return asked, self._connect(credentials)


def _shown(error: CloudflareError, parameters: Mapping[str, str]) -> str:
    """An error for the log: a client that puts its key in the wrong place has it quoted in the refusal."""
    return harmless(wire.hidden(str(error), filter(None, (parameters.get("tkn", ""),))))


def _in_its_words(error: ApiError, cls: type[Action[Any]] | None) -> ApiError:
    """A refusal of cfclient's own as the service worded it, where its words are known; else by the wire's names."""
    if isinstance(error, RateLimited):
        wait = "" if error.retry_after is None else f"; try again in {error.retry_after:.0f} s"
        return RateLimited(error.msg + wait)
    if isinstance(error, AmbiguousZone):
        shown = "; ".join(f"{zone.id} of account {zone.account} ({zone.status})" for zone in error.zones)
        choice = (
            f"{_WORDS['zone']} This name fits {len(error.zones)} zones: give one of these ids in its place: {shown}"
        )
        return ApiError(choice, code=error.code)
    if begins := next((words for words in _WORDS.values() if error.msg.startswith(f"{words} ")), None):
        # Programs compare them, so what a service says beyond is for the log.
        return ApiError(begins, action=error.action)
    if not isinstance(error, InvalidInput):
        return error
    if error.parameter is None:
        # What would be right is a hint to callers of cfclient, which is on no wire.
        return ApiError(error.msg.removesuffix(f": expected {error.expected}"), code=error.code, action=error.action)
    if words := _WORDS.get(error.parameter):
        return ApiError(words, action=error.action)
    names = {field.name: field.metadata["wire"] for field in on_wire(cls)} if cls is not None else {}
    wire_name = names.get(error.parameter, error.parameter)
    return ApiError(wire_name + error.msg.removeprefix(error.parameter), code=error.code)


def _unauthorized(error: Unauthorized) -> Unauthorized:
    """In the service's words where the credentials are unknown; a permission that is missing is named."""
    unknown = _UNKNOWN_TO_THEM & set(error.numbers) or _WRONG_TOKEN.search(error.msg)
    return Unauthorized(UNKNOWN_USER, code="E_UNAUTH") if unknown else error


def _behind(error: CloudflareError) -> str:
    """What a caller may know of a failure behind: the log has the rest."""
    if isinstance(error, ConfigurationError):
        return "The gateway is not set up for this: its log says why."
    if isinstance(error, ConnectionFailed):
        known = "may have been" if error.maybe_carried_out else "was not"
        return f"The service behind did not answer; the request {known} carried out."
    return "The service behind did not answer as expected."


def _outcome(status: int, reply: Plain) -> str:
    if reply.get("result") == "success":
        return "ok"
    return str(reply.get("err_code", "refused")) if status == 200 else f"HTTP {status}"


def _client(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else "-"


_BOUNDARY: Final = re.compile(rb'boundary=(?:"([^"]{1,70})"|([^\s;,"]{1,70}))', re.IGNORECASE)
_FIELD: Final = re.compile(rb'^content-disposition:[^\r\n]*[ ;]name="([^"\r\n]*)"', re.IGNORECASE | re.MULTILINE)


def _parts(kind: bytes, body: bytes) -> dict[str, str]:
    """The fields of a multipart form, which `curl -F` and PHP's curl with an array send."""
    found = _BOUNDARY.search(kind)
    if found is None:
        raise _Refused(400, "The form has no boundary")
    fields: dict[str, str] = {}
    for part in (b"\r\n" + body).split(b"\r\n--" + (found[1] or found[2]))[1:]:
        head, _, content = part.partition(b"\r\n\r\n")
        if name := _FIELD.search(head):
            fields[name[1].decode("utf-8", "replace")] = content.decode("utf-8", "replace")
    return fields


def _callback(parameters: Mapping[str, str]) -> str | None:
    """The name of the function that a JSONP reply calls; nothing but a plain identifier is taken."""
    callback = parameters.get("callback") or None
    if callback is not None and not _CALLBACK.fullmatch(callback):
        raise _Refused(400, "Invalid callback: expected the name of a function")
    return callback


def _for_script(body: bytes) -> bytes:
    """JSON that is safe inside a script: no end tag, no line separator that older engines stumble over."""
    return body.replace(b"<", b"\\u003c").replace("\u2028".encode(), b"\\u2028").replace("\u2029".encode(), b"\\u2029")


def gateway(
    connect: Connect,
    *,
    path: str = PATH,
    max_body: int = 65_536,
    echo: bool = False,
    access: Callable[[Access], None] | None = None,
) -> Gateway:
    """Any connect as the version 1 endpoint: an ASGI application.

    `gateway(emulator.connect)` is the emulator as a server; `httpx.ASGITransport(gateway(...))` is a
    whole stack in one process.

    Args:
        connect: what makes a backend of the credentials that each request carries.
        path: where it answers.
        max_body: how many bytes a request's body may have.
        echo: repeat the whole request in the reply, key included, as the live service did.
        access: is told of each request once it is answered; it must not block.
    """
    return Gateway(connect, path=path, max_body=max_body, echo=echo, access=access)
