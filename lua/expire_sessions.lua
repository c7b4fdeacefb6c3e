#!lua
-- Ends sessions that had no event for the lease, and forgets log-outs of the same age.
-- Looks at up to `limit` users of the earliest wheel bucket that is due; call it again until it returns 0.
--
-- KEYS  1 epoch  2 events  3 expiry
--       Users, areas and wheel buckets are `<tag>user:`, `<tag>area:`, `<tag>expiry:` under the same hash tag.
-- ARGV  1 epoch the caller knows  2 token of the call  3 lease (us)  4 width of a wheel bucket (s)  5 limit
-- Returns  how many users were looked at
-- Errors   EPOCH  this is not the partition the caller knows; nothing was done
-- Logged   as record_events does, lines `EXPIRE-1|area|mode|user|time`, time being now
local epoch_key, events_key, expiry_key = KEYS[1], KEYS[2], KEYS[3]
local epoch, token, lease, width, limit = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]

if redis.call('GET', epoch_key) ~= epoch then
  return redis.error_reply('EPOCH the partition is closed or another')
end
local call, format, abs = redis.call, string.format, math.abs
local time = call('TIME')
local now = time[1] * 1000000 + time[2]
local earliest = call('ZRANGEBYSCORE', expiry_key, '-inf', time[1], 'LIMIT', 0, 1)[1]
if not earliest then
  return 0
end
local tag = string.sub(epoch_key, 1, -6)
local user_prefix, area_prefix, bucket_prefix = tag .. 'user:', tag .. 'area:', tag .. 'expiry:'

local users = call('SRANDMEMBER', bucket_prefix .. earliest, limit)
local gone = {} -- { user, member } to remove
local deltas, buckets, lines = {}, {}, {}
for _, user in ipairs(users) do
  local sessions = call('ZRANGE', user_prefix .. user, 0, -1, 'WITHSCORES')
  local oldest
  for i = 1, #sessions, 2 do
    local member, state = sessions[i], tonumber(sessions[i + 1])
    local last = abs(state)
    -- At most 10,000 a call: positions in a call have 16 bits. The rest is due at once again.
    if last + lease <= now and #gone < 10000 then
      gone[#gone + 1] = { user, member }
      if state > 0 then
        deltas[member] = (deltas[member] or 0) - 1
        lines[#lines + 1] = 'EXPIRE-1|' .. member .. '|' .. user .. '|' .. format('%.0f', now + #lines)
      end
    elseif not oldest or last < oldest then
      oldest = last
    end
  end
  if oldest then
    local due = math.ceil((oldest + lease) / 1000000 / width) * width
    buckets[due] = buckets[due] or {}
    table.insert(buckets[due], user)
  end
end

if #lines > 0 then
  call('XADD', events_key, '*', 'token', token, 'events', table.concat(lines, '\n'))
end
for _, session in ipairs(gone) do
  call('ZREM', user_prefix .. session[1], session[2])
end
for member, delta in pairs(deltas) do
  local bar = string.find(member, '|', 1, true)
  local area, mode = string.sub(member, 1, bar - 1), string.sub(member, bar + 1)
  if tonumber(call('ZINCRBY', area_prefix .. area, delta, mode)) <= 0 then
    call('ZREM', area_prefix .. area, mode)
  end
end
if #users > 0 then
  call('SREM', bucket_prefix .. earliest, unpack(users))
end
for due, later in pairs(buckets) do
  local second = format('%.0f', due)
  call('ZADD', expiry_key, second, second)
  call('SADD', bucket_prefix .. second, unpack(later))
end
if call('EXISTS', bucket_prefix .. earliest) == 0 then
  call('ZREM', expiry_key, earliest)
end
-- An empty bucket was looked at too: its successor may be due.
return math.max(#users, 1)
