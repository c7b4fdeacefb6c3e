-- Keeps what cannot be stored, where each stood in the log ($1 partitions, $2 ms, $3 seq, $4 events of the call), as $5,
-- with the reasons $6. A log that is read again meets its rejects again.
INSERT INTO archive_rejects (partition, stream_ms, stream_seq, position, raw, reason)
SELECT * FROM unnest($1::integer[], $2::bigint[], $3::bigint[], $4::integer[], $5::bytea[], $6::text[])
ON CONFLICT DO NOTHING
