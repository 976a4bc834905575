"""The page about moving from version 1 to version 4 says what happens: each call is carried out and watched."""

from __future__ import annotations

import anyio
import pytest

from cfclient.actions import ACTIONS
from cfclient.backends.v4.support import SUPPORT, Extent
from tests import migrating
from tests.migrating import CALLS, PAGE, Shown, action_of, page, parsed, watched

ID = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def shown() -> list[Shown]:
    """All actions, carried out on version 4."""
    return anyio.run(watched)


def test_every_action_has_its_place() -> None:
    """In the order of the document."""
    assert list(ACTIONS) == list(CALLS) == list(SUPPORT)


def test_the_page_is_what_happens(shown: list[Shown]) -> None:
    """Requests, bodies, and how far each is carried out; `python -m tests.migrating` writes it anew."""
    assert page(shown) == PAGE.read_text(encoding="utf-8")


def test_what_is_refused_asks_nothing(shown: list[Shown]) -> None:
    """And what is carried out asks something."""
    for one in shown:
        assert (SUPPORT[one.name].extent is Extent.REFUSED) == (not one.v4)


@pytest.mark.anyio
@pytest.mark.parametrize("name", CALLS)
async def test_the_parameters_of_version_1_are_those_of_the_call(name: str, shown: list[Shown]) -> None:
    """What the page shows for version 1 is read as the very action that the call makes."""
    one = next(one for one in shown if one.name == name)

    assert parsed(one, ID) == await action_of(CALLS[name][0], ID)
    assert f"a={name}" in migrating.PAGE.read_text(encoding="utf-8")
