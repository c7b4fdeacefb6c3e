-- Keeps what cannot be stored, where it stood in the log ($1 partition, $2 ms, $3 seq, $4 event of the call), as $5,
-- with the reason $6. A log that is read again meets its rejects again.
INSERT INTO archive_rejects (partition, stream_ms, stream_seq, position, raw, reason)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING
