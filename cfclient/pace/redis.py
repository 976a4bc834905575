"""A store in Redis, for processes of any hosts: redis-py's asyncio client, and one script for each step.

The clock is the server's. It is never believed to go back: what was left of each place then is left of it now.
redis-py knows asyncio only, so under trio this is an error that says so.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import anyio

from cfclient.errors import ConfigurationError

from .shared import Answer, Ask, StoreFailed

__all__ = ["Redis"]

# Keys: places (a sorted set by the time at which each is free), hold, last time.
# Arguments: calls, least, want, seconds, late, hold, prefix of new places, how many the service says are left (or
# less than none), for how many seconds, then pairs of place and seconds.
# Who asks anew, because the answer was lost, asks by the same names: what they were given then is not in the way now.
_SCRIPT: Final = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local last = tonumber(redis.call('GET', KEYS[3]) or now)
if now < last then
  for _, place in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    redis.call('ZINCRBY', KEYS[1], string.format('%.6f', now - last), place)
  end
  local kept = redis.call('GET', KEYS[2])
  if kept then redis.call('SET', KEYS[2], string.format('%.6f', tonumber(kept) + now - last)) end
end
local calls, least, want = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local seconds, late, hold = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
for index = 10, #ARGV, 2 do
  redis.call('ZADD', KEYS[1], 'XX', string.format('%.6f', now + tonumber(ARGV[index + 1])), ARGV[index])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.6f', now))
local until_ = tonumber(redis.call('GET', KEYS[2]) or 0)
if hold > 0 and now + hold > until_ then
  until_ = now + hold
  redis.call('SET', KEYS[2], string.format('%.6f', until_))
end
local held = math.max(0, until_ - now)
for index = 1, want do redis.call('ZREM', KEYS[1], ARGV[7] .. index) end
local used = redis.call('ZCARD', KEYS[1])
local left, left_for = tonumber(ARGV[8]), tonumber(ARGV[9])
if left >= 0 then
  for index = 1, calls - used - left do
    redis.call('ZADD', KEYS[1], string.format('%.6f', now + left_for), ARGV[7] .. 'others:' .. index)
  end
  used = redis.call('ZCARD', KEYS[1])
end
local free = calls - least - used
local granted = 0
if held == 0 then granted = math.max(0, math.min(want, free)) end
for index = 1, granted do
  redis.call('ZADD', KEYS[1], string.format('%.6f', now + seconds + late), ARGV[7] .. index)
end
local wait = 0
if free <= 0 then
  local index = string.format('%d', -free)
  local next_free = redis.call('ZRANGE', KEYS[1], index, index, 'WITHSCORES')[2]
  wait = seconds
  if next_free then wait = math.min(seconds, tonumber(next_free) - now) end
end
local latest = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]
local full = 0
if latest then full = math.max(0, tonumber(latest) - now) end
redis.call('SET', KEYS[3], string.format('%.6f', now))
local keep = math.ceil(math.max(seconds + late, held, full)) + 60
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, keep) end
return {granted, used + granted, tostring(wait), tostring(full), tostring(held)}
"""


class Redis:
    """The places in a Redis.

    Args:
        url: as redis-py takes it.
        shown: the same without a password.
        timeout: how long one step may take, the connection included, in seconds.
    """

    def __init__(self, url: str, *, shown: str, timeout: float = 2.0) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            raise ConfigurationError(
                "pace: redis-py knows asyncio only: under trio use file:/path/to/budget.db"
            ) from None
        try:
            from redis import asyncio as client
            from redis.exceptions import ConnectionError as Dropped
            from redis.exceptions import RedisError
        except ModuleNotFoundError:
            raise ConfigurationError(
                'pace: a budget in Redis needs one more package: pip install "cfclient-async[redis]"'
            ) from None
        self._shown = shown
        self._timeout = timeout
        self._errors = (RedisError, OSError)
        self._dropped: type[Exception] = Dropped
        self._client: Any = client.Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout)
        self._closed = False
        self._script: Any = self._client.register_script(_SCRIPT)

    async def step(self, ask: Ask, /) -> Answer:
        """One script."""
        if self._closed:
            raise StoreFailed(f"{self._shown}: the budget is closed")
        told: list[str | float] = []
        for ended in ask.ended:
            told += [ended.place, max(-1e9, ended.free_in)]
        keys = [f"{{cfclient:{ask.key}}}:{what}" for what in ("places", "hold", "last")]
        left = ask.left or (-1, 0.0)
        arguments = [
            ask.rate.calls,
            ask.least,
            ask.want,
            ask.rate.seconds,
            ask.late,
            ask.hold,
            f"{ask.names}:",
            *left,
            *told,
        ]
        try:
            with anyio.fail_after(self._timeout):
                try:
                    answer = await self._script(keys=keys, args=arguments)
                except self._dropped:
                    # An idle connection that the server has closed, or a restart. Asked twice, the same names are
                    # given anew.
                    answer = await self._script(keys=keys, args=arguments)
        except (*self._errors, TimeoutError) as error:
            # Its frames hold the address with its password.
            raise StoreFailed(f"{self._shown}: {type(error).__name__}: {error}") from None
        granted, used, wait, full, held = answer
        return Answer(
            places=ask.places(granted),
            used=used,
            wait=float(wait),
            full=float(full),
            held=float(held),
        )

    async def aclose(self) -> None:
        """Closes its connections."""
        self._closed = True
        await self._client.aclose()
