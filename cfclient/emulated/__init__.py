"""CloudFlare in memory: the state that both faces of the emulator share, and today's face, version 4.

    state      accounts, zones, records, lists: what version 1 and version 4 read and write
    traffic    the visitors and the numbers that each zone has
    ids        version 1's decimal ids as version 4's hexadecimal ones, and back
    replies    version 4's envelope, its pages and its refusals
    app        who asks, how often, which endpoint: `V4`, an ASGI application
    zones, records, contents, export, settings, rules, users, analytics, query    the endpoints

The version 1 face is `cfclient.backends.emulator`, which owns the accounts.
"""

from typing import Final

__all__ = ["PATH"]

#: the path below which version 4 answers
PATH: Final = "/client/v4"
