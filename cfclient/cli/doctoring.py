"""The command `doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from cfclient.connect import Settings
from cfclient.doctor import Check, examine
from cfclient.errors import ConfigurationError
from cfclient.output import Entries, destination
from cfclient.pace import Pace

from .ending import in_loop
from .options import DEFAULT_ACCOUNT, DEFAULT_OUTPUT, INCOMPLETE, USAGE, Account, Output, Usage


@contextmanager
def _as_settings() -> Iterator[None]:
    """What is wrong with an option is wrong with a setting."""
    try:
        yield
    except Usage as error:
        raise ConfigurationError(str(error)) from error


_OF_SETTINGS = {"settings", "configuration"}


def doctor(*, account: Account = DEFAULT_ACCOUNT, output: Output = DEFAULT_OUTPUT) -> int:
    """Look for what stands in the way: versions, settings, the address, TLS, the key, the budget.

    For example:

        cfclient doctor
        cfclient doctor --demo
        cfclient doctor --profile work --format json

    A missing extra is no fault. The exit code is 0 where nothing failed, 2
    where a setting is missing or wrong, 3 where nobody answers, the
    certificate does not hold, or the key is refused.
    """

    def find() -> Settings:
        with _as_settings():
            return account.found()

    def pace(found: Settings) -> Pace | None:
        with _as_settings():
            return account.policy(found=found)

    looking = partial(examine, find, account=account.account, allow_plain_http=account.allow_plain_http, pace=pace)
    with destination(output.output, output.format) as stream:
        checks = in_loop(looking)
        entries = Entries(output.format, stream, Check)
        for check in checks:
            entries.add(check)
        entries.finish()
    failed = {check.check for check in checks if check.state == "failed"}
    return 0 if not failed else USAGE if failed & _OF_SETTINGS else INCOMPLETE
