#!lua
-- Puts totals that were counted anew in the place of those there are.
--
-- KEYS  1 epoch  2 totals  3 area_players  4 mode_players  5 new_area_players  6 new_mode_players
-- ARGV  1 epoch    as it was when the counting began; "" where there is none, in a state that is being rebuilt
--       2 last     the id of the log's entry up to which they are counted
--       3 entries  that the log had ever been given up to that one
--       4 players  the sum of either
-- Returns  1
-- Errors   EPOCH  the partition is closed, or not the one that the caller knows; nothing was done
local epoch_key, totals_key, area_players_key, mode_players_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local new_area_players_key, new_mode_players_key = KEYS[5], KEYS[6]
local epoch, last, entries, players = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

if (redis.call('GET', epoch_key) or '') ~= epoch then
  return redis.error_reply('EPOCH the partition is closed or another')
end
redis.call('UNLINK', area_players_key, mode_players_key)
if redis.call('EXISTS', new_area_players_key) == 1 then
  redis.call('RENAME', new_area_players_key, area_players_key)
  redis.call('RENAME', new_mode_players_key, mode_players_key)
end
redis.call('HSET', totals_key, 'last', last, 'entries', entries, 'players', players)
return 1
