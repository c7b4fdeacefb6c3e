#!lua
-- Removes the oldest entries of the log: only archived ones, and never the newest `keep` nor younger ones, but those
-- up to the id in `let_go` whatever their age and number: they name somebody who was erased. One entry always stays.
-- Looks at 100 entries a call; call it again until it returns 0.
--
-- KEYS  1 epoch  2 events  3 let_go
-- ARGV  1 epoch  2 run_id  3 replid   as they were when the archiver last read
--       4 milliseconds and 5 sequence of the first id to keep
--       6 entries to keep at least     7 milliseconds of age to keep at least
-- Returns  how many entries were removed
-- Errors   EPOCH    this is not the partition the caller knows; nothing was done
--          RESTARTED  the server is another process than the one that was read; nothing was done
local epoch_key, events_key, let_go_key = KEYS[1], KEYS[2], KEYS[3]
local epoch, run_id, replid = ARGV[1], ARGV[2], ARGV[3]
local first_ms, first_seq, keep, age = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
if redis.call('GET', epoch_key) ~= epoch then
  return redis.error_reply('EPOCH the partition is closed or another')
end
if string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') ~= run_id
  or string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)') ~= replid then
  return redis.error_reply('RESTARTED the server is another')
end
local length = redis.call('XLEN', events_key)
local looked_at = math.min(length - 1, 100)
if looked_at <= 0 then
  return 0
end
local let_go_ms, let_go_seq = string.match(redis.call('GET', let_go_key) or '0-0', '(%d+)-(%d+)')
let_go_ms, let_go_seq = tonumber(let_go_ms), tonumber(let_go_seq)
local time = redis.call('TIME')
local young = time[1] * 1000 + math.floor(time[2] / 1000) - age
local entries = redis.call('XRANGE', events_key, '-', '+', 'COUNT', looked_at)
local keep_from
for n, entry in ipairs(entries) do
  local ms, seq = string.match(entry[1], '(%d+)-(%d+)')
  ms, seq = tonumber(ms), tonumber(seq)
  local archived = ms < first_ms or (ms == first_ms and seq < first_seq)
  local old = length - n >= keep and ms < young
  if not archived or not (old or ms < let_go_ms or (ms == let_go_ms and seq <= let_go_seq)) then
    break
  end
  keep_from = string.format('%.0f-%.0f', ms, seq + 1)
end
if not keep_from then
  return 0
end
return redis.call('XTRIM', events_key, 'MINID', keep_from)
