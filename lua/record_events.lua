#!lua
-- Applies a group of events of one partition, all or nothing, and logs them as one stream entry.
-- The rule is DESIGN.md's "One event": a session's state is one signed time, the last writer wins.
--
-- KEYS  1 epoch  2 call  3 events  4 areas  5 expiry
--       Users, areas and wheel buckets are `<tag>user:`, `<tag>area:`, `<tag>expiry:` under the same hash tag.
-- ARGV  1 epoch the caller knows   2 token of the call
--       3 lease (us)               4 width of a wheel bucket (s)
--       5 seconds to keep the answer
--       6 fingerprint of the request the call key belongs to, or ""
--       7.. four per event: user, "area|mode", LOGIN or LOGOUT or HEARTBEAT, time (us) or "" for arrival
-- Returns  one letter per event: a applied, r refreshed, s stale, l late, d duplicate, k clock_skew
-- Errors   EPOCH     this is not the partition the caller knows; nothing was done
--          CONFLICT  the call key holds the answer to another request; nothing was done
-- Logged   `token <token> at <now, us> events <lines>`: line n is event n, empty when not logged, else
--          `<kind><what>|area|mode|user|time`, what being +1, -1 (applied), :refreshed, :stale or :late,
--          time being us from `at` with its sign, or us since 1970 without one where that is years away, or
--          nothing for an arrival: `at` and n
local epoch_key, call_key, events_key, areas_key, expiry_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local epoch, token, lease, width = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local answer_seconds, fingerprint = ARGV[5], ARGV[6]
local FIRST_EVENT, SKEW = 7, 60000000
local FAR = 1e14 -- us, about three years: what a number turned to text still shows exactly

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
local abs, ceil, concat = math.abs, math.ceil, table.concat
local tag = string.sub(epoch_key, 1, -6)
local user_prefix, area_prefix, bucket_prefix = tag .. 'user:', tag .. 'area:', tag .. 'expiry:'
local time = call('TIME')
local now = time[1] * 1000000 + time[2]

local at_of = {} -- session -> signed time, as the events so far leave it
local place = {} -- session -> its place in the next three, where its time has to be written
local keys, members, scores = {}, {}, {}
local written = 0
local deltas = {} -- "area|mode" -> change of its counter
local buckets = {} -- due second -> sessions to look at then
local lines, outcomes, logged = {}, {}, false

-- 1. Decide everything; only reads.
local args, position = ARGV, 0
for i = FIRST_EVENT, #args, 4 do
  local user, member, kind, stamp = args[i], args[i + 1], args[i + 2], args[i + 3]
  position = position + 1
  local key, session = user_prefix .. user, user .. '|' .. member
  local state = at_of[session]
  if not state then
    state = tonumber(call('ZSCORE', key, member) or 0)
    at_of[session] = state
  end
  local last = abs(state)
  local at
  if stamp ~= '' then
    at = tonumber(stamp)
  else
    at = now + position
    if at <= last then
      at = last + 1
      stamp = format('%.0f', at)
    end
  end

  local outcome, what
  if at > now + SKEW then
    outcome = 'k'
  elseif at + lease <= now then
    outcome, what = 'l', ':late|'
  elseif at < last or (at == last and state < 0 and kind ~= 'LOGOUT') then
    outcome, what = 's', ':stale|'
  elseif at == last and (state < 0) == (kind == 'LOGOUT') then
    outcome = 'd'
  else
    local score
    if kind == 'LOGOUT' then
      score = -at
      if state > 0 then
        outcome, what = 'a', '-1|'
        deltas[member] = (deltas[member] or 0) - 1
      else
        outcome, what = 'r', ':refreshed|'
      end
    else
      score = at
      if state > 0 then
        outcome, what = 'r', kind ~= 'HEARTBEAT' and ':refreshed|' or nil
      else
        outcome, what = 'a', '+1|'
        deltas[member] = (deltas[member] or 0) + 1
      end
    end
    at_of[session] = score
    local n = place[session]
    if not n then
      written = written + 1
      n = written
      place[session], keys[n], members[n] = n, key, member
    end
    scores[n] = score
    if state == 0 then
      -- A session already known has its place on the wheel, due no later than this.
      local due = ceil((at + lease) / 1000000 / width) * width
      local bucket = buckets[due]
      if bucket then bucket[#bucket + 1] = session else buckets[due] = { session } end
    end
  end
  outcomes[position] = outcome
  if what then
    if stamp ~= '' then
      local offset = at - now
      if offset >= 0 then stamp = '+' .. offset elseif offset > -FAR then stamp = offset end
    end
    lines[position] = kind .. what .. member .. '|' .. user .. '|' .. stamp
    logged = true
  else
    lines[position] = ''
  end
end

-- 2. Write. The log comes first: it is what could be refused by the state of its key.
if logged then
  call('XADD', events_key, '*', 'token', token, 'at', format('%.0f', now), 'events', concat(lines, '\n'))
end
for n = 1, written do
  call('ZADD', keys[n], scores[n], members[n])
end
local areas = {}
for member, delta in pairs(deltas) do
  local bar = find(member, '|', 1, true)
  local area, mode = sub(member, 1, bar - 1), sub(member, bar + 1)
  local count = delta ~= 0 and tonumber(call('ZINCRBY', area_prefix .. area, delta, mode))
  if count == delta or not count then
    areas[#areas + 1] = area
  end
  if count and count <= 0 then
    call('ZREM', area_prefix .. area, mode)
  end
end
if #areas > 0 then
  call('SADD', areas_key, unpack(areas))
end
for due, bucket in pairs(buckets) do
  local second = format('%.0f', due)
  call('ZADD', expiry_key, second, second)
  call('RPUSH', bucket_prefix .. second, unpack(bucket))
end
local answer = table.concat(outcomes)
call('SET', call_key, fingerprint .. answer, 'EX', answer_seconds)
return answer
