#!lua
-- Reads what shows whether a log is the one that the reader knows, and how far it has come. The entries are read beside
-- it, by XRANGE in the same transaction: to pass through a script costs them ten times their time.
--
-- KEYS  1 epoch  2 events
-- ARGV  none
-- Returns  { epoch or "", run_id, replid, last id, entries ever added, length }
-- Errors   none
local epoch_key, events_key = KEYS[1], KEYS[2]
local run_id = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local replid = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
local epoch = redis.call('GET', epoch_key) or ''
if redis.call('EXISTS', events_key) == 0 then
  return { epoch, run_id, replid, '0-0', 0, 0 }
end
local info = {}
local reply = redis.call('XINFO', 'STREAM', events_key)
for i = 1, #reply, 2 do info[reply[i]] = reply[i + 1] end
return { epoch, run_id, replid, info['last-generated-id'], info['entries-added'], info['length'] }
