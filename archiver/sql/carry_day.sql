-- {day} is about to be dropped: its deltas are carried on, so that the sums stay the counters. Returns its events.
WITH day AS (
    SELECT area_code, multiplayer_mode, sum(delta) AS delta, count(*) AS events FROM {day} GROUP BY 1, 2
), carried AS (
    INSERT INTO area_mode_events_dropped AS d
    SELECT area_code, multiplayer_mode, delta FROM day
    ON CONFLICT (area_code, multiplayer_mode) DO UPDATE SET delta = d.delta + excluded.delta
)
SELECT coalesce(sum(events), 0)::bigint FROM day
