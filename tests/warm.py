"""`cfclient` many times over, each in a process of its own, which is forked off one that has its modules loaded.

    {"arguments": [...], "folder": "...", "environment": {...}, "output": "FILE"}     a line in, for each run
    0                                                                                 a line out: its exit code

Loading them anew for each of the documents' commands takes most of the time that these tests take.
"""

from __future__ import annotations

import json
import os
import sys
import traceback

import cfclient.cli.commands
from cfclient.backends import v1, v4
from cfclient.http import httpx

LOADED = (cfclient.cli.commands, v1, v4, httpx)


def child(folder: str, environment: dict[str, str], output: str, arguments: list[str]) -> int:
    """The exit code of one run, in the child."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    written = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(written, 1)
    os.dup2(written, 2)
    # Within the with clauses of nobody: what is buffered is written before the process ends.
    code = cfclient.cli.main(arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def main() -> None:
    """Run after run, until standard input ends."""
    for line in sys.stdin:
        run = json.loads(line)
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            code = 70
            try:
                code = child(**run)
            except BaseException:
                traceback.print_exc()
                sys.stderr.flush()
            os._exit(code)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
