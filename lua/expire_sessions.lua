#!lua
-- Ends sessions that had no event for the lease, and forgets log-outs of the same age.
-- Every session stands once on the wheel, a list `user|area|mode` per due second. Looks at up to `limit`
-- sessions of the earliest list that is due; call it again until it returns 0.
--
-- KEYS  1 epoch  2 events  3 expiry
--       Users, areas and wheel buckets are `<tag>user:`, `<tag>area:`, `<tag>expiry:` under the same hash tag.
-- ARGV  1 epoch the caller knows  2 token of the call  3 lease (us)  4 width of a wheel bucket (s)  5 limit
-- Returns  how many sessions were looked at
-- Errors   EPOCH  this is not the partition the caller knows; nothing was done
-- Logged   as record_events does, lines `EXPIRE-1|area|mode|user|time`
local epoch_key, events_key, expiry_key = KEYS[1], KEYS[2], KEYS[3]
local epoch, token, lease, width = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local limit = tonumber(ARGV[5])

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

local sessions = call('LRANGE', bucket_prefix .. earliest, 0, limit - 1)
local gone = {} -- { user, member } to remove
local deltas, buckets, lines = {}, {}, {}
for _, session in ipairs(sessions) do
  local bar = string.find(session, '|', 1, true)
  local user, member = string.sub(session, 1, bar - 1), string.sub(session, bar + 1)
  local state = tonumber(call('ZSCORE', user_prefix .. user, member) or 0)
  local deadline = abs(state) + lease
  if deadline > now then
    local due = math.ceil(deadline / 1000000 / width) * width
    local bucket = buckets[due]
    if bucket then bucket[#bucket + 1] = session else buckets[due] = { session } end
  elseif state ~= 0 then
    gone[#gone + 1] = { user, member }
    if state > 0 then
      deltas[member] = (deltas[member] or 0) - 1
      lines[#lines + 1] = 'EXPIRE-1|' .. member .. '|' .. user .. '|+' .. #lines
    end
  end
end

if #lines > 0 then
  call('XADD', events_key, '*', 'token', token, 'at', format('%.0f', now), 'events',
    table.concat(lines, '\n'))
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
call('LTRIM', bucket_prefix .. earliest, limit, -1)
for due, bucket in pairs(buckets) do
  local second = format('%.0f', due)
  call('ZADD', expiry_key, second, second)
  call('RPUSH', bucket_prefix .. second, unpack(bucket))
end
if call('EXISTS', bucket_prefix .. earliest) == 0 then
  call('ZREM', expiry_key, earliest)
end
-- An empty bucket was looked at too: its successor may be due.
return math.max(#sessions, 1)
