-- The counters of area $1 from $2 to $3 (multiples of the step) in steps of $4 seconds; of mode $5 only unless it is
-- null. For each mode: the count it starts with, labelled with the step before $2, and each step in which the count
-- changed, with the count at its end and its peak.
SELECT agg.multiplayer_mode AS mode, counted.at, counted.last, counted.peak
FROM area_mode_events_agg AS agg
CROSS JOIN LATERAL (
    (
        SELECT extract(epoch FROM $2::timestamptz)::bigint - $4::bigint AS at, last, last AS peak
        FROM area_mode_minutes AS m
        WHERE m.area_code = agg.area_code AND m.multiplayer_mode = agg.multiplayer_mode AND m.minute < $2
        ORDER BY m.minute DESC
        LIMIT 1
    )
    UNION ALL
    (
        SELECT extract(epoch FROM m.minute)::bigint / $4 * $4,
            (array_agg(m.last ORDER BY m.minute DESC))[1],
            max(m.peak)
        FROM area_mode_minutes AS m
        WHERE m.area_code = agg.area_code AND m.multiplayer_mode = agg.multiplayer_mode
            AND m.minute >= $2 AND m.minute < $3
        GROUP BY 1
    )
) AS counted
WHERE agg.area_code = $1 AND (agg.multiplayer_mode = $5 OR $5 IS NULL)
ORDER BY agg.multiplayer_mode COLLATE "C", counted.at
