#!lua flags=allow-oom
-- Forgets areas that have had no players for a time, so that others may become known. An idle area that has players
-- again only leaves the list of the idle ones. To be called until it returns less than `limit`.
--
-- KEYS  1 epoch  2 areas  3 idle_areas
--       Areas are `<tag>area:` under the same hash tag.
-- ARGV  1 epoch  as the caller knows it
--       2 idle_seconds  without players
--       3 limit  areas to look at, at most
-- Returns  how many areas were looked at
-- Errors   EPOCH  the partition is closed, or not the one that the caller knows; nothing was done
local epoch_key, areas_key, idle_areas_key = KEYS[1], KEYS[2], KEYS[3]
local epoch, idle_seconds, limit = ARGV[1], ARGV[2], ARGV[3]

if redis.call('GET', epoch_key) ~= epoch then
  return redis.error_reply('EPOCH the partition is closed or another')
end
local call = redis.call
local tag = string.sub(epoch_key, 1, -6)
local area_prefix = tag .. 'area:'
local before = call('TIME')[1] - idle_seconds
local idle = call('ZRANGEBYSCORE', idle_areas_key, '-inf', before, 'LIMIT', 0, limit)
if #idle == 0 then
  return 0
end
local forgotten = {}
for _, area in ipairs(idle) do
  if call('EXISTS', area_prefix .. area) == 0 then
    forgotten[#forgotten + 1] = area
  end
end
call('ZREM', idle_areas_key, unpack(idle))
if #forgotten > 0 then
  call('SREM', areas_key, unpack(forgotten))
end
return #idle
