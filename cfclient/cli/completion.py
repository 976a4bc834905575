"""The command `completion`: what a shell needs to complete commands, options and their values."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Annotated, Literal

from cyclopts import App, Parameter

__all__ = ["completion_of"]


def completion_of(app: App) -> Callable[..., int]:
    """The command for this application."""

    def completion(
        shell: Annotated[Literal["bash", "zsh", "fish"], Parameter(help="The shell that is to complete.")], /
    ) -> int:
        """Print the script with which a shell completes commands, options and values.

        For example, in ~/.bashrc, in ~/.zshrc behind compinit, and in
        ~/.config/fish/config.fish:

            source <(cfclient completion bash)
            source <(cfclient completion zsh)
            cfclient completion fish | source
        """
        script = app.generate_completion(shell=shell)
        if shell == "zsh":
            # Made for a folder of functions; this line lets it be sourced too.
            names = re.findall(r"^(_\w+)\(\)", script, re.MULTILINE)
            script += f"compdef {names[0]} cfclient\n"
        if shell == "fish":
            # Made without this line, so that files stand among the commands.
            script += "complete -c cfclient -n __fish_cfclient_using_command -f\n"
        sys.stdout.write(script)
        return 0

    return completion
