-- Events that pass the filters, ordered by time; served by one of three indexes (docs/history.md).
-- "e." everywhere: a bare event_id in ORDER BY would be the text of the first column, which no index has.
SELECT e.event_id::text AS event_id, e.area_code, e.multiplayer_mode, e.user_id, e.events_name, e.epoch_timestamp,
    extract(epoch FROM e.recorded_at)::float8 AS recorded_at, e.delta, e.outcome
FROM area_mode_events AS e
WHERE {conditions}
ORDER BY e.epoch_timestamp {order}, e.event_id {order}
