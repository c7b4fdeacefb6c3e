-- The newest event of each session of partition $1 whose lease is not over: later than $2, seconds since 1970. At the
-- same time a log-out is newer than a log-in. The condition on recorded_at only limits the partitions that are read.
SELECT DISTINCT ON (user_id, area_code, multiplayer_mode)
    user_id, area_code, multiplayer_mode, events_name, epoch_timestamp
FROM area_mode_events
WHERE partition = $1 AND outcome IN ('applied', 'refreshed') AND events_name <> 'HEAL'
    AND epoch_timestamp > $2 AND recorded_at > to_timestamp($2 - 600)
ORDER BY user_id, area_code, multiplayer_mode, epoch_timestamp DESC,
    events_name IN ('LOGOUT', 'EXPIRE') DESC
