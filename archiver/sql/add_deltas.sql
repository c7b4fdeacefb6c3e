-- Moves the aggregate by what a batch of new rows sums up to ($1 area, $2 mode, $3 change; each counter once). The
-- arrays are sorted, so that all writers lock rows in the same order.
WITH batch AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[]) AS b (area, mode, change)
), moved AS (
    UPDATE area_mode_events_agg SET current_count = current_count + change
    FROM batch WHERE area_code = area AND multiplayer_mode = mode
    RETURNING area_code, multiplayer_mode
)
INSERT INTO area_mode_events_agg AS agg
SELECT * FROM batch WHERE (area, mode) NOT IN (SELECT * FROM moved)
ON CONFLICT (area_code, multiplayer_mode) DO UPDATE SET current_count = agg.current_count + excluded.current_count
