-- Deletes the minutes before $1, but each counter's newest of them: what the later ones begin from.
DELETE FROM area_mode_minutes AS m
USING area_mode_events_agg AS agg
WHERE m.area_code = agg.area_code AND m.multiplayer_mode = agg.multiplayer_mode
    AND m.minute < (
        SELECT max(minute) FROM area_mode_minutes AS former
        WHERE former.area_code = agg.area_code AND former.multiplayer_mode = agg.multiplayer_mode AND minute < $1
    )
