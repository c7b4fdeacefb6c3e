-- The tokens of the calls of partition $1 that were archived from position $2, $3 (ms, seq) of its log on.
SELECT DISTINCT left(replace(event_id::text, '-', ''), 28) AS token
FROM area_mode_events
WHERE partition = $1 AND (stream_ms, stream_seq) >= ($2, $3)
