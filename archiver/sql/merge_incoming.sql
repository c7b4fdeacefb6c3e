-- Stores the batch: rows already there (by identity) change nothing, the others also move the aggregate.
WITH inserted AS (
    INSERT INTO area_mode_events SELECT * FROM incoming
    ON CONFLICT DO NOTHING
    RETURNING area_code, multiplayer_mode, delta
), summed AS (
    INSERT INTO area_mode_events_agg AS agg
    SELECT area_code, multiplayer_mode, sum(delta) FROM inserted
    GROUP BY area_code, multiplayer_mode HAVING sum(delta) <> 0
    ORDER BY area_code, multiplayer_mode
    ON CONFLICT (area_code, multiplayer_mode) DO UPDATE SET current_count = agg.current_count + excluded.current_count
)
SELECT count(*) FROM inserted
