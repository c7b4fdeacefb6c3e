-- How far each partition is archived.
SELECT partition, epoch, last_ms, last_seq, entries_added, run_id, healing FROM archive_checkpoint
