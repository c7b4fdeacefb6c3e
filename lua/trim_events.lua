#!lua
-- Removes the oldest entries of the log: only archived ones, and never the newest `keep` nor younger ones.
-- Looks at 100 entries a call; call it again until it returns 0.
--
-- KEYS  1 epoch  2 events
-- ARGV  1 epoch  2 run_id  3 replid   as they were when the archiver last read
--       4 milliseconds and 5 sequence of the first id to keep
--       6 entries to keep at least     7 milliseconds of age to keep at least
-- Returns  how many entries were removed
-- Errors   EPOCH    this is not the partition the caller knows; nothing was done
--          RESTARTED  the server is another process than the one that was read; nothing was done
local epoch_key, events_key = KEYS[1], KEYS[2]
local epoch, run_id, replid = ARGV[1], ARGV[2], ARGV[3]
local first_ms, first_seq, keep, age = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
if redis.call('GET', epoch_key) ~= epoch then
  return redis.error_reply('EPOCH the partition is closed or another')
end
if string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') ~= run_id
  or string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)') ~= replid then
  return redis.error_reply('RESTARTED the server is another')
end
local spare = math.min(redis.call('XLEN', events_key) - keep, 100)
if spare <= 0 then
  return 0
end
local time = redis.call('TIME')
local young = time[1] * 1000 + math.floor(time[2] / 1000) - age
local entries = redis.call('XRANGE', events_key, '-', '+', 'COUNT', spare)
local keep_from
for _, entry in ipairs(entries) do
  local ms, seq = string.match(entry[1], '(%d+)-(%d+)')
  ms, seq = tonumber(ms), tonumber(seq)
  if ms > first_ms or (ms == first_ms and seq >= first_seq) or ms >= young then
    break
  end
  keep_from = string.format('%.0f-%.0f', ms, seq + 1)
end
if not keep_from then
  return 0
end
return redis.call('XTRIM', events_key, 'MINID', keep_from)
