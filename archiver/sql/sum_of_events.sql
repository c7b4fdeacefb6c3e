-- The counters as the stored events add up to them.
SELECT area_code, multiplayer_mode, sum(delta)::bigint AS count
FROM area_mode_events
GROUP BY area_code, multiplayer_mode
