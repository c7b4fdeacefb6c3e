-- Takes {day} out of the table of all events, under a lock that every other statement on that table waits for.
ALTER TABLE area_mode_events DETACH PARTITION {day}
