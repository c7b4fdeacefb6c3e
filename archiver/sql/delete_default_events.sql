-- Deletes events recorded before $1 from the default partition and carries their deltas on, so that the sums stay the
-- counters. Returns how many events were deleted.
WITH deleted AS (
    DELETE FROM area_mode_events_default WHERE recorded_at < $1 RETURNING area_code, multiplayer_mode, delta
), carried AS (
    INSERT INTO area_mode_events_dropped AS d
    SELECT area_code, multiplayer_mode, sum(delta) FROM deleted GROUP BY 1, 2
    ON CONFLICT (area_code, multiplayer_mode) DO UPDATE SET delta = d.delta + excluded.delta
)
SELECT count(*) FROM deleted
