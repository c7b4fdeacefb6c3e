#!lua flags=allow-oom
-- Adds to the players by area and by mode what a piece of the log has changed, once: `last` is where the piece before
-- ends. What reaches 0 is removed: an area at once, which is idle from now on; a mode once all events are counted, as
-- what opens a counter makes its mode known with 0 players. Not refused when memory is full: readers need it, and there
-- are no more names than counters.
--
-- KEYS  1 epoch  2 totals  3 area_players  4 mode_players  5 idle_areas  6 events
-- ARGV  1 epoch    as the caller knows it
--       2 last     where the piece begins: the id before its first entry
--       3 next     the id of its last entry
--       4 entries  of the piece
--       5 areas    in the piece
--       6.. name, change: of the areas, then of the modes
-- Returns  1; 0 when the totals are elsewhere than at `last`: somebody else was faster, nothing was done
-- Errors   EPOCH  the partition is closed, or not the one that the caller knows; nothing was done
local epoch_key, totals_key, area_players_key, mode_players_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local idle_areas_key, events_key = KEYS[5], KEYS[6]
local epoch, last, next, entries, areas = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local FIRST_NAME = 6

if redis.call('GET', epoch_key) ~= epoch then
  return redis.error_reply('EPOCH the partition is closed or another')
end
local call = redis.call
if (call('HGET', totals_key, 'last') or '0-0') ~= last then
  return 0
end
local now = call('TIME')[1]

local players = 0
local first_mode = FIRST_NAME + 2 * areas
for i = FIRST_NAME, first_mode - 1, 2 do
  local area, change = ARGV[i], ARGV[i + 1]
  players = players + change
  if tonumber(call('ZINCRBY', area_players_key, change, area)) == 0 then
    call('ZREM', area_players_key, area)
    call('ZADD', idle_areas_key, now, area)
  end
end
for i = first_mode, #ARGV, 2 do
  call('ZINCRBY', mode_players_key, ARGV[i + 1], ARGV[i])
end
local newest = call('XREVRANGE', events_key, '+', '-', 'COUNT', 1)[1]
if newest and newest[1] == next then
  call('ZREMRANGEBYSCORE', mode_players_key, '-inf', 0)
end
call('HINCRBY', totals_key, 'players', players)
call('HINCRBY', totals_key, 'entries', entries)
call('HSET', totals_key, 'last', next)
return 1
