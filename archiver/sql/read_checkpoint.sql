-- The checkpoint of partition $1.
SELECT partition, epoch, generation, last_ms, last_seq, run_id, replid, entries_added, last_token, healing
FROM archive_checkpoint
WHERE partition = $1
