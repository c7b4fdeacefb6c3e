-- Whether there is any event, or was one whose day has been dropped.
SELECT EXISTS (SELECT 1 FROM area_mode_events)
    OR EXISTS (SELECT 1 FROM area_mode_events_dropped)
    OR EXISTS (SELECT 1 FROM area_mode_minutes)
