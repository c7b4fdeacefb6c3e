-- The calls of a partition that stand in the archive from a position of the log on.
SELECT DISTINCT left(replace(event_id::text, '-', ''), 28) AS token
FROM area_mode_events
WHERE partition = $1 AND (stream_ms, stream_seq) >= ($2, $3)
