-- Whether a history was written that never was in Redis (modepulse/backfill.py).
SELECT EXISTS (SELECT 1 FROM area_mode_events WHERE partition = -1)
