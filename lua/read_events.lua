#!lua
-- Reads the log after an id, and at the same moment everything that shows whether it is still the log the reader knows.
--
-- KEYS  1 epoch  2 events
-- ARGV  1 after  the id before the first entry to read
--       2 count  entries at most
-- Returns  { epoch or "", run_id, replid, last id, entries ever added, length, entries as XRANGE returns them }
-- Errors   none
local epoch_key, events_key = KEYS[1], KEYS[2]
local after, count = ARGV[1], ARGV[2]
local run_id = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local replid = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
local epoch = redis.call('GET', epoch_key) or ''
if redis.call('EXISTS', events_key) == 0 then
  return { epoch, run_id, replid, '0-0', 0, 0, {} }
end
local info = {}
local reply = redis.call('XINFO', 'STREAM', events_key)
for i = 1, #reply, 2 do info[reply[i]] = reply[i + 1] end
local entries = redis.call('XRANGE', events_key, '(' .. after, '+', 'COUNT', count)
return { epoch, run_id, replid, info['last-generated-id'], info['entries-added'], info['length'], entries }
