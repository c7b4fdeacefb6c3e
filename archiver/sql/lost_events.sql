-- The events of the calls $4 (tokens) that changed something, in the order in which it happened: those that partition
-- $1 had in its log from position $2, $3 (ms, seq) on and that Redis has lost.
SELECT event_id, area_code, multiplayer_mode, user_id, events_name, epoch_timestamp, delta
FROM area_mode_events
WHERE partition = $1 AND (stream_ms, stream_seq) >= ($2, $3)
    AND outcome IN ('applied', 'refreshed')
    AND left(replace(event_id::text, '-', ''), 28) = ANY ($4::text[])
ORDER BY stream_ms, stream_seq, event_id
