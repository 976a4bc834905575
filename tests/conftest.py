"""What every test shares: both event loops, and the folder of reference material that may be missing."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import certifi
import hypothesis
import pytest

# Examples are bounded by number, never by time: the machine may be busy. `make release` asks for more, and
# .ci/run for fewer on the versions of Python that it tries beside the first.
hypothesis.settings.register_profile("default", deadline=None, max_examples=50)
hypothesis.settings.register_profile("few", deadline=None, max_examples=25)
hypothesis.settings.register_profile("release", deadline=None, max_examples=1000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# What is started in the background of a script ignores SIGINT, and hands that on; tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Reading a hundred and forty authorities takes 20 ms, and hundreds of tests open a client: one is as good here.
_bundle = Path(certifi.where()).read_text(encoding="utf-8")
_end = "-----END CERTIFICATE-----\n"
_one = Path(tempfile.mkdtemp(prefix="cfclient-tests-")) / "authorities.pem"
_one.write_text(_bundle[: _bundle.index(_end) + len(_end)], encoding="utf-8")
atexit.register(shutil.rmtree, _one.parent, ignore_errors=True)
os.environ["SSL_CERT_FILE"] = str(_one)

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_collection() -> None:
    """Cloudflare's description judges whatever speaks version 4, in all tests."""
    # Not earlier: coverage of what this loads has to have begun.
    from tests import judged

    judged.stand()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What only chance reaches, or trio alone, does not count as covered: tracing takes as long as the tests do.

    Of pacing it does: on trio the order of tasks is chance, and every order has its branch.
    """
    for item in items:
        drawn = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        if (drawn or "[trio" in item.nodeid) and "pace" not in item.path.stem:
            item.add_marker("no_cover")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """What the judge found fails the test in which it was found."""
    from tests import judged

    outcome = yield
    found = judged.taken()
    assert not found, "what Cloudflare's description refuses: " + "\n".join(found)
    return outcome


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
