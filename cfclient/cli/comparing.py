"""The command `diff`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from cfclient.audit.diff import compare, read, write
from cfclient.output import console, destination

from .options import FOUND, INCOMPLETE, Traceback, say


def diff(
    old: Annotated[Path, Parameter(help="An audit in JSON or JSON Lines.")],
    new: Annotated[Path, Parameter(help="A later one.")],
    /,
    *,
    format: Annotated[  # noqa: A002  as in every command
        Literal["table", "json", "markdown"],
        Parameter(help="table for people, markdown for pull requests, json for programs."),
    ] = "table",
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="A file instead of standard output.")
    ] = None,
    traceback: Traceback = False,  # noqa: ARG001  `run` looks for it
) -> int:
    """Compare two audits: records and settings that changed, findings that are new and gone.

    Records and settings are compared where both files carry them
    (cfclient audit --with-records). The order of records, ttl 1 and
    automatic, case and final dots are no differences. What one side
    was not told of, or did not check, is said and is none either.

    For example:

        cfclient audit --format jsonl --with-records -o monday.jsonl
        cfclient diff monday.jsonl tuesday.jsonl
        cfclient diff monday.jsonl tuesday.jsonl --format markdown

    The exit code is 0 where nothing changed, 1 where something did, 2
    for a file that is no audit, 3 where a side had not read all of its
    zones; what can be compared is compared all the same.
    """
    difference = compare(read(old), read(new))
    with destination(output, format) as stream:
        write(format, stream, difference, console=console(stream) if format == "table" else None)
    if not difference.complete:
        say("error: incomplete: a side had not read all of its zones")
        return INCOMPLETE
    return FOUND if difference.count else 0
