"""The public API is what the snapshot says: nothing of it changes by accident."""

from __future__ import annotations

import cfclient
from tests.api import SNAPSHOT, changes, lines


def test_the_public_names_are_those_of_the_snapshot() -> None:
    """If a change is meant, `make api` records it; docs/policy.md says what a release may change."""
    found = changes(SNAPSHOT.read_text().splitlines(), lines())

    assert found == [], "\n".join(["the public API has changed; meant? then `make api`:", *found])


def test_every_public_name_is_in_it() -> None:
    """All of the face, and the actions."""
    names = {line.partition(":")[0] for line in SNAPSHOT.read_text().splitlines()}

    assert {f"cfclient.{name}" for name in cfclient.__all__ if name != "__version__"} <= names
    assert {f"cfclient.actions.{cls.__name__}" for cls in cfclient.ACTIONS.values()} <= names


def test_a_change_is_told() -> None:
    """What was added, changed and removed, by name."""
    before = ["cfclient.a: (x: int) -> int", "cfclient.b: int", "cfclient.c: class()"]
    after = ["cfclient.a: (x: str) -> int", "cfclient.b: int", "cfclient.d: class()"]

    assert changes(before, before) == []
    assert changes(before, after) == [
        "removed: cfclient.c",
        "changed: cfclient.a\n    was (x: int) -> int\n    is  (x: str) -> int",
        "added: cfclient.d: class()",
    ]
