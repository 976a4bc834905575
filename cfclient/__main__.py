"""`python -m cfclient`: the command `cfclient`."""

from __future__ import annotations

import sys

from cfclient.cli import main

if __name__ == "__main__":
    sys.exit(main())
