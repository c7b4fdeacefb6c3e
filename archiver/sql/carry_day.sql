-- Carries the deltas of {day}, which is about to be dropped, on, so that the sums stay the counters. Returns how many
-- events the day has.
WITH day AS (
    SELECT area_code, multiplayer_mode, sum(delta) AS delta, count(*) AS events FROM {day} GROUP BY 1, 2
), carried AS (
    INSERT INTO area_mode_events_dropped AS d
    SELECT area_code, multiplayer_mode, delta FROM day
    ON CONFLICT (area_code, multiplayer_mode) DO UPDATE SET delta = d.delta + excluded.delta
)
SELECT coalesce(sum(events), 0)::bigint FROM day
