"""A store in Redis, for processes of any hosts: redis-py's asyncio client, and one script for each step.

The clock is the server's. It is never believed to go back: what was left of each place then is left of it now.
redis-py knows asyncio only, so under trio this is an error that says so.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import anyio

from cfclient.errors import ConfigurationError

from .policy import Rate
from .shared import Answer, Ask, StoreFailed

__all__ = ["Redis"]

# Keys: places (a sorted set by the time at which each has arrived at the latest), limits (a sorted set by the time
# at which each is forgotten), hold, last time.
# Arguments: want, leaves, late, hold, prefix of new places, how many the service says are left (or less than none),
# for how many seconds, number of limits, pairs of their calls and seconds, then pairs of place and seconds.
# Who asks anew, because the answer was lost, asks by the same names: what they were given then is not in the way now.
_SCRIPT: Final = """
local function text(number) return string.format('%.6f', number) end
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local last = tonumber(redis.call('GET', KEYS[4]) or now)
if now < last then
  for _, key in ipairs({KEYS[1], KEYS[2]}) do
    for _, member in ipairs(redis.call('ZRANGE', key, 0, -1)) do
      redis.call('ZINCRBY', key, text(now - last), member)
    end
  end
  local kept = redis.call('GET', KEYS[3])
  if kept then redis.call('SET', KEYS[3], text(tonumber(kept) + now - last)) end
end
local want, leaves, late, hold = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local told = 9 + 2 * tonumber(ARGV[8])
for index = 9, told - 1, 2 do
  local until_ = text(now + tonumber(ARGV[index + 1]) + late)
  redis.call('ZADD', KEYS[2], until_, ARGV[index] .. '/' .. ARGV[index + 1])
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', text(now))
local limits = {}
for _, member in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  local calls, seconds = string.match(member, '(.*)/(.*)')
  table.insert(limits, {calls = tonumber(calls), seconds = tonumber(seconds)})
end
table.sort(limits, function(one, other)
  if one.seconds == other.seconds then return one.calls < other.calls end
  return one.seconds > other.seconds
end)
local longest = limits[1].seconds
for index = told, #ARGV, 2 do
  redis.call('ZADD', KEYS[1], 'XX', text(now + tonumber(ARGV[index + 1])), ARGV[index])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', text(now - longest))
local until_ = tonumber(redis.call('GET', KEYS[3]) or 0)
if hold > 0 and now + hold > until_ then
  until_ = now + hold
  redis.call('SET', KEYS[3], text(until_))
end
local held = math.max(0, until_ - now)
for index = 1, want do redis.call('ZREM', KEYS[1], ARGV[5] .. index) end
local function used(limit) return redis.call('ZCOUNT', KEYS[1], '(' .. text(now - limit.seconds), '+inf') end
local left, left_for = tonumber(ARGV[6]), tonumber(ARGV[7])
if left >= 0 then
  for index = 1, limits[1].calls - used(limits[1]) - left do
    redis.call('ZADD', KEYS[1], text(now + left_for - longest), ARGV[5] .. 'others:' .. index)
  end
end
local granted, wait, tightest = want, 0, limits[1]
for _, limit in ipairs(limits) do
  limit.used = used(limit)
  if limit.calls - limit.used < tightest.calls - tightest.used then tightest = limit end
  local free = limit.calls - math.min(limit.calls - 1, math.floor(limit.calls * leaves)) - limit.used
  granted = math.max(0, math.min(granted, free))
  if free <= 0 then
    local from, before = '(' .. text(now - limit.seconds), string.format('%d', -free)
    local first = redis.call('ZRANGEBYSCORE', KEYS[1], from, '+inf', 'WITHSCORES', 'LIMIT', before, 1)[2]
    local seconds = limit.seconds
    if first then seconds = math.min(seconds, tonumber(first) + seconds - now) end
    wait = math.max(wait, seconds)
  end
end
if held > 0 then granted = 0 end
for index = 1, granted do redis.call('ZADD', KEYS[1], text(now + late), ARGV[5] .. index) end
local latest = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]
local full = 0
if latest then full = math.max(0, tonumber(latest) + longest - now) end
redis.call('SET', KEYS[4], text(now))
local keep = math.ceil(math.max(longest + late, held, full)) + 60
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, keep) end
return {
  granted, tightest.calls, tostring(tightest.seconds), tightest.used + granted,
  tostring(wait), tostring(full), tostring(held)
}
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
        numbers: list[str | float] = [len(ask.rates)]
        for rate in ask.rates:
            numbers += [rate.calls, float(rate.seconds)]
        for ended in ask.ended:
            numbers += [ended.place, max(-1e9, ended.arrives_in)]
        keys = [f"{{cfclient:{ask.key}}}:{what}" for what in ("taken", "limits", "hold", "last")]
        left = ask.left or (-1, 0.0)
        arguments = [ask.want, ask.leaves, ask.late, ask.hold, f"{ask.names}:", *left, *numbers]
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
        granted, calls, seconds, used, wait, full, held = answer
        return Answer(
            places=ask.places(granted),
            rate=Rate(calls, float(seconds)),
            used=used,
            wait=float(wait),
            full=float(full),
            held=float(held),
        )

    async def aclose(self) -> None:
        """Closes its connections."""
        self._closed = True
        await self._client.aclose()
