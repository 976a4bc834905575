"""What every test shares: both event loops, and the folder of reference material that may be missing."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Every test that awaits runs on both loops."""
    name: str = request.param
    return name


@pytest.fixture
def shared() -> Path:
    """The reference material beside the project; without it the test is skipped."""
    if not SHARED.is_dir():
        pytest.skip("the reference material (../shared) is not beside this checkout")
    return SHARED
