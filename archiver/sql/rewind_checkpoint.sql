-- Sets the checkpoint of partition $1, generation $2, back to the log's start, as a new generation: whoever knows the
-- old one cannot move it any more. $3: whether Redis is to be healed first. No row: the generation is another.
UPDATE archive_checkpoint
SET generation = generation + 1, last_ms = 0, last_seq = 0, last_token = '', entries_added = 0,
    run_id = '', replid = '', healing = $3, updated_at = now()
WHERE partition = $1 AND generation = $2
RETURNING partition, epoch, generation, last_ms, last_seq, run_id, replid, entries_added, last_token, healing
