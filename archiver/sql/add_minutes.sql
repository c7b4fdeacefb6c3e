-- Counts a batch's changes into the minutes of event time they belong to. To be run behind add_deltas, whose
-- row locks keep other writers of the same counters waiting.
-- $1 area, $2 mode, $3 minute, each once; of it $4 the change, $5 how far it rose above its begin, $6 the log-ins.
WITH batch AS (
    SELECT *, sum(change) OVER counter - change AS before, lead(minute, 1, 'infinity') OVER counter AS until
    FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[], $5::bigint[], $6::bigint[])
        AS b (area, mode, minute, change, rise, logins)
    WINDOW counter AS (PARTITION BY area, mode ORDER BY minute)
), shifted AS (
    -- Minutes behind one of the batch, from an event that came late: they begin from another count.
    UPDATE area_mode_minutes AS m
    SET last = m.last + before + change, peak = m.peak + before + change
    FROM batch
    WHERE area_code = area AND multiplayer_mode = mode AND m.minute > batch.minute AND m.minute < until
        AND before + change <> 0
)
INSERT INTO area_mode_minutes AS m
SELECT area, mode, minute, begin + change, begin + rise, logins, logins - change
FROM (
    SELECT batch.*, before + coalesce((
        SELECT last FROM area_mode_minutes AS former
        WHERE area_code = area AND multiplayer_mode = mode AND former.minute < batch.minute
        ORDER BY former.minute DESC LIMIT 1
    ), 0) AS begin
    FROM batch
) AS b
-- A minute that is there goes on from its own change; excluded.last - excluded.logins + excluded.logouts is `begin`.
ON CONFLICT (area_code, multiplayer_mode, minute) DO UPDATE SET
    last = excluded.last + m.logins - m.logouts,
    peak = excluded.last + m.logins - m.logouts - excluded.logins + excluded.logouts
        + greatest(m.peak - m.last, excluded.peak - excluded.last + excluded.logins - excluded.logouts),
    logins = m.logins + excluded.logins,
    logouts = m.logouts + excluded.logouts
