-- Empties the table that rows are copied into.
TRUNCATE area_mode_events
