#!lua
-- Reads sessions and the names of counters, from one SCAN cursor to the next. Reads only so many that nobody waits long
-- for Redis: it cannot go by the clock, which stands still in a script on some servers. To be called until the next
-- cursor is 0: what is there all that while is then returned at least once.
--
-- KEYS  1 epoch
--       Users and areas are `<tag>user:`, `<tag>area:` under the same hash tag.
-- ARGV  1 cursor  0 to start
--       2 limit  of work: of a member it is 1, of 256 bytes of names too, of looking up SCANNED_KEYS keys 10. At the
--         limit no other keys are looked up, at twice the limit no other key is read
--       3 max_members  of a key that is read here
-- Returns  { next cursor, active sessions, logged-out sessions, counters, keys that were not read }; each but the first
--          is lines: "user|area|mode" of a session, "area|mode" of a counter, the names of keys
-- Errors   none
local epoch_key = KEYS[1]
local cursor, limit, max_members = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local SCANNED_KEYS = 20

local call, sub, concat = redis.call, string.sub, table.concat
local tag = sub(epoch_key, 1, -6)
local user_prefix, area_prefix = tag .. 'user:', tag .. 'area:'
local work = 0

local function append(names, owner, members)
  for _, member in ipairs(members) do
    local name = owner .. '|' .. member
    names[#names + 1] = name
    work = work + 1 + #name / 256
  end
end

local active, logged_out, counters, unread = {}, {}, {}, {}
repeat
  local page = call('SCAN', cursor, 'MATCH', tag .. '*', 'COUNT', SCANNED_KEYS, 'TYPE', 'zset')
  cursor = page[1]
  work = work + 10
  for _, key in ipairs(page[2]) do
    local is_user = sub(key, 1, #user_prefix) == user_prefix
    if is_user or sub(key, 1, #area_prefix) == area_prefix then
      local size = call('ZCARD', key)
      if size > max_members or work >= 2 * limit then
        unread[#unread + 1] = key
      elseif is_user then
        local user = sub(key, #user_prefix + 1)
        local members = call('ZRANGEBYSCORE', key, '(0', '+inf')
        append(active, user, members)
        if #members < size then
          append(logged_out, user, call('ZRANGEBYSCORE', key, '-inf', '0'))
        end
      else
        append(counters, sub(key, #area_prefix + 1), call('ZRANGE', key, 0, max_members - 1))
      end
    end
  end
until cursor == '0' or work >= limit
return { cursor, concat(active, '\n'), concat(logged_out, '\n'), concat(counters, '\n'), concat(unread, '\n') }
