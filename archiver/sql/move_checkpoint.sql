-- Compare-and-swap of partition $1 in generation $2: moves the checkpoint only from position $3, $4 (ms, seq), where
-- the batch was read, to $5, $6, with what was seen of the log there: $7 entries added, $8 run id, $9 replication id,
-- $10 the token of the last entry. No row: another archiver has moved it.
UPDATE archive_checkpoint
SET last_ms = $5, last_seq = $6, entries_added = $7, run_id = $8, replid = $9,
    last_token = $10, updated_at = now()
WHERE partition = $1 AND generation = $2 AND last_ms = $3 AND last_seq = $4
