#!lua
-- Applies a group of events of one partition, all or nothing, and logs them as one stream entry.
-- The rule is docs/session-rule.md: a session's state is one signed time, and the last writer wins.
--
-- KEYS  1 epoch  2 call  3 events  4 areas  5 expiry  6 mode_players  7 new_areas  8 kept_answers
--       Users, areas and wheel buckets are `<tag>user:`, `<tag>area:`, `<tag>expiry:` under the same hash tag.
-- ARGV  1 epoch  as the caller knows it
--       2 token  of this call, the same at every try
--       3 lease_us
--       4 bucket_seconds  width of a wheel bucket
--       5 answer_seconds  how long `call` keeps the answer
--       6 fingerprint  of the request that `call` belongs to, or ""
--       7 max_areas  known at a time
--       8 max_new_areas  a minute
--       9 max_modes  with players in an area
--       10 max_sessions  of a user
--       11 max_answers  kept for fingerprints
--       12.. four per event: user, area_mode ("area|mode"), kind (LOGIN, LOGOUT or HEARTBEAT; for an event that was
--            refused the letter to answer, with a stamp far ahead), stamp (us since 1970, or "" for its arrival)
-- Returns  one letter per event: a applied, r refreshed, s stale, l late, d duplicate, k clock_skew, A too_many_areas,
--          N too_many_new_areas, M too_many_modes, S too_many_sessions;
--          where `call` holds an answer, that one, and nothing is done
-- Errors   EPOCH     the partition is closed, or not the one that the caller knows; nothing was done
--          CONFLICT  `call` holds the answer to another request; nothing was done
--          ANSWERS   max_answers are kept; nothing was done
--          LIMIT     followed by <position, from 0>:<letter> of each event that would open more than is allowed;
--                    nothing was done
-- Logs     `token <token> at <now, us> events <lines>` in the format of app/contract/log.py: line n is event n, empty
--          when that event is not logged, else `<kind><effect>|<area>|<mode>|<user>|<time>`. The effect is +1, -1,
--          :refreshed, :stale or :late. The time is us from `at` with a sign, us since 1970 without one where that
--          is years away, or nothing for an arrival (`at` + n us, n from 1).
local epoch_key, call_key, events_key, areas_key, expiry_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local mode_players_key, new_areas_key, kept_answers_key = KEYS[6], KEYS[7], KEYS[8]
local epoch, token, lease_us, bucket_seconds = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local answer_seconds, fingerprint = ARGV[5], ARGV[6]
local max_areas, max_new_areas, max_modes = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local max_sessions, max_answers = tonumber(ARGV[10]), tonumber(ARGV[11])
local FIRST_EVENT = 12
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

local call, format, find, sub = redis.call, string.format, string.find, string.sub
local tag = sub(epoch_key, 1, -6)
local user_prefix, area_prefix, bucket_prefix = tag .. 'user:', tag .. 'area:', tag .. 'expiry:'
local time = call('TIME')
local now = time[1] * 1000000 + time[2]

local answers_until, past_answers -- of a fingerprint: second up to which this answer is counted; seconds to forget
if fingerprint ~= '' then
  local width, count = math.ceil(answer_seconds / 24), 0
  answers_until, past_answers = math.ceil((time[1] + answer_seconds) / width) * width, {}
  local answers = call('HGETALL', kept_answers_key)
  for i = 1, #answers, 2 do
    if tonumber(answers[i]) <= tonumber(time[1]) then
      past_answers[#past_answers + 1] = answers[i]
    else
      count = count + answers[i + 1]
    end
  end
  if count >= max_answers then
    return redis.error_reply('ANSWERS as many are kept as may be')
  end
end

local states = {} -- session -> signed time, as the events so far leave it
local index = {} -- session -> its index in the next three, the states to write
local user_keys, area_modes, new_states = {}, {}, {}
local written = 0
local deltas = {} -- area_mode -> change of its counter
local to_schedule = {} -- session new on the wheel -> time of its first event
local lines, outcomes, logged = {}, {}, false
local sessions_of = {} -- user_key -> sessions, as the events so far leave them
local opened, opened_count = {}, 0 -- each area_mode whose counter has to go up, in the order of the first event
local refusals -- position -> letter of an event that opens too much

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
    if #kind == 1 then outcome = kind end
  elseif at + lease_us <= now then
    outcome, effect = 'l', ':late|'
  elseif at < last or (at == last and state < 0 and kind ~= 'LOGOUT') then
    outcome, effect = 's', ':stale|'
  elseif at == last and (state < 0) == (kind == 'LOGOUT') then
    outcome = 'd'
  else
    local new_state
    local user_sessions = state == 0 and (sessions_of[user_key] or call('ZCARD', user_key))
    if kind == 'LOGOUT' then
      new_state = -at
      if state > 0 then
        outcome, effect = 'a', '-1|'
        deltas[area_mode] = (deltas[area_mode] or 0) - 1
      else
        outcome, effect = 'r', ':refreshed|'
        if user_sessions and user_sessions >= max_sessions then
          new_state = nil -- nothing to remember: its LOGIN would be refused
        end
      end
    elseif state > 0 then
      new_state = at
      outcome, effect = 'r', kind ~= 'HEARTBEAT' and ':refreshed|' or nil
    elseif user_sessions and user_sessions >= max_sessions then
      outcome = 'S'
      refusals = refusals or {}
      refusals[position] = outcome
    else
      new_state = at
      outcome, effect = 'a', '+1|'
      local delta = deltas[area_mode]
      if not delta then
        delta, opened_count = 0, opened_count + 1
        opened[opened_count] = area_mode
      end
      deltas[area_mode] = delta + 1
    end
    if new_state then
      states[session] = new_state
      local n = index[session]
      if not n then
        written = written + 1
        n = written
        index[session], user_keys[n], area_modes[n] = n, user_key, area_mode
      end
      new_states[n] = new_state
      if state == 0 then
        sessions_of[user_key] = user_sessions + 1
        to_schedule[session] = at -- a known session is on the wheel already, due no later than this
      end
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

--- @include limits
if letters and next(letters) then
  refusals = refusals or {}
  for n = 1, position do
    local i = FIRST_EVENT + 4 * (n - 1)
    local letter, outcome = letters[args[i + 1]], outcomes[n]
    -- Nobody was active in it, so every event that would be is to blame.
    if letter and args[i + 2] ~= 'LOGOUT' and (outcome == 'a' or outcome == 'r' or outcome == 'd') then
      refusals[n] = letter
    end
  end
end
if refusals then
  local found = {}
  for n = 1, position do
    if refusals[n] then found[#found + 1] = n - 1 .. ':' .. refusals[n] end
  end
  return redis.error_reply('LIMIT ' .. table.concat(found, ' '))
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
if new_areas and #new_areas > 0 and call('INCRBY', new_areas_key, #new_areas) == #new_areas then
  call('EXPIRE', new_areas_key, 60)
end
local answer = table.concat(outcomes)
call('SET', call_key, fingerprint .. answer, 'EX', answer_seconds)
if answers_until then
  call('HINCRBY', kept_answers_key, format('%d', answers_until), 1)
  if #past_answers > 0 then
    call('HDEL', kept_answers_key, unpack(past_answers))
  end
end
return answer
