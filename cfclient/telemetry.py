"""OpenTelemetry: a span and a measurement for each HTTP request, by the conventions for HTTP clients.

    instrument()  --onlooker of retry.py-->  Attempt.exchanges  -->  span `POST`, histogram http.client.request.duration

The conventions: https://opentelemetry.io/docs/specs/semconv/http/ (stable since 1.23).
Attributes are made of an exchange's method, address, status and class of error; none of them can hold a key,
because a key travels in a body or in a header only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from ._version import __version__
from .backend import Exchange
from .errors import ConfigurationError
from .retry import Attempt, onlookers

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

__all__ = ["instrument"]

_SCHEMA: Final = "https://opentelemetry.io/schemas/1.23.0"

# What the conventions advise, in seconds.
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)

_PORTS: Final = {"http": 80, "https": 443}


def instrument(
    tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
) -> Callable[[], None]:
    """Reports each HTTP request of all clients that are opened from now on, whatever their `retry` is.

    Args:
        tracer_provider: who takes the spans; OpenTelemetry's global one where it is None.
        meter_provider: who takes the durations; likewise.

    Returns:
        A function that ends it.

    Raises:
        ConfigurationError: the package opentelemetry-api is missing, or older than 1.30.
    """
    try:
        from opentelemetry import metrics, trace
    except ModuleNotFoundError:
        raise ConfigurationError('telemetry needs one more package: pip install "cfclient-async[otel]"') from None

    tracer = trace.get_tracer("cfclient", __version__, tracer_provider, schema_url=_SCHEMA)
    meter = metrics.get_meter("cfclient", __version__, meter_provider, schema_url=_SCHEMA)
    try:
        durations = meter.create_histogram(
            "http.client.request.duration",
            unit="s",
            description="Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=_BUCKETS,
        )
    except TypeError:
        newer = 'telemetry needs opentelemetry-api 1.30 or newer: pip install "cfclient-async[otel]"'
        raise ConfigurationError(newer) from None
    failed = trace.Status(trace.StatusCode.ERROR)

    def hook(attempt: Attempt) -> None:
        for exchange, error in _with_errors(attempt):
            measured = _attributes(exchange)
            told: dict[str, Any] = {"url.full": exchange.url, "cfclient.action": attempt.action.wire_name}
            if attempt.number > 1:
                told["http.request.resend_count"] = attempt.number - 1
            began = int(exchange.began * 1e9)
            # Its parent is the span in which the call was made: the hook runs in the call's own task.
            span = tracer.start_span(
                exchange.method, kind=trace.SpanKind.CLIENT, attributes={**measured, **told}, start_time=began
            )
            if exchange.status is not None:
                measured["http.response.status_code"] = exchange.status
                span.set_attribute("http.response.status_code", exchange.status)
            if error is not None:
                measured["error.type"] = error
                span.set_attribute("error.type", error)
                span.set_status(failed)
            span.end(began + int(exchange.duration * 1e9))
            durations.record(exchange.duration, measured)

    onlookers.append(hook)

    def end() -> None:
        if hook in onlookers:
            onlookers.remove(hook)

    return end


def _attributes(exchange: Exchange) -> dict[str, Any]:
    parts = urlsplit(exchange.url)
    return {
        "http.request.method": exchange.method,
        "server.address": parts.hostname or "",
        "server.port": parts.port or _PORTS.get(parts.scheme, 0),
    }


def _with_errors(attempt: Attempt) -> list[tuple[Exchange, str | None]]:
    """The exchanges, each with what the conventions call the type of its error.

    A refusal that came with status 200, or an answer that could not be read, is an error of the last exchange,
    unless one of them failed by itself.
    """
    found = [(exchange, _error_of(exchange)) for exchange in attempt.exchanges]
    if found and attempt.error is not None and not any(error for _, error in found):
        last, _ = found[-1]
        found[-1] = last, f"{type(attempt.error).__module__}.{type(attempt.error).__qualname__}"
    return found


def _error_of(exchange: Exchange) -> str | None:
    if exchange.failure is None and exchange.status is not None and exchange.status >= 400:
        return str(exchange.status)
    return exchange.failure
