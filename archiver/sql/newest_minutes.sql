-- The counters as their newest minutes end.
SELECT agg.area_code, agg.multiplayer_mode, newest.last AS count
FROM area_mode_events_agg AS agg
CROSS JOIN LATERAL (
    SELECT m.last
    FROM area_mode_minutes AS m
    WHERE m.area_code = agg.area_code AND m.multiplayer_mode = agg.multiplayer_mode
    ORDER BY m.minute DESC
    LIMIT 1
) AS newest
