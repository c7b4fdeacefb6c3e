-- What changed something in the calls that Redis lost, in the order in which it happened.
SELECT event_id, area_code, multiplayer_mode, user_id, events_name, epoch_timestamp, delta
FROM area_mode_events
WHERE partition = $1 AND (stream_ms, stream_seq) >= ($2, $3)
    AND outcome IN ('applied', 'refreshed')
    AND left(replace(event_id::text, '-', ''), 28) = ANY ($4::text[])
ORDER BY stream_ms, stream_seq, event_id
