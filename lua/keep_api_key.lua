#!lua flags=allow-oom
-- Keeps an API key. One that is revoked already stays as it is: no other copy of it is newer. Not refused when memory
-- is full, because a key must be revocable then, too.
--
-- KEYS  1 keys
-- ARGV  1 id
--       2 key  as JSON (app/contract/api_key.py)
-- Returns  1, or 0 when nothing was written
-- Errors   none
local keys_key = KEYS[1]
local id, key = ARGV[1], ARGV[2]
local kept = redis.call('HGET', keys_key, id)
if kept and not string.find(kept, '"revoked_at":null', 1, true) then
  return 0
end
redis.call('HSET', keys_key, id, key)
return 1
