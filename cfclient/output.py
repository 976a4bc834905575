"""What the commands print: answers as a table for people, and as JSON, JSON Lines or CSV for programs.

    destination   where the text goes: standard output, or a file that appears whole or not at all
    Entries       a listing, entry by entry
    write         one answer of any action
    Progress      how far a long job is, on a terminal only

JSON carries everything that the answer has, under the API's names. A table and a CSV have a row per entry,
with the columns of `COLUMNS`, or a row per field where the answer is one thing; a dot leads into what is
nested (`props.plan`).

What the service sent may be hostile: JSON is all ASCII, and in the other two `harmless` and `safe_cell`
show what would steer a terminal or start a spreadsheet's formula.
In a pipe a table has no frame, no colour, and lines as long as they need to be: nothing is cut off.
"""

from __future__ import annotations

import csv
import json
import math
import secrets
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TextIO, cast

import attrs

from . import models
from .errors import ConfigurationError
from .harmless import harmless, safe_cell
from .pace import Wait
from .plain import natural

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bar

__all__ = ["COLUMNS", "Entries", "Format", "Progress", "console", "destination", "standard_output", "waiting", "write"]

Format = Literal["table", "json", "jsonl", "csv"]

#: The columns of a listing. An entry of any other class has all of its fields.
COLUMNS: Final[Mapping[type, tuple[str, ...]]] = {
    models.Zone: ("zone_id", "zone_name", "zone_status_class", "props.plan", "fqdns"),
    models.Record: ("rec_id", "name", "type", "prio", "ttl", "service_mode", "content"),
}

# Far more than a record's content can fill; rich folds what is longer.
_UNBOUNDED: Final = 8192


@contextmanager
def destination(path: Path | None, output_format: str) -> Iterator[TextIO]:
    """Where the text goes; without a path to standard output.

    A file is written under another name beside its place and moved there at the end, so that nobody ever
    reads half of it, and an error leaves the old one. JSON Lines go straight into the file, for who follows
    it; so does everything where there is no plain file, such as `/dev/null`.
    """
    if path is None:
        yield standard_output("name a file with -o")
    elif output_format == "jsonl" or (path.exists() and not path.is_file()):
        with _opened(path, "w", path) as stream:
            yield stream
    else:
        place = path.resolve()
        temporary = place.with_name(f".cfclient-{secrets.token_hex(8)}.tmp")
        try:
            with _opened(temporary, "x", path) as stream:
                yield stream
            temporary.replace(place)
        finally:
            temporary.unlink(missing_ok=True)


def standard_output(hint: str) -> TextIO:
    """Where it is open; else the error ends with the hint."""
    # None where whoever started the process closed it.
    if cast("TextIO | None", sys.stdout) is None:
        raise ConfigurationError(f"standard output is closed: {hint}")
    return sys.stdout


def _opened(path: Path, mode: Literal["w", "x"], asked_for: Path) -> TextIO:
    try:
        return path.open(mode, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{asked_for} cannot be written: {error.strerror}") from None


def console(stream: TextIO) -> Console:
    """As wide as the terminal; anywhere else so wide that nothing is folded, and without colour."""
    from .screens import Screen

    if stream.isatty():
        return Screen(file=stream, highlight=False)
    return Screen(
        file=cast("TextIO", _Trimmed(stream)),
        highlight=False,
        force_terminal=False,
        color_system=None,
        width=_UNBOUNDED,
    )


class _Trimmed:
    """A stream without the spaces with which rich fills up every line of a table to the longest one."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.encoding = stream.encoding

    def write(self, text: str) -> None:
        self._stream.write("\n".join(line.rstrip(" ") for line in text.split("\n")))

    def flush(self) -> None:
        self._stream.flush()


def _dump(stream: TextIO, plain: Any, indent: int | None = None) -> None:
    stream.write(json.dumps(plain, indent=indent) + "\n")


# -- rows --------------------------------------------------------------------------------------------


def _fields(plain: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every value and the path to it, depth first."""
    for key, value in plain.items():
        if isinstance(value, dict) and value:
            yield from _fields(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _at(plain: Any, path: str) -> Any:
    for key in path.split("."):
        plain = plain.get(key) if isinstance(plain, dict) else None
    return plain


def _columns(kind: type) -> tuple[str, ...]:
    return COLUMNS.get(kind) or tuple(field.name for field in attrs.fields(kind))


def _joined(value: Any) -> Any:
    """A list of words as text; everything else that is not a scalar as JSON."""
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return " ".join(value)
    return json.dumps(value) if isinstance(value, dict | list | tuple) else value


def _for_people(value: Any) -> str:
    """None is "-", because a setting that was not reported is not one that is empty."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return harmless(str(_joined(value)))


def _for_sheets(value: Any) -> str:
    value = _joined(value)
    if value is None or isinstance(value, bool):
        return "" if value is None else json.dumps(value)
    return safe_cell(value) if isinstance(value, str) else str(value)


def _table(stream: TextIO, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    screen = console(stream)
    table = Table(box=box.SIMPLE_HEAD if screen.is_terminal else None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(Text(harmless(column)), overflow="fold")
    for row in rows:
        # Text, not str: in a str, rich would take brackets for its markup and colons for emoji.
        table.add_row(*(Text(_for_people(value)) for value in row))
    screen.print(table)


def _csv(stream: TextIO, rows: Iterable[Sequence[Any]]) -> None:
    # The stream itself knows how its platform ends a line.
    csv.writer(stream, lineterminator="\n").writerows([_for_sheets(value) for value in row] for row in rows)


class Entries:
    """A listing, entry by entry: JSON Lines and CSV at once, a JSON array and a table at the end."""

    def __init__(
        self, output_format: Format, stream: TextIO, kind: type, *, columns: tuple[str, ...] | None = None
    ) -> None:
        self._format = output_format
        self._stream = stream
        self._columns = columns or _columns(kind)
        self._kept: list[Any] = []
        self._begun = False

    def add(self, entry: Any) -> None:
        """One more entry."""
        self._begin()
        plain = natural(entry)
        if self._format == "jsonl":
            _dump(self._stream, plain)
            self._stream.flush()  # for who follows a file
        elif self._format == "csv":
            _csv(self._stream, [self._row(plain)])
        else:
            self._kept.append(plain)

    def _begin(self) -> None:
        # Not earlier, so that a listing that cannot be had prints nothing.
        if self._format == "csv" and not self._begun:
            _csv(self._stream, [self._columns])
        self._begun = True

    def _row(self, plain: Any) -> list[Any]:
        return [_at(plain, column) for column in self._columns]

    def finish(self) -> None:
        """What could not be written before the last entry."""
        self._begin()
        if self._format == "json":
            _dump(self._stream, self._kept, indent=2)
        elif self._format == "table":
            _table(self._stream, self._columns, (self._row(plain) for plain in self._kept))
        self._stream.flush()


def write(output_format: Format, stream: TextIO, answer: Any) -> None:
    """One answer of any action: a page or a tuple entry by entry, one thing field by field.

    An action without an answer is "done" for people, null in JSON, and no row in a CSV.
    """
    entries = answer.objs if isinstance(answer, models.Page) else answer
    plain = natural(answer)
    if output_format == "json":
        _dump(stream, plain, indent=2)
    elif isinstance(entries, tuple) and entries:
        listing = Entries(output_format, stream, type(entries[0]))
        for entry in entries:
            listing.add(entry)
        listing.finish()
    elif isinstance(entries, tuple):
        stream.write("nothing\n" if output_format == "table" else "")
    elif output_format == "jsonl":
        _dump(stream, plain)
    elif plain is None:
        stream.write("done\n" if output_format == "table" else "")
    elif output_format == "csv":
        _csv(stream, [("field", "value"), *_fields(plain)])
    else:
        _table(stream, ("field", "value"), _fields(plain))
    stream.flush()


# -- progress ----------------------------------------------------------------------------------------


def waiting(until: float | None, calls: int) -> str:
    """The words for so many calls that wait until then, on the monotonic clock; none where none waits."""
    if until is None:
        return ""
    seconds = max(0, math.ceil(until - time.monotonic()))
    return f"waiting for the service's limit, {seconds:,} s, {calls:,} call{'' if calls == 1 else 's'}"


class Progress:
    """How many of how many; says nothing unless it is shown, and is wiped away at the end."""

    def __init__(self, *, shown: bool, what: str) -> None:
        self._bar: Bar | None = None
        if shown:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TimeElapsedColumn
            from rich.progress import Progress as Bar
            from rich.text import Text

            class Words(ProgressColumn):
                """What is done, or what is waited for."""

                def render(self, task: Task) -> Text:
                    """For this moment."""
                    return Text(waiting(task.fields["until"], task.fields["waiting"]) or task.description)

            class Line(BarColumn):
                """The bar, which makes room for the words while something is waited for."""

                def render(self, task: Task) -> Any:
                    """For this moment."""
                    return Text() if task.fields["until"] is not None else super().render(task)

            self._bar = bar = Bar(
                Words(),
                Line(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = bar.add_task(what, total=None, until=None, waiting=0)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def waits(self, wait: Wait) -> None:
        """Says that calls wait for a limit, or that none does any longer; for `Pace(hook=...)`."""
        if self._bar is not None:
            # The limit of the network address is over before anyone could read it.
            until = time.monotonic() + wait.seconds if wait.waiting and wait.seconds >= 1 else None
            self._bar.update(self._task, until=until, waiting=wait.waiting)

    def begin(self, total: int) -> None:
        """So many there will be."""
        if self._bar is not None:
            self._bar.update(self._task, total=total)

    def step(self) -> None:
        """One more is done."""
        if self._bar is not None:
            self._bar.advance(self._task)

    def stop(self) -> None:
        """Wipes it away, before anything else is written; may be called again."""
        if self._bar is not None:
            self._bar.stop()

    def __exit__(self, *_: object) -> None:
        self.stop()
