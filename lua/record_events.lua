#!lua
-- Applies a group of events of one partition, all or nothing, and logs them as one stream entry.
-- The rule is docs/session-rule.md: a session's state is one signed time, and the last writer wins.
--
-- KEYS  1 epoch  2 call  3 events  4 areas  5 expiry
--       Users, areas and wheel buckets are `<tag>user:`, `<tag>area:`, `<tag>expiry:` under the same hash tag.
-- ARGV  1 epoch  as the caller knows it
--       2 token  of this call, the same at every try
--       3 lease_us
--       4 bucket_seconds  width of a wheel bucket
--       5 answer_seconds  how long `call` keeps the answer
--       6 fingerprint  of the request that `call` belongs to, or ""
--       7.. four per event: user, area_mode ("area|mode"), kind (LOGIN, LOGOUT or HEARTBEAT),
--           stamp (us since 1970, or "" for its arrival)
-- Returns  one letter per event: a applied, r refreshed, s stale, l late, d duplicate, k clock_skew;
--          where `call` holds an answer, that one, and nothing is done
-- Errors   EPOCH     the partition is closed, or not the one that the caller knows; nothing was done
--          CONFLICT  `call` holds the answer to another request; nothing was done
-- Logs     `token <token> at <now, us> events <lines>` in the format of app/contract/log.py: line n is event n, empty
--          when that event is not logged, else `<kind><effect>|<area>|<mode>|<user>|<time>`. The effect is +1, -1,
--          :refreshed, :stale or :late. The time is us from `at` with a sign, us since 1970 without one where that
--          is years away, or nothing for an arrival (`at` + n us, n from 1).
local epoch_key, call_key, events_key, areas_key, expiry_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local epoch, token, lease_us, bucket_seconds = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local answer_seconds, fingerprint = ARGV[5], ARGV[6]
local FIRST_EVENT = 7
local MAX_SKEW = 60000000 -- us
local FAR = 1e14 -- us, about three years

if redis.call('GET', epoch_key) ~= epoch then
  return redis.error_reply('EPOCH the partition is closed or another')
end
local answered = redis.call('GET', call_key)
if answered then
  if string.sub(answered, 1, #fingerprint) ~= fingerprint then
    return redis.error_reply('CONFLICT the key was used with another request')
  end
  return string.sub(answered, #fingerprint + 1)
end

local call, format = redis.call, string.format
local tag = string.sub(epoch_key, 1, -6)
local user_prefix, area_prefix, bucket_prefix = tag .. 'user:', tag .. 'area:', tag .. 'expiry:'
local time = call('TIME')
local now = time[1] * 1000000 + time[2]

local states = {} -- session -> signed time, as the events so far leave it
local index = {} -- session -> its index in the next three, the states to write
local user_keys, area_modes, new_states = {}, {}, {}
local written = 0
local deltas = {} -- area_mode -> change of its counter
local to_schedule = {} -- session new on the wheel -> time of its first event
local lines, outcomes, logged = {}, {}, false

-- 1. Decide everything; only reads. Each function call in this loop shows in what an event costs.
local args, position = ARGV, 0
for i = FIRST_EVENT, #args, 4 do
  local user, area_mode, kind, stamp = args[i], args[i + 1], args[i + 2], args[i + 3]
  position = position + 1
  local user_key, session = user_prefix .. user, user .. '|' .. area_mode
  local state = states[session]
  if not state then
    local score = call('ZSCORE', user_key, area_mode)
    state = score and tonumber(score) or 0
    states[session] = state
  end
  local last = state < 0 and -state or state
  local at
  if stamp ~= '' then
    at = tonumber(stamp)
  else
    at = now + position
    if at <= last then
      at = last + 1
      stamp = format('%d', at)
    end
  end

  local outcome, effect
  if at > now + MAX_SKEW then
    outcome = 'k'
  elseif at + lease_us <= now then
    outcome, effect = 'l', ':late|'
  elseif at < last or (at == last and state < 0 and kind ~= 'LOGOUT') then
    outcome, effect = 's', ':stale|'
  elseif at == last and (state < 0) == (kind == 'LOGOUT') then
    outcome = 'd'
  else
    local new_state
    if kind == 'LOGOUT' then
      new_state = -at
      if state > 0 then
        outcome, effect = 'a', '-1|'
        deltas[area_mode] = (deltas[area_mode] or 0) - 1
      else
        outcome, effect = 'r', ':refreshed|'
      end
    else
      new_state = at
      if state > 0 then
        outcome, effect = 'r', kind ~= 'HEARTBEAT' and ':refreshed|' or nil
      else
        outcome, effect = 'a', '+1|'
        deltas[area_mode] = (deltas[area_mode] or 0) + 1
      end
    end
    states[session] = new_state
    local n = index[session]
    if not n then
      written = written + 1
      n = written
      index[session], user_keys[n], area_modes[n] = n, user_key, area_mode
    end
    new_states[n] = new_state
    if state == 0 then
      to_schedule[session] = at -- a known session is on the wheel already, due no later than this
    end
  end
  outcomes[position] = outcome
  if effect then
    if stamp ~= '' then
      local offset = at - now
      if offset > -FAR then stamp = format('%+d', offset) end
    end
    lines[position] = kind .. effect .. area_mode .. '|' .. user .. '|' .. stamp
    logged = true
  else
    lines[position] = ''
  end
end

-- 2. Write. The log comes first: its key is the one that may refuse the write.
if logged then
  call('XADD', events_key, '*', 'token', token, 'at', format('%d', now), 'events', table.concat(lines, '\n'))
end
for n = 1, written do
  call('ZADD', user_keys[n], new_states[n], area_modes[n])
end
--- @include counters
--- @include wheel
local answer = table.concat(outcomes)
call('SET', call_key, fingerprint .. answer, 'EX', answer_seconds)
return answer
