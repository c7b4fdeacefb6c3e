-- Empties the archive of all events and of the checkpoint.
TRUNCATE area_mode_events, area_mode_events_agg, area_mode_minutes, archive_checkpoint
