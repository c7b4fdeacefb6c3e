-- The last word on each session whose lease is not over; at the same time a log-out is later than a log-in.
-- recorded_at only tells which partitions of the table to look at.
SELECT DISTINCT ON (user_id, area_code, multiplayer_mode)
    user_id, area_code, multiplayer_mode, events_name, epoch_timestamp
FROM area_mode_events
WHERE partition = $1 AND outcome IN ('applied', 'refreshed') AND events_name <> 'HEAL'
    AND epoch_timestamp > $2 AND recorded_at > to_timestamp($2 - 600)
ORDER BY user_id, area_code, multiplayer_mode, epoch_timestamp DESC,
    events_name IN ('LOGOUT', 'EXPIRE') DESC
