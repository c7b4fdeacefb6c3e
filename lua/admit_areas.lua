#!lua
-- Makes the areas known that the events of a request are going to open, all or none: a request of several calls is then
-- not refused for them when a part of it is applied already.
--
-- KEYS  1 epoch  2 areas  3 idle_areas  4 mode_players  5 new_areas
--       Areas are `<tag>area:` under the same hash tag.
-- ARGV  1 epoch  as the caller knows it
--       2 max_areas  known at a time
--       3 max_new_areas  a minute
--       4 max_modes  with players in an area
--       5.. each "area|mode" once
-- Returns  how many areas became known
-- Errors   EPOCH  the partition is closed, or not the one that the caller knows; nothing was done
--          LIMIT  followed by <index, from 0>:<letter> of each that would open more than is allowed (the letters are
--                 those of record_events); nothing was done
local epoch_key, areas_key, idle_areas_key = KEYS[1], KEYS[2], KEYS[3]
local mode_players_key, new_areas_key = KEYS[4], KEYS[5]
local epoch, max_areas, max_new_areas, max_modes = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local FIRST_NAME = 5

if redis.call('GET', epoch_key) ~= epoch then
  return redis.error_reply('EPOCH the partition is closed or another')
end
local call, sub = redis.call, string.sub
local tag = sub(epoch_key, 1, -6)
local area_prefix = tag .. 'area:'

-- 1. Decide everything; only reads.
local opened = {}
for i = FIRST_NAME, #ARGV do
  opened[#opened + 1] = ARGV[i]
end
--- @include limits
if letters and next(letters) then
  local found = {}
  for n, area_mode in ipairs(opened) do
    if letters[area_mode] then found[#found + 1] = n - 1 .. ':' .. letters[area_mode] end
  end
  return redis.error_reply('LIMIT ' .. table.concat(found, ' '))
end

-- 2. Write.
if not new_areas or #new_areas == 0 then
  return 0
end
local now = call('TIME')[1]
for _, area in ipairs(new_areas) do
  call('SADD', areas_key, area)
  call('ZADD', idle_areas_key, 'NX', now, area)
end
if call('INCRBY', new_areas_key, #new_areas) == #new_areas then
  call('EXPIRE', new_areas_key, 60)
end
return #new_areas
