"""The commands that ask the service something: `zones`, `records`, `settings` and `call`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import attrs
from cyclopts import Parameter

from cfclient import wire
from cfclient.actions import ACTIONS, SETTINGS, Action, ZoneSettings, on_wire
from cfclient.client import Client
from cfclient.models import Record, Zone
from cfclient.output import Entries, destination, write
from cfclient.paging import Listing

from .ending import in_loop
from .options import DEFAULT_ACCOUNT, DEFAULT_OUTPUT, Account, Output, Usage, ZoneName, near, one_of, table_said

T = TypeVar("T")

ActionName = str
if not TYPE_CHECKING:
    ActionName = one_of(ACTIONS)


def zones(*, account: Account = DEFAULT_ACCOUNT, output: Output = DEFAULT_OUTPUT) -> int:
    """List the zones of the account, however many pages they fill.

    For example:

        cfclient zones --demo
        cfclient zones --format csv -o zones.csv
    """
    return _list(account, output, Zone, lambda client: client.zones())


def records(zone: ZoneName, /, *, account: Account = DEFAULT_ACCOUNT, output: Output = DEFAULT_OUTPUT) -> int:
    """List all records of a zone, however many pages they fill.

    For example:

        cfclient records example.com
        cfclient records example.com --format jsonl | jq .content
    """
    return _list(account, output, Record, lambda client: client.records(zone))


def _list(account: Account, output: Output, kind: type[T], listing: Callable[[Client], Listing[T]]) -> int:
    connection = account.connect()

    async def listed(entries: Entries) -> None:
        async with connection as client, listing(client).ahead() as found:
            async for entry in found:
                entries.add(entry)

    table_said(output.format, output.output)
    with destination(output.output, output.format) as stream:
        entries = Entries(output.format, stream, kind)
        in_loop(listed, entries)
        entries.finish()
    return 0


def settings(zone: ZoneName, /, *, account: Account = DEFAULT_ACCOUNT, output: Output = DEFAULT_OUTPUT) -> int:
    """Show all settings of a zone; what the service did not report is "-", which is not "off".

    For example:

        cfclient settings example.com
        cfclient settings example.com --format json
    """
    return _perform(account, output, lambda: ZoneSettings(zone, only=SETTINGS))


def call(
    action: Annotated[ActionName, Parameter(help="The action's name on the wire, such as rec_new.")],
    /,
    *parameters: Annotated[
        str, Parameter(help="name=value each; the names are the wire's (z) or the Python method's (zone).")
    ],
    account: Account = DEFAULT_ACCOUNT,
    output: Output = DEFAULT_OUTPUT,
) -> int:
    """Carry out any of the 22 actions of the API.

    For example:

        cfclient call stats z=example.com interval=20
        cfclient call sec_lvl zone=example.com value=help
        cfclient call rec_new z=example.com type=A name=www content=192.0.2.1
        cfclient call ban key=192.0.2.1
    """
    return _perform(account, output, lambda: _action(action, parameters))


def _perform(account: Account, output: Output, make: Callable[[], Action[Any]]) -> int:
    action, connection = make(), account.connect()

    async def performed() -> Any:
        async with connection as client:
            return await client.perform(action)

    with destination(output.output, output.format) as stream:
        write(output.format, stream, in_loop(performed))
    return 0


def _action(name: str, words: Sequence[str]) -> Action[Any]:
    """The action of this name, from `name=value` words."""
    name = "async" if name == "async_" else name
    if name not in ACTIONS:
        raise Usage(f"there is no action {name!r}{near(name, ACTIONS)}; the actions are {', '.join(ACTIONS)}")
    cls = ACTIONS[name]
    fields = {field.metadata["wire"]: field.name for field in on_wire(cls)}
    names = {attribute: wire_name for wire_name, attribute in fields.items()} | {key: key for key in fields}
    offer = ", ".join(key if key == attribute else f"{key} ({attribute})" for key, attribute in fields.items())
    given: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise Usage(f"{word!r} is no parameter: expected name=value, such as z=example.com")
        if cls.fixed.get(key) == value:
            continue
        if key not in names:
            raise Usage(f"{name} has no parameter {key!r}{near(key, names)}; it takes {offer}")
        if names[key] in given:
            raise Usage(f"the parameter {key!r} of {name} is given twice")
        given[names[key]] = value
    missing = [field for field in on_wire(cls) if field.default is attrs.NOTHING and field.metadata["omit"] is None]
    missing = [key for field in missing if (key := field.metadata["wire"]) not in given]
    if missing:
        raise Usage(f"{name} also needs {', '.join(f'{key}=' for key in missing)}; it takes {offer}")
    return wire.parse({"a": name, **given})
