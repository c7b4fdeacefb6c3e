-- The highest position of the log of partition $1 that was ever archived.
SELECT stream_ms, stream_seq
FROM area_mode_events
WHERE partition = $1
ORDER BY stream_ms DESC, stream_seq DESC
LIMIT 1
