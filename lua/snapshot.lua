#!lua
-- Counters, sessions and the log's end, all at one moment. Holds Redis for about 2 us a user: for operators.
--
-- KEYS  1 epoch  2 events  3 areas
--       Users and areas are `<tag>user:`, `<tag>area:` under the same hash tag.
-- ARGV  none
-- Returns  { epoch or "", last id of the log, counters, active sessions }: the last two flat, area_mode, number, ...
-- Errors   none
local epoch_key, events_key, areas_key = KEYS[1], KEYS[2], KEYS[3]
local call = redis.call
local tag = string.sub(epoch_key, 1, -6)
local user_prefix, area_prefix = tag .. 'user:', tag .. 'area:'

local counters, sessions = {}, {}
local counted = {} -- area_mode -> active sessions
for _, area in ipairs(call('SMEMBERS', areas_key)) do
  local modes = call('ZRANGE', area_prefix .. area, 0, -1, 'WITHSCORES')
  for i = 1, #modes, 2 do
    counters[#counters + 1] = area .. '|' .. modes[i]
    counters[#counters + 1] = modes[i + 1]
  end
end
for _, key in ipairs(call('KEYS', user_prefix .. '*')) do
  for _, area_mode in ipairs(call('ZRANGEBYSCORE', key, '(0', '+inf')) do
    counted[area_mode] = (counted[area_mode] or 0) + 1
  end
end
for area_mode, count in pairs(counted) do
  sessions[#sessions + 1] = area_mode
  sessions[#sessions + 1] = count
end
local last = '0-0'
if call('EXISTS', events_key) == 1 then
  local info = call('XINFO', 'STREAM', events_key)
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then last = info[i + 1] end
  end
end
return { call('GET', epoch_key) or '', last, counters, sessions }
