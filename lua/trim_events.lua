#!lua
-- Removes the oldest entries of the log: archived ones only, and of them only what is neither among the newest `keep`
-- nor younger than `age`. Entries up to a purge mark name an erased user: once archived they go at any age and number.
-- One entry always stays. Looks at 100 entries, or at some 256 kB of them; to be called until it returns 0.
--
-- KEYS  1 epoch  2 events  3 purge_before
--       4 let_go (the purge mark as releases before 0.2 write it; the later of both counts)
-- ARGV  1 epoch   as it was when the archiver last read
--       2 run_id  as it was then
--       3 replid  as it was then
--       4 archived_ms   milliseconds of the last archived id, whose entry stays
--       5 archived_seq  sequence of that id
--       6 keep  entries to keep at least
--       7 age   to keep at least (ms)
-- Returns  how many entries were removed
-- Errors   EPOCH      the partition is closed, or not the one that the caller knows; nothing was done
--          RESTARTED  the server is another process than the one that was read; nothing was done
local epoch_key, events_key, purge_before_key, let_go_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local epoch, run_id, replid = ARGV[1], ARGV[2], ARGV[3]
local archived_ms, archived_seq = tonumber(ARGV[4]), tonumber(ARGV[5])
local keep, age = tonumber(ARGV[6]), tonumber(ARGV[7])
local MAX_ENTRIES, MAX_BYTES, PAGE = 100, 262144, 5

if redis.call('GET', epoch_key) ~= epoch then
  return redis.error_reply('EPOCH the partition is closed or another')
end
if string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') ~= run_id
  or string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)') ~= replid then
  return redis.error_reply('RESTARTED the server is another')
end
local length = redis.call('XLEN', events_key)
local looked_at = math.min(length - 1, MAX_ENTRIES)
if looked_at <= 0 then
  return 0
end
local function parse_id(id)
  local ms, seq = string.match(id, '(%d+)-(%d+)')
  return tonumber(ms), tonumber(seq)
end
local purge_ms, purge_seq = parse_id(redis.call('GET', purge_before_key) or '0-0')
local old_ms, old_seq = parse_id(redis.call('GET', let_go_key) or '0-0')
if old_ms > purge_ms or (old_ms == purge_ms and old_seq > purge_seq) then
  purge_ms, purge_seq = old_ms, old_seq
end
local time = redis.call('TIME')
local young = time[1] * 1000 + math.floor(time[2] / 1000) - age
local entries, bytes, from = {}, 0, '-'
while #entries < looked_at and bytes < MAX_BYTES do
  for _, entry in ipairs(redis.call('XRANGE', events_key, from, '+', 'COUNT', math.min(PAGE, looked_at - #entries))) do
    entries[#entries + 1] = entry
    for _, value in ipairs(entry[2]) do bytes = bytes + #value end
  end
  from = '(' .. entries[#entries][1]
end
local keep_from
for n, entry in ipairs(entries) do
  local ms, seq = parse_id(entry[1])
  local archived = ms < archived_ms or (ms == archived_ms and seq < archived_seq)
  local old = length - n >= keep and ms < young
  local purged = ms < purge_ms or (ms == purge_ms and seq <= purge_seq)
  if not archived or not (old or purged) then
    break
  end
  keep_from = string.format('%.0f-%.0f', ms, seq + 1)
end
if not keep_from then
  return 0
end
return redis.call('XTRIM', events_key, 'MINID', keep_from)
