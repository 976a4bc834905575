"""OpenTelemetry: what a client reports of its HTTP requests, seen with the SDK's exporters in memory."""

from __future__ import annotations

import builtins
import contextlib
import json
import re
from collections.abc import Iterator
from typing import Any, cast

import anyio
import attrs
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

import cfclient
from cfclient.backend import departed
from cfclient.errors import CloudflareError, ConfigurationError, RateLimited
from cfclient.http import Reply, Request
from cfclient.retry import Attempt, Retry, onlookers
from cfclient.watching import watched
from tests.canary import CANARY, leaks
from tests.loopback import Answer, Asked, serve

pytestmark = pytest.mark.anyio

EMAIL = "me@example.com"
GOOD = b'{"result": "success", "msg": null, "response": {"result": {"objs": []}}}'
REFUSED = b'{"result": "error", "msg": "Invalid zone.", "err_code": "E_INVLDINPUT"}'


@attrs.define
class Telemetry:
    """What was exported."""

    spans_: InMemorySpanExporter
    reader: InMemoryMetricReader
    tracers: TracerProvider

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.spans_.get_finished_spans()

    def points(self) -> list[Any]:
        """The histogram's points; there is no other metric."""
        data = json.loads(self.everything())["resource_metrics"]
        (metric,) = [m for r in data for s in r["scope_metrics"] for m in s["metrics"]]
        assert ("http.client.request.duration", "s") == (metric["name"], metric["unit"])
        return list(metric["data"]["data_points"])

    def everything(self) -> str:
        data = self.reader.get_metrics_data()
        return "{}" if data is None else data.to_json()


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    """Providers of the test's own, and nobody looks on afterwards."""
    spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers, meters = TracerProvider(shutdown_on_exit=False), MeterProvider([reader], shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    end = cfclient.instrument(tracers, meters)
    yield Telemetry(spans, reader, tracers)
    end()
    end()
    assert [] == onlookers
    tracers.shutdown()
    meters.shutdown()


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


QUICK = Retry(attempts=2, first=0.001)


async def test_a_request_is_a_span_and_a_measurement(telemetry: Telemetry) -> None:
    """By the conventions, under the caller's span; the key is in nothing that is exported."""

    async def handler(_: Asked) -> Answer:
        return Answer(body=GOOD)

    tracer = telemetry.tracers.get_tracer("test")
    async with serve(handler) as server, cfclient.connect(server.url, email=EMAIL, token=CANARY) as cf:
        with tracer.start_as_current_span("caller") as caller:
            await cf.rec_load_all("example.com")
    port = int(server.url.rpartition(":")[2].partition("/")[0])

    span = next(span for span in telemetry.spans if span.name != "caller")
    (point,) = telemetry.points()
    assert ("POST", SpanKind.CLIENT, StatusCode.UNSET) == (span.name, span.kind, span.status.status_code)
    assert span.parent is not None
    assert caller.get_span_context().span_id == span.parent.span_id
    assert attributes(span) == {
        "http.request.method": "POST",
        "server.address": "127.0.0.1",
        "server.port": port,
        "url.full": server.url,
        "cfclient.action": "rec_load_all",
        "http.response.status_code": 200,
    }
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.start_time <= span.end_time
    assert point["attributes"] == {
        "http.request.method": "POST",
        "server.address": "127.0.0.1",
        "server.port": port,
        "http.response.status_code": 200,
    }
    assert 14 == len(point["explicit_bounds"])
    assert (0.005, 10.0) == (point["explicit_bounds"][0], point["explicit_bounds"][-1])
    exported = telemetry.everything() + "".join(span.to_json() for span in telemetry.spans)
    assert "127.0.0.1" in exported
    assert CANARY not in exported
    assert EMAIL not in exported


async def test_what_is_sent_again_counts(telemetry: Telemetry) -> None:
    """The first attempt is none; a status that is an error is the type of the error."""
    answers = [Answer(status=503, body=b"<html>"), Answer(body=GOOD)]

    async def handler(_: Asked) -> Answer:
        return answers.pop(0)

    async with serve(handler) as server, cfclient.connect(server.url, email=EMAIL, token=CANARY, retry=QUICK) as cf:
        await cf.rec_load_all("example.com")

    first, second = map(attributes, telemetry.spans)
    assert (503, "503", None) == tuple(
        first.get(name) for name in ("http.response.status_code", "error.type", "http.request.resend_count")
    )
    assert (200, None, 1) == tuple(
        second.get(name) for name in ("http.response.status_code", "error.type", "http.request.resend_count")
    )
    assert [StatusCode.ERROR, StatusCode.UNSET] == [span.status.status_code for span in telemetry.spans]
    assert {"503", None} == {point["attributes"].get("error.type") for point in telemetry.points()}


@pytest.mark.parametrize("retry", [QUICK, None], ids=["retry", "no retry"])
@pytest.mark.parametrize("how", ["perform", "raw"])
async def test_a_refusal_within_a_reply_is_an_error(telemetry: Telemetry, retry: Retry | None, how: str) -> None:
    """Whose type is the class; also where nothing is asked again."""

    async def handler(_: Asked) -> Answer:
        return Answer(body=REFUSED)

    async with serve(handler) as server, cfclient.connect(server.url, email=EMAIL, token=CANARY, retry=retry) as cf:
        action = cfclient.actions.RecLoadAll("example.com")
        with pytest.raises(cfclient.InvalidInput) as caught:
            await getattr(cf, how)(action)

    (span,) = telemetry.spans
    assert (200, "cfclient.errors.InvalidInput") == tuple(
        attributes(span)[name] for name in ("http.response.status_code", "error.type")
    )
    assert StatusCode.ERROR == span.status.status_code
    assert [] == leaks(caught.value, __file__)


async def test_a_connection_that_fails_is_an_error(telemetry: Telemetry) -> None:
    """Without a status."""
    async with cfclient.connect("http://127.0.0.1:1/api_json.html", email=EMAIL, token=CANARY, retry=None) as cf:
        with pytest.raises(cfclient.ConnectionFailed) as caught:
            await cf.rec_load_all("example.com")

    (span,) = telemetry.spans
    assert "cfclient.errors.ConnectionFailed" == attributes(span)["error.type"]
    assert "http.response.status_code" not in attributes(span)
    assert [] == leaks(caught.value, __file__)


@pytest.mark.parametrize("retry", [QUICK, None], ids=["retry", "no retry"])
async def test_a_call_that_is_cancelled_is_reported(telemetry: Telemetry, retry: Retry | None) -> None:
    """As an error of the type "cancelled"."""
    asked = anyio.Event()

    async def handler(_: Asked) -> Answer:
        asked.set()
        await anyio.sleep_forever()
        raise AssertionError

    async with (
        serve(handler) as server,
        cfclient.connect(server.url, email=EMAIL, token=CANARY, retry=retry) as cf,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(cf.rec_load_all, "example.com")
        await asked.wait()
        tasks.cancel_scope.cancel()

    (span,) = telemetry.spans
    assert ("cancelled", StatusCode.ERROR) == (attributes(span)["error.type"], span.status.status_code)


async def test_a_hook_sees_the_exchanges_beside_it(telemetry: Telemetry) -> None:
    """One's own and the onlookers' are told of the same; one that raises stops no other."""
    seen: list[Attempt] = []

    def hook(attempt: Attempt) -> None:
        seen.append(attempt)
        raise RuntimeError

    async def handler(_: Asked) -> Answer:
        return Answer(body=GOOD)

    retry = Retry(hook=hook)
    async with serve(handler) as server, cfclient.connect(server.url, email=EMAIL, token=CANARY, retry=retry) as cf:
        await cf.rec_load_all("example.com")

    ((exchange,),) = [attempt.exchanges for attempt in seen]
    assert ("POST", server.url, 200, None) == (exchange.method, exchange.url, exchange.status, exchange.failure)
    assert 1 == len(telemetry.spans)
    assert CANARY not in repr(seen)


async def test_each_request_of_one_action_is_reported(telemetry: Telemetry) -> None:
    """Today's Cloudflare takes several for some; those that wait for their turn, too."""

    async def handler(asked: Asked) -> Answer:
        zone = {"id": "0" * 32, "name": "example.com", "status": "active", "account": {"id": "1", "name": "a"}}
        listing = asked.target.startswith("/client/v4/zones?")
        result: Any = [zone] if listing else {"id": "x", "value": "on"}
        info = {"page": 1, "per_page": 50, "count": 1, "total_count": 1, "total_pages": 1}
        return Answer(
            body=json.dumps(
                {"success": True, "errors": [], "messages": [], "result": result, "result_info": info}
            ).encode()
        )

    async with serve(handler) as server:
        url = server.url.removesuffix("/api_json.html") + "/client/v4"
        async with cfclient.connect(url, token=CANARY) as cf:
            with contextlib.suppress(CloudflareError):
                await cf.zone_settings("example.com", only={"ssl", "ipv46"})

    shown = [attributes(span) for span in telemetry.spans]
    assert len(shown) >= 2
    assert {"GET"} == {span.name for span in telemetry.spans}
    assert {"zone_settings"} == {each["cfclient.action"] for each in shown}
    assert all(each["url.full"].startswith(url) for each in shown)
    assert CANARY not in "".join(span.to_json() for span in telemetry.spans) + telemetry.everything()


async def test_the_emulator_in_the_process_sends_nothing(telemetry: Telemetry) -> None:
    """So nothing is reported of it."""
    async with cfclient.connect("emulator:?zones=1", retry=None) as cf:
        await cf.zones().all()

    assert () == telemetry.spans


async def test_an_adapter_of_one_s_own_is_seen_and_keeps_its_budget(telemetry: Telemetry) -> None:
    """What it is told of the limit reaches it."""
    told: list[RateLimited] = []

    class Own:
        async def exchange(self, request: Request) -> Reply:
            departed()
            return Reply(status=200, body=b'{"result": "error", "msg": "Enough.", "err_code": "E_MAXAPI"}')

        async def limited(self, error: RateLimited) -> None:
            told.append(error)

    url = "https://example.com/api_json.html"
    async with cfclient.connect(url, email=EMAIL, token=CANARY, http=Own(), retry=None, pace=None) as cf:
        with pytest.raises(RateLimited):
            await cf.rec_load_all("example.com")
    reply = await watched(Own()).exchange(Request(method="GET", url=url))

    (span,) = telemetry.spans
    assert ["Enough."] == [error.msg for error in told]
    assert ("example.com", 443) == tuple(attributes(span)[name] for name in ("server.address", "server.port"))
    assert 200 == reply.status
    assert "Own" in repr(watched(Own()))


async def test_a_client_without_an_onlooker_pays_nothing() -> None:
    """Its adapter is the bare one."""
    async with cfclient.connect("https://example.com/api_json.html", email=EMAIL, token=CANARY, retry=None) as cf:
        assert "Observed" not in repr(cf)


async def test_a_client_with_one_says_so(telemetry: Telemetry) -> None:
    """In its repr."""
    async with cfclient.connect("https://example.com/api_json.html", email=EMAIL, token=CANARY, retry=None) as cf:
        assert "<Observed <V1 " in repr(cf)


def test_without_the_package_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is looked at."""
    real = builtins.__import__

    def missing(name: str, *rest: Any) -> Any:
        if name.startswith("opentelemetry"):
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ConfigurationError, match=re.escape('pip install "cfclient-async[otel]"')):
        cfclient.instrument()


def test_a_package_that_is_too_old_is_told() -> None:
    """Before 1.30 a histogram took no advice on its buckets."""

    class Old:
        def get_meter(self, *_: Any, **__: Any) -> Old:
            return self

        def create_histogram(self, name: str, unit: str = "", description: str = "") -> None: ...

    with pytest.raises(ConfigurationError, match=r"telemetry needs opentelemetry-api 1\.30 or newer"):
        cfclient.instrument(meter_provider=cast("Any", Old()))

    assert [] == onlookers
