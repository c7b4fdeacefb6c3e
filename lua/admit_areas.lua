#!lua
-- Makes the areas known that the events of a request are going to open, all or none: a request of several calls is then
-- not refused for them when a part of it is applied already.
--
-- KEYS  1 epoch  2 areas  3 idle_areas  4 new_areas
--       Areas are `<tag>area:` under the same hash tag.
-- ARGV  1 epoch  as the caller knows it
--       2 max_areas  known at a time
--       3 max_new_areas  a minute
--       4 max_modes  with players in an area
--       5.. each "area|mode" once, those of an area one after the other
-- Returns  how many areas became known
-- Errors   EPOCH  the partition is closed, or not the one that the caller knows; nothing was done
--          LIMIT  followed by <index, from 0>:<letter> of each that would open more than is allowed (the letters are
--                 those of record_events); nothing was done
local epoch_key, areas_key, idle_areas_key, new_areas_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local epoch, max_areas, max_new_areas, max_modes = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local FIRST_NAME = 5

if redis.call('GET', epoch_key) ~= epoch then
  return redis.error_reply('EPOCH the partition is closed or another')
end
local call, find, sub = redis.call, string.find, string.sub
local tag = sub(epoch_key, 1, -6)
local area_prefix = tag .. 'area:'
local areas = call('SCARD', areas_key)
local minute = tonumber(call('GET', new_areas_key) or 0)

local known, refusals = {}, {}
local area, modes, letter -- of the name before
for i = FIRST_NAME, #ARGV do
  local bar = find(ARGV[i], '|', 1, true)
  local name, mode = sub(ARGV[i], 1, bar - 1), sub(ARGV[i], bar + 1)
  if name ~= area then
    area, modes, letter = name, call('ZCARD', area_prefix .. name), nil
    if modes == 0 and call('SISMEMBER', areas_key, name) == 0 then
      if areas + #known >= max_areas then
        letter = 'A'
      elseif minute + #known >= max_new_areas then
        letter = 'N'
      else
        known[#known + 1] = name
      end
    end
  end
  local over = letter
  if not over and not call('ZSCORE', area_prefix .. area, mode) then
    modes = modes + 1
    if modes > max_modes then over = 'M' end
  end
  if over then
    refusals[#refusals + 1] = i - FIRST_NAME .. ':' .. over
  end
end
if #refusals > 0 then
  return redis.error_reply('LIMIT ' .. table.concat(refusals, ' '))
end

local now = call('TIME')[1]
for _, name in ipairs(known) do
  call('SADD', areas_key, name)
  call('ZADD', idle_areas_key, 'NX', now, name)
end
if #known > 0 and call('INCRBY', new_areas_key, #known) == #known then
  call('EXPIRE', new_areas_key, 60)
end
return #known
