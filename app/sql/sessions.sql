-- A user's sessions, the one that began last first: each event that made one active, with what ended it.
-- What ended it is the next event of the session that took it away: neither earlier in time nor in the log.
SELECT s.event_id::text AS event_id, s.area_code, s.multiplayer_mode, s.epoch_timestamp AS began,
    ended.epoch_timestamp AS ended, ended.events_name
FROM area_mode_events AS s
LEFT JOIN LATERAL (
    SELECT n.epoch_timestamp, n.events_name
    FROM area_mode_events AS n
    WHERE n.user_id = s.user_id AND n.area_code = s.area_code AND n.multiplayer_mode = s.multiplayer_mode
        AND n.delta < 0
        AND (n.epoch_timestamp, n.event_id) > (s.epoch_timestamp, s.event_id)
        AND (n.stream_ms, n.stream_seq) >= (s.stream_ms, s.stream_seq)
        AND n.recorded_at > s.recorded_at - interval '1 day'
    ORDER BY n.epoch_timestamp, n.event_id
    LIMIT 1
) AS ended ON true
WHERE s.delta > 0 AND {conditions}
ORDER BY s.epoch_timestamp DESC, s.event_id DESC
