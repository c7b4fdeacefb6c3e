-- Asks whether the session still exists, and keeps it from being idle for too long.
SELECT 1
