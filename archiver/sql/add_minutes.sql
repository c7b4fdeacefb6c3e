-- Adds a batch's changes to the minutes of event time they belong to. To be run after add_deltas, whose row locks
-- keep other writers of the same counters waiting.
-- $1 area, $2 mode, $3 minutes since 1970 (each triple once); in that minute $4 the counter's change, $5 how far it
-- rose above its value at the minute's start, $6 the log-ins.
WITH batch AS (
    SELECT area, mode, minute, change, rise, logins,
        (sum(change) OVER counter - change)::bigint AS before, lead(minute, 1, 'infinity') OVER counter AS until
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
            AS b (area, mode, number, change, rise, logins),
        to_timestamp(number * 60.0) AS minute
    WINDOW counter AS (PARTITION BY area, mode ORDER BY number)
), counted AS (
    -- A minute that exists goes on. Later minutes, when the event came late, start from another count.
    UPDATE area_mode_minutes AS m
    SET last = m.last + before + change,
        peak = before + CASE WHEN m.minute = b.minute THEN greatest(m.peak, m.last + rise) ELSE m.peak + change END,
        logins = m.logins + CASE WHEN m.minute = b.minute THEN b.logins ELSE 0 END,
        logouts = m.logouts + CASE WHEN m.minute = b.minute THEN b.logins - change ELSE 0 END
    FROM batch AS b
    WHERE area_code = area AND multiplayer_mode = mode AND m.minute >= b.minute AND m.minute < until
        AND (m.minute = b.minute OR before + change <> 0)
    RETURNING area_code, multiplayer_mode, m.minute
)
INSERT INTO area_mode_minutes
SELECT area, mode, minute, start + change, start + rise, logins, logins - change
FROM (
    SELECT batch.*, before + coalesce((
        SELECT last FROM area_mode_minutes AS former
        WHERE area_code = area AND multiplayer_mode = mode AND former.minute < batch.minute
        ORDER BY former.minute DESC LIMIT 1
    ), 0) AS start
    FROM batch
    WHERE (area, mode, minute) NOT IN (SELECT * FROM counted)
) AS b
-- The sort makes every lookup above precede the inserts; else each would step over the rows inserted just now.
ORDER BY area, mode, minute DESC
