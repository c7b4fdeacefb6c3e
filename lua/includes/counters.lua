-- Moves the counters. One that reaches 0 is removed; one that is new, or moves by 0, makes its area and its mode known.
-- Reads   deltas: area_mode -> change of its counter; areas_key, mode_players_key, area_prefix; call, find, sub
-- Writes  known, modes, is_listed, its own
local known, modes, is_listed
for area_mode, delta in pairs(deltas) do
  local bar = find(area_mode, '|', 1, true)
  local area, mode = sub(area_mode, 1, bar - 1), sub(area_mode, bar + 1)
  local count = delta ~= 0 and tonumber(call('ZINCRBY', area_prefix .. area, delta, mode))
  if count == delta or not count then
    if not known then known, modes, is_listed = {}, {}, {} end
    known[#known + 1] = area
    if not is_listed[mode] then
      is_listed[mode], modes[#modes + 1], modes[#modes + 2] = true, '0', mode
    end
  end
  if count and count <= 0 then
    call('ZREM', area_prefix .. area, mode)
  end
end
if known then
  call('SADD', areas_key, unpack(known))
  call('ZADD', mode_players_key, 'NX', unpack(modes))
end
