"""The commands `export` and `import`: a zone as a file, and a file as a zone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Final, Literal

from cyclopts import Parameter

from cfclient import zonefile
from cfclient.client import Client
from cfclient.harmless import harmless
from cfclient.output import destination
from cfclient.planning import Kind, Plan, Step, carry_out, make_plan, records_of
from cfclient.shapes import is_zone_id

from .ending import in_loop
from .options import DEFAULT_ACCOUNT, INCOMPLETE, Account, Traceback, Usage, ZoneName, flag, say

FileFormat = Literal["bind", "json", "csv"]

_BY_SUFFIX: Final[dict[str, FileFormat]] = {".json": "json", ".csv": "csv"}
_WORDS: Final = "bind (a zone file), json or csv"


def export_zone(
    zone: ZoneName,
    /,
    *,
    format: Annotated[FileFormat, Parameter(help=f"One of {_WORDS}.")] = "bind",  # noqa: A002  the option's name
    output: Annotated[
        Path | None,
        Parameter(name=["--output", "-o"], help="A file instead of standard output; it appears when it is complete."),
    ] = None,
    account: Account = DEFAULT_ACCOUNT,
    traceback: Traceback = False,  # noqa: ARG001  `run` looks for it
) -> int:
    """Write all records of a zone as a file that `import` and other programs read.

    For example:

        cfclient export example.com -o example.com.zone
        cfclient export example.com --format json | jq '.[].name'
    """
    zone = _name(zone)
    connection = account.connect()

    async def exported() -> str:
        async with connection as client:
            return zonefile.write(zone, await records_of(client, zone), format)

    text = in_loop(exported)
    with destination(output, format) as stream:
        stream.write(text)
        stream.flush()
    return 0


def import_zone(
    zone: ZoneName,
    file: Annotated[str, Parameter(allow_leading_hyphen=True, help="The file; - for standard input.")],
    /,
    *,
    format: Annotated[  # noqa: A002  the option's name
        FileFormat | None, Parameter(help=f"One of {_WORDS}; by the file's ending unless given.")
    ] = None,
    dry_run: Annotated[bool, flag("Show what would be done, and do nothing.")] = False,
    yes: Annotated[bool, flag("Do not ask.")] = False,
    no_delete: Annotated[bool, flag("Leave records alone that the file does not have.")] = False,
    max_deletes: Annotated[
        int | None,
        Parameter(help="How many records may be deleted; otherwise ten or a fifth of them, and never all."),
    ] = None,
    max_edits: Annotated[
        int | None,
        Parameter(help="How many records may get another content; otherwise ten or a fifth of them."),
    ] = None,
    account: Account = DEFAULT_ACCOUNT,
    traceback: Traceback = False,  # noqa: ARG001  `run` looks for it
) -> int:
    """Make a zone's records those of a file: only what differs is written.

    The plan is shown and asked for first. What is new comes before what
    goes, so that no name is without records in between. An import that
    was interrupted is simply done again.

    For example:

        cfclient import example.com example.com.zone --dry-run
        cfclient import example.com records.csv --no-delete --yes

    The exit code is 3 where something of the file could not be written.
    """
    zone = _name(zone)
    found = zonefile.read(_text(file), format or _BY_SUFFIX.get(Path(file).suffix.lower(), "bind"), zone=zone)
    for what, reason in found.skipped:
        say(f"skipped: {what} {reason}")
    job = _Import(found, delete=not no_delete, max_deletes=max_deletes, max_edits=max_edits, dry_run=dry_run, yes=yes)
    connection = account.connect()

    async def imported() -> bool:
        async with connection as client:
            return await job.run(client)

    complete = in_loop(imported)
    return 0 if complete else INCOMPLETE


def _name(zone: str) -> str:
    """The name; an id would stand in the file behind every record's own name."""
    if is_zone_id(zone):
        raise Usage(f"{zone} is a zone's id, and a file of records needs its name (--account chooses among several)")
    return zone


def _text(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Usage(f"{file} cannot be read: {error}") from None


class _Import:
    """One import, from the plan to its last step."""

    def __init__(
        self,
        found: zonefile.Zonefile,
        *,
        delete: bool,
        max_deletes: int | None,
        max_edits: int | None,
        dry_run: bool,
        yes: bool,
    ) -> None:
        self._found = found
        self._delete = delete
        self._max_deletes = max_deletes
        self._max_edits = max_edits
        self._dry_run = dry_run
        self._yes = yes
        self._done = 0

    async def run(self, client: Client) -> bool:
        """Whether everything that the file has is in the zone now, or would be."""
        zone = self._found.zone
        plan = make_plan(zone, await records_of(client, zone), self._found.entries, delete=self._delete)
        _show(plan)
        if self._dry_run or not plan.steps:
            return not plan.refused
        for reason, allows in (
            (plan.brake(self._max_deletes, replaced=plan.replaced), f"--max-deletes {plan.count(Kind.DELETE)}"),
            (plan.brake(plan.count(Kind.DELETE), replaced=self._max_edits), f"--max-edits {plan.replaced}"),
        ):
            if reason is not None:
                raise Usage(f"{reason}: nothing was done; {allows} allows it")
        if not self._yes and not _agreed(plan):
            raise Usage("nothing was done")
        try:
            await carry_out(client, plan, done=self._step)
        finally:
            if self._done < len(plan.steps):
                say(f"{self._done:,} of {len(plan.steps):,} changes were made; the same import makes the others")
        say(f"{self._done:,} changes were made")
        return not plan.refused

    def _step(self, _: Step) -> None:
        self._done += 1


def _show(plan: Plan) -> None:
    for step in plan.steps:
        sys.stdout.write(f"{harmless(step.words())}\n")
    for entry, reason in plan.refused:
        say(f"cannot be written: {entry.name} {entry.type.value}: {reason}")
    counts = ", ".join(f"{plan.count(kind):,} to {kind.value}" for kind in Kind)
    sys.stdout.write(f"{plan.zone}: {counts}, {plan.kept:,} stay as they are\n")
    sys.stdout.flush()


def _agreed(plan: Plan) -> bool:
    if not sys.stdin.isatty():
        raise Usage("nobody can be asked here: give --yes to do it, or --dry-run to look only")
    sys.stderr.write(f"Make these {len(plan.steps):,} changes to {plan.zone}? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
