-- What the events of partition $1 behind position $2, $3 (ms, seq) of its log add to the counters.
SELECT area_code, multiplayer_mode, sum(delta)::bigint AS count
FROM area_mode_events
WHERE partition = $1 AND (stream_ms, stream_seq) > ($2, $3)
GROUP BY area_code, multiplayer_mode
