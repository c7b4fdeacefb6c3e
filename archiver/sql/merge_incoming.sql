-- Stores the batch; rows stored already (by identity) change nothing. Returns the others, in the log's order.
WITH inserted AS (
    INSERT INTO area_mode_events SELECT * FROM incoming
    ON CONFLICT DO NOTHING
    RETURNING *
)
SELECT area_code, multiplayer_mode, events_name, epoch_timestamp, delta, outcome
FROM inserted
ORDER BY stream_ms, stream_seq, event_id
