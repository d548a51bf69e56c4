"""What Redis runs to lend a part of a bucket: the algorithm of ``policy.amounts``, by the clock of the server.

One key, a string of two numbers: when the bucket is full (microseconds since 1970), and what time it was then.  The second tells if the
clock has gone back since, by which the first is moved too.  It expires when the bucket is full, as that of a key that is not there is.

    KEYS[1]  the bucket
    ARGV     count, period (microseconds), burst: the rate
             owed: taken in any case;  missing: granted as far as it is there
             known: microseconds until the bucket is full, at least: what the asker was told before, if the server has lost its memory
    returns  granted, and microseconds until the bucket is full

Of a window of the calendar (``policy.window_amounts``), which the key has in its name, the string is one number, what is used of it:

    ARGV     0, milliseconds for which it is kept, burst: all that there is in the window
             owed, missing: as above;  known: what is used, at least
    returns  granted, and what is used

What is granted is rounded against who asks, by at most a microsecond each time.  Everything is a number below 2**53.
"""

from typing import Final

SCRIPT: Final = b"""
local count, period, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local owed, missing, known = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
if count == 0 then
  local said = redis.call('GET', KEYS[1])
  local used = math.max(known, said and tonumber(string.match(said, '^%d+$')) or 0) + owed
  local granted = math.max(0, math.min(missing, burst - used))
  used = math.min(used + granted, 1099511627775)
  if used > 0 then
    redis.call('SET', KEYS[1], string.format('%.0f', used), 'PX', period)
  end
  return {granted, used}
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local full = now + known
local said = redis.call('GET', KEYS[1])
if said then
  local at, when = string.match(said, '^(%d+) (%d+)$')
  if at then
    full = math.max(full, tonumber(at) - math.max(0, tonumber(when) - now))
  end
end
full = math.max(full, now) + math.ceil(owed * period / count)
local room = math.floor((math.ceil(burst * period / count) - (full - now)) * count / period)
local granted = math.max(0, math.min(missing, room))
full = math.min(full + math.ceil(granted * period / count), now + 31622400000000)
if full > now then
  local left = string.format('%.0f', math.ceil((full - now) / 1000))
  redis.call('SET', KEYS[1], string.format('%.0f %.0f', full, now), 'PX', left)
end
return {granted, full - now}
"""
