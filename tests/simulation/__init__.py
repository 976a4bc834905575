"""Clients, faults and the service in one process, on a clock that jumps, every choice drawn from one seed.

    web app (cancels) --.
    audit --------------+--> Client -> retry -> backend -> Network (faults) -> the service as an ASGI application
    bot (killed) -------'                                                          `-- its own state is the truth

The same seed gives the same trace, so a seed that fails is replayed by `make simulate SEED=123`.
"""
