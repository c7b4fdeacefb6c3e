-- Stores the batch; rows stored already (by identity) change nothing. Returns what the others change, in the log's
-- order.
WITH inserted AS (
    INSERT INTO area_mode_events SELECT * FROM incoming
    ON CONFLICT DO NOTHING
    RETURNING *
)
SELECT area_code, multiplayer_mode, epoch_timestamp, delta
FROM inserted
WHERE delta <> 0
ORDER BY stream_ms, stream_seq, event_id
