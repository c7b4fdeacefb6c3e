#!lua
-- The first thing one would write: a set per user, a counter, a log. No lease, no ordering, no duplicate detection.
-- KEYS  1 the user's set  2 the area's counters  3 log
-- ARGV  1 mode  2 digits: the last one is even for LOGIN, odd for LOGOUT
local mode, digits = ARGV[1], ARGV[2]
if string.byte(digits, -1) % 2 == 0 then
  if redis.call('SADD', KEYS[1], mode) == 1 then redis.call('ZINCRBY', KEYS[2], 1, mode) end
  redis.call('XADD', KEYS[3], '*', 'user', KEYS[1], 'mode', mode, 'name', 'LOGIN')
else
  if redis.call('SREM', KEYS[1], mode) == 1 then redis.call('ZINCRBY', KEYS[2], -1, mode) end
  redis.call('XADD', KEYS[3], '*', 'user', KEYS[1], 'mode', mode, 'name', 'LOGOUT')
end
return 1
