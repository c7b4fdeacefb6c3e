-- A user's sessions, the newest first: each event that made one active, with the event that ended it. That is the
-- session's next event with a negative delta, earlier neither in time nor in the log.
SELECT e.event_id::text AS event_id, e.area_code, e.multiplayer_mode, e.epoch_timestamp AS began,
    ended.epoch_timestamp AS ended, ended.events_name
FROM area_mode_events AS e
LEFT JOIN LATERAL (
    SELECT n.epoch_timestamp, n.events_name
    FROM area_mode_events AS n
    WHERE n.user_id = e.user_id AND n.area_code = e.area_code AND n.multiplayer_mode = e.multiplayer_mode
        AND n.delta < 0
        AND (n.epoch_timestamp, n.event_id) > (e.epoch_timestamp, e.event_id)
        AND (n.stream_ms, n.stream_seq) >= (e.stream_ms, e.stream_seq)
        AND n.recorded_at > e.recorded_at - interval '1 day'
    ORDER BY n.epoch_timestamp, n.event_id
    LIMIT 1
) AS ended ON true
WHERE e.delta > 0 AND {conditions}
ORDER BY e.epoch_timestamp DESC, e.event_id DESC
