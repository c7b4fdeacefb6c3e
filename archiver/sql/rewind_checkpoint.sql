-- A new generation, from the log's start: nobody who knows the old one can move it any more.
UPDATE archive_checkpoint
SET generation = generation + 1, last_ms = 0, last_seq = 0, last_token = '', entries_added = 0,
    run_id = '', replid = '', healing = $3, updated_at = now()
WHERE partition = $1 AND generation = $2
RETURNING *
