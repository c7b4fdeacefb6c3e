#!lua
-- Ends the sessions that had no event for the lease, and forgets log-outs of the same age.
-- The timer wheel holds every session once, as `user|area|mode` in the list of its due second. Looks at up to
-- `limit` sessions of the earliest list that is due; to be called until it returns 0.
--
-- KEYS  1 epoch  2 events  3 areas  4 expiry  5 mode_players
--       Users, areas and wheel buckets are `<tag>user:`, `<tag>area:`, `<tag>expiry:` under the same hash tag.
-- ARGV  1 epoch  as the caller knows it
--       2 token  of this call
--       3 lease_us
--       4 bucket_seconds  width of a wheel bucket
--       5 limit  sessions to look at, at most
-- Returns  how many sessions were looked at, 1 for an empty list; 0 when no list is due
-- Errors   EPOCH  the partition is closed, or not the one that the caller knows; nothing was done
-- Logs     `token <token> at <now, us> events <lines>` in the format of app/contract/log.py, a line for each session
--          that ended: `EXPIRE-1|<area>|<mode>|<user>|<time>`
local epoch_key, events_key, areas_key, expiry_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local mode_players_key = KEYS[5]
local epoch, token, lease_us, bucket_seconds = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local limit = tonumber(ARGV[5])

if redis.call('GET', epoch_key) ~= epoch then
  return redis.error_reply('EPOCH the partition is closed or another')
end
local call, format, abs, find, sub = redis.call, string.format, math.abs, string.find, string.sub
local tag = sub(epoch_key, 1, -6)
local user_prefix, area_prefix, bucket_prefix = tag .. 'user:', tag .. 'area:', tag .. 'expiry:'
local time = call('TIME')
local now = time[1] * 1000000 + time[2]
local earliest = call('ZRANGEBYSCORE', expiry_key, '-inf', time[1], 'LIMIT', 0, 1)[1]
if not earliest then
  return 0
end

-- 1. Decide everything; only reads.
local sessions = call('LRANGE', bucket_prefix .. earliest, 0, limit - 1)
local ended = {} -- { user, area_mode } to remove, of active sessions and of log-outs
local deltas = {} -- area_mode -> change of its counter
local to_schedule = {} -- session that goes on -> time of its last event
local lines = {}
for _, session in ipairs(sessions) do
  local bar = find(session, '|', 1, true)
  local user, area_mode = sub(session, 1, bar - 1), sub(session, bar + 1)
  local state = tonumber(call('ZSCORE', user_prefix .. user, area_mode) or 0)
  local last = abs(state)
  if last + lease_us > now then
    to_schedule[session] = last
  elseif state ~= 0 then
    ended[#ended + 1] = { user, area_mode }
    if state > 0 then
      deltas[area_mode] = (deltas[area_mode] or 0) - 1
      lines[#lines + 1] = 'EXPIRE-1|' .. area_mode .. '|' .. user .. '|+' .. #lines
    end
  end
end

-- 2. Write. The log comes first: its key is the one that may refuse the write.
if #lines > 0 then
  call('XADD', events_key, '*', 'token', token, 'at', format('%d', now), 'events', table.concat(lines, '\n'))
end
for _, session in ipairs(ended) do
  call('ZREM', user_prefix .. session[1], session[2])
end
--- @include counters
call('LTRIM', bucket_prefix .. earliest, limit, -1)
--- @include wheel
if call('EXISTS', bucket_prefix .. earliest) == 0 then
  call('ZREM', expiry_key, earliest)
end
return math.max(#sessions, 1) -- after an empty list another may be due
