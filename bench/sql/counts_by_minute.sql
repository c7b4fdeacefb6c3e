-- The players of an area after each minute with events (seconds since 1970), summed from the events.  $1 area
SELECT multiplayer_mode, minute, sum(change) OVER (PARTITION BY multiplayer_mode ORDER BY minute)::int AS count
FROM (
    SELECT multiplayer_mode, floor(epoch_timestamp / 60)::bigint * 60 AS minute, sum(delta) AS change
    FROM area_mode_events WHERE area_code = $1 GROUP BY 1, 2
) AS changes
