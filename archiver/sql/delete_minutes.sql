-- Deletes the minutes before $1, all but each counter's newest of them: its count is what later minutes start from.
WITH kept AS MATERIALIZED (
    SELECT area_code, multiplayer_mode, (
        SELECT max(minute) FROM area_mode_minutes AS m
        WHERE m.area_code = agg.area_code AND m.multiplayer_mode = agg.multiplayer_mode AND minute < $1
    ) AS minute
    FROM area_mode_events_agg AS agg
)
DELETE FROM area_mode_minutes AS m
USING kept
WHERE m.area_code = kept.area_code AND m.multiplayer_mode = kept.multiplayer_mode AND m.minute < kept.minute
