"""The errors: by blame, with evidence, and safe to keep, to log and to send to another process."""

from __future__ import annotations

import pickle
import re
from typing import Any

import pytest

from cfclient import errors
from cfclient.errors import (
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
    ZoneChoice,
    refusal,
)

ONE_OF_EACH: list[tuple[CloudflareError, str]] = [
    (CloudflareError("x"), "x"),
    (ApiError("No.", code="ip", action="stats"), "stats: No. (ip)"),
    (ApiError("No."), "No."),
    (Unauthorized("No.", code="E_UNAUTH"), "No. (E_UNAUTH)"),
    (InvalidInput.of("zone", "x", "a name"), "zone='x' is not valid: expected a name (E_INVLDINPUT)"),
    (
        AmbiguousZone.among("a.example", [ZoneChoice("acme", "1f", "active")], action="stats"),
        (
            "stats: zone='a.example' fits 1 zones (account acme, id 1f, active): "
            "expected the zone's id in place of its name, or connect(account=...) (E_INVLDINPUT)"
        ),
    ),
    (RateLimited("Enough.", action="ban"), "ban: Enough. (E_MAXAPI)"),
    (RateLimited("Enough.", retry_after=12.2), "Enough. (E_MAXAPI); try again in 12 s"),
    (ConnectionFailed("reset", maybe_carried_out=True), "reset (the request may have been carried out)"),
    (ConnectionFailed("refused", maybe_carried_out=False), "refused (the request was not carried out)"),
    (UnexpectedAnswer("HTML", status=503, excerpt="<html>"), "HTML (HTTP 503): '<html>'"),
    (UnexpectedAnswer("HTML"), "HTML"),
    (OutcomeUnknown("rec_new", "no answer", seen=("1",), advice="look"), "rec_new: no answer; look"),
    (OutcomeUnknown("rec_new", "no answer"), "rec_new: no answer"),
    (Unsupported("minify", "gone since 2024"), "minify: gone since 2024"),
    (ConfigurationError("no url"), "no url"),
    (MisusedClient("closed"), "closed"),
]


@pytest.mark.parametrize(("error", "text"), ONE_OF_EACH, ids=lambda value: type(value).__name__)
def test_an_error_reads_as_one_line(error: CloudflareError, text: str) -> None:
    """And survives the way to another process with all that it knows."""
    again = pickle.loads(pickle.dumps(error))

    assert text == str(error) == str(again)
    assert (type(error), error.__dict__) == (type(again), again.__dict__)


def test_every_error_has_an_example_above() -> None:
    """By reflection, so that a new class is not forgotten."""

    def tree(cls: type[CloudflareError]) -> set[type[CloudflareError]]:
        return {cls}.union(*(tree(sub) for sub in cls.__subclasses__() if sub.__module__ == errors.__name__))

    assert tree(CloudflareError) == {type(error) for error, _ in ONE_OF_EACH}


def test_the_docstring_s_tree_names_every_class() -> None:
    """The map at the head of the module is complete."""
    drawn = set(re.findall(r"[A-Z]\w+", str(errors.__doc__)))

    assert {name for name in errors.__all__ if name[0].isupper()} <= drawn


@pytest.mark.parametrize(
    ("msg", "code", "expected"),
    [
        ("x", "E_UNAUTH", Unauthorized),
        ("x", "E_INVLDINPUT", InvalidInput),
        ("x", "E_MAXAPI", RateLimited),
        ("Invalid zone.", None, InvalidInput),
        ("Invalid zone.", "v", ApiError),
        ("Something.", None, ApiError),
    ],
)
def test_a_refusal_is_sorted_by_code_then_by_words(msg: str, code: str | None, expected: Any) -> None:
    """The live service sent no code with most refusals."""
    error = refusal(msg, code=code, action="stats")

    assert (expected, msg, code, "stats") == (type(error), error.msg, error.code, error.action)


@pytest.mark.parametrize(
    ("cls", "builtin"), [(InvalidInput, ValueError), (ConfigurationError, ValueError), (MisusedClient, RuntimeError)]
)
def test_some_are_builtin_errors_too(cls: type[CloudflareError], builtin: type[Exception]) -> None:
    """So that code that knows nothing of us can catch them."""
    assert issubclass(cls, builtin)
