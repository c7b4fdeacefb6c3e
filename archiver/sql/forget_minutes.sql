-- Deletes the minutes before $1, but each counter's newest of them: what the later ones begin from.
WITH begins AS MATERIALIZED (
    SELECT area_code, multiplayer_mode, (
        SELECT max(minute) FROM area_mode_minutes AS m
        WHERE m.area_code = agg.area_code AND m.multiplayer_mode = agg.multiplayer_mode AND minute < $1
    ) AS minute
    FROM area_mode_events_agg AS agg
)
DELETE FROM area_mode_minutes AS m
USING begins
WHERE m.area_code = begins.area_code AND m.multiplayer_mode = begins.multiplayer_mode AND m.minute < begins.minute
