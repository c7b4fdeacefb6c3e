-- Compare-and-swap: moves the checkpoint only from where the batch was read. No row: somebody else moved it.
UPDATE archive_checkpoint
SET last_ms = $5, last_seq = $6, entries_added = $7, run_id = $8, replid = $9,
    last_token = $10, updated_at = now()
WHERE partition = $1 AND generation = $2 AND last_ms = $3 AND last_seq = $4
