"""A console of rich's that lets a broken pipe be what it is; loaded where something is drawn."""

from __future__ import annotations

from rich.console import Console

__all__ = ["Screen"]


class Screen(Console):
    """Its own would end the process with 1, which would be taken for findings."""

    def on_broken_pipe(self) -> None:
        """Tells whoever prints."""
        raise BrokenPipeError
