#!lua
-- Gives events back to a Redis that lost them: the session rule without its age limit, as events were logged once.
-- Their log lines stand in Postgres already, so only what now counts differently is logged anew, as HEAL.
--
-- KEYS  1 epoch  2 events  3 areas  4 expiry
--       Users, areas and wheel buckets are `<tag>user:`, `<tag>area:`, `<tag>expiry:` under the same hash tag.
-- ARGV  1 epoch the caller knows  2 token of the call  3 lease (us)  4 width of a wheel bucket (s)
--       5 identities of the events, separated by commas
--       6.. five per event: user, "area|mode", kind, time (us), delta as it was logged
-- Returns  how many events count differently now
-- Errors   EPOCH  this is not the partition the caller knows; nothing was done
-- Logged   `healed <identities>` and then as record_events does, lines `HEAL<difference>|area|mode|user|time`
local epoch_key, events_key, areas_key, expiry_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local epoch, token, lease, width, identities = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local FIRST_EVENT = 6

if redis.call('GET', epoch_key) ~= epoch then
  return redis.error_reply('EPOCH the partition is closed or another')
end
local call, format, abs = redis.call, string.format, math.abs
local tag = string.sub(epoch_key, 1, -6)
local user_prefix, area_prefix, bucket_prefix = tag .. 'user:', tag .. 'area:', tag .. 'expiry:'
local time = call('TIME')
local now = time[1] * 1000000 + time[2]

local states, sessions = {}, {}
local deltas, buckets, lines = {}, {}, {}
for i = FIRST_EVENT, #ARGV, 5 do
  local user, member, kind, at, logged = ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4])
  local session = user .. '|' .. member
  local entry = states[session]
  if not entry then
    local state = tonumber(call('ZSCORE', user_prefix .. user, member) or 0)
    entry = { user = user, member = member, state = state, before = state }
    states[session] = entry
    sessions[#sessions + 1] = session
  end
  local state = entry.state
  local last = abs(state)
  local delta = 0
  if kind == 'EXPIRE' then
    if state ~= 0 and last + lease <= at then
      delta = state > 0 and -1 or 0
      entry.state = 0
    end
  elseif kind ~= 'HEAL' and (at > last or (at == last and state > 0 and kind == 'LOGOUT')) then
    if kind == 'LOGOUT' then
      delta = state > 0 and -1 or 0
      entry.state = -at
    else
      delta = state > 0 and 0 or 1
      entry.state = at
    end
  end
  deltas[member] = (deltas[member] or 0) + delta
  local difference = delta - logged
  if difference ~= 0 then
    lines[#lines + 1] = format('HEAL%+d|%s|%s|+0', difference, member, user)
  end
end

call('XADD', events_key, '*', 'healed', identities, 'token', token, 'at', format('%.0f', now), 'events',
  table.concat(lines, '\n'))
for _, session in ipairs(sessions) do
  local entry = states[session]
  if entry.state == 0 then
    call('ZREM', user_prefix .. entry.user, entry.member)
  elseif entry.state ~= entry.before then
    call('ZADD', user_prefix .. entry.user, format('%.0f', entry.state), entry.member)
    if entry.before == 0 then
      local due = math.ceil((abs(entry.state) + lease) / 1000000 / width) * width
      local bucket = buckets[due]
      if bucket then bucket[#bucket + 1] = session else buckets[due] = { session } end
    end
  end
end
for member, delta in pairs(deltas) do
  local bar = string.find(member, '|', 1, true)
  local area, mode = string.sub(member, 1, bar - 1), string.sub(member, bar + 1)
  call('SADD', areas_key, area)
  if delta ~= 0 and tonumber(call('ZINCRBY', area_prefix .. area, delta, mode)) <= 0 then
    call('ZREM', area_prefix .. area, mode)
  end
end
for due, bucket in pairs(buckets) do
  local second = format('%.0f', due)
  call('ZADD', expiry_key, second, second)
  call('RPUSH', bucket_prefix .. second, unpack(bucket))
end
return #lines
