#!lua
-- Gives events back to a Redis that lost them: the session rule without its age limit, as they were in time once.
-- Postgres has their log lines already, so only a difference to the delta that was logged is logged, as HEAL.
--
-- KEYS  1 epoch  2 events  3 areas  4 expiry  5 mode_players
--       Users, areas and wheel buckets are `<tag>user:`, `<tag>area:`, `<tag>expiry:` under the same hash tag.
-- ARGV  1 epoch  as the caller knows it
--       2 token  of this call
--       3 lease_us
--       4 bucket_seconds  width of a wheel bucket
--       5 identities  of the events, separated by commas
--       6.. five per event: user, area_mode ("area|mode"), kind, at (us since 1970), logged_delta
-- Returns  how many events have another delta now
-- Errors   EPOCH  the partition is closed, or not the one that the caller knows; nothing was done
-- Logs     `healed <identities> token <token> at <now, us> events <lines>` in the format of app/contract/log.py, a
--          line for each event with another delta: `HEAL<difference>|<area>|<mode>|<user>|<time>`
local epoch_key, events_key, areas_key, expiry_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local mode_players_key = KEYS[5]
local epoch, token, lease_us, bucket_seconds = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local identities = ARGV[5]
local FIRST_EVENT = 6

if redis.call('GET', epoch_key) ~= epoch then
  return redis.error_reply('EPOCH the partition is closed or another')
end
local call, format, abs, find, sub = redis.call, string.format, math.abs, string.find, string.sub
local tag = sub(epoch_key, 1, -6)
local user_prefix, area_prefix, bucket_prefix = tag .. 'user:', tag .. 'area:', tag .. 'expiry:'
local time = call('TIME')
local now = time[1] * 1000000 + time[2]

-- 1. Decide everything; only reads.
local sessions = {} -- session -> { user, area_mode, state, before }: its signed time now and as it was found
local deltas = {} -- area_mode -> change of its counter
local to_schedule = {} -- session new on the wheel -> time of its last event
local lines = {}
for i = FIRST_EVENT, #ARGV, 5 do
  local user, area_mode, kind, at, logged_delta = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  at = tonumber(at)
  local key = user .. '|' .. area_mode
  local session = sessions[key]
  if not session then
    local state = tonumber(call('ZSCORE', user_prefix .. user, area_mode) or 0)
    session = { user = user, area_mode = area_mode, state = state, before = state }
    sessions[key] = session
  end
  local state = session.state
  local last = abs(state)
  local delta = 0
  if kind == 'EXPIRE' then
    if state ~= 0 and last + lease_us <= at then
      delta = state > 0 and -1 or 0
      session.state = 0
    end
  elseif kind ~= 'HEAL' and (at > last or (at == last and state > 0 and kind == 'LOGOUT')) then
    if kind == 'LOGOUT' then
      delta = state > 0 and -1 or 0
      session.state = -at
    else
      delta = state > 0 and 0 or 1
      session.state = at
    end
  end
  deltas[area_mode] = (deltas[area_mode] or 0) + delta
  local difference = delta - tonumber(logged_delta)
  if difference ~= 0 then
    lines[#lines + 1] = format('HEAL%+d|%s|%s|+0', difference, area_mode, user)
  end
end

-- 2. Write. The log comes first: its key is the one that may refuse the write.
call('XADD', events_key, '*', 'healed', identities, 'token', token, 'at', format('%d', now), 'events',
  table.concat(lines, '\n'))
for key, session in pairs(sessions) do
  local state, before = session.state, session.before
  if state == 0 then
    call('ZREM', user_prefix .. session.user, session.area_mode)
  elseif state ~= before then
    call('ZADD', user_prefix .. session.user, format('%d', state), session.area_mode)
    if before == 0 then
      to_schedule[key] = abs(state)
    end
  end
end
--- @include counters
--- @include wheel
return #lines
