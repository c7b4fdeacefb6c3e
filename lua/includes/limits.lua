-- Decides what may be opened: an area that is not known only within the limits of areas, a mode only within its area's.
-- Most areas are known, and none has more modes than all areas together: as a rule there is nothing to look up.
-- Reads   opened: each area_mode whose counter is to go up, in order; areas_key, mode_players_key, new_areas_key,
--         area_prefix; max_areas, max_new_areas, max_modes; call, sub
-- Writes  letters: area_mode -> why it is refused; new_areas: those to become known; nil as a rule; areas, known,
--         match, unknown, crowded, total, minute, modes_of, its own
local letters, new_areas
if #opened > 0 then
  local match, areas, unknown = string.match, {}, false
  for n = 1, #opened do
    areas[n] = match(opened[n], '^[^|]*')
  end
  local known = call('SMISMEMBER', areas_key, unpack(areas))
  for n = 1, #opened do
    unknown = unknown or known[n] == 0
  end
  local crowded = call('ZCARD', mode_players_key) + #opened > max_modes
  if unknown or crowded then
    letters, new_areas = {}, {}
    local total, minute = call('SCARD', areas_key), tonumber(call('GET', new_areas_key) or 0)
    local modes_of = {} -- area -> modes with players
    for n = 1, #opened do
      local area, area_mode, letter = areas[n], opened[n], nil
      local modes = modes_of[area]
      if not modes then
        modes = crowded and call('ZCARD', area_prefix .. area) or 0
        if known[n] == 0 then
          if total + #new_areas >= max_areas then
            letter = 'A'
          elseif minute + #new_areas >= max_new_areas then
            letter = 'N'
          else
            new_areas[#new_areas + 1] = area
          end
        end
      end
      if not letter then
        if crowded and not call('ZSCORE', area_prefix .. area, sub(area_mode, #area + 2)) then
          if modes < max_modes then modes = modes + 1 else letter = 'M' end
        end
        modes_of[area] = modes
      end
      letters[area_mode] = letter
    end
  end
end
