-- Changes whenever a batch is committed.
SELECT (last_ms, last_seq)::text FROM archive_checkpoint
