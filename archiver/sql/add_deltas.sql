-- Moves the aggregate by what a batch of new rows sums up to; sorted, so that writers meet in one order.
INSERT INTO area_mode_events_agg AS agg
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
ON CONFLICT (area_code, multiplayer_mode) DO UPDATE SET current_count = agg.current_count + excluded.current_count
