-- Replaces user $1 by $2 in every event that was in the log up to the positions ($3 partition, $4 ms, $5 seq): a later
-- one belongs to somebody else, or to a new start under the old name.
UPDATE area_mode_events AS e
SET user_id = $2
WHERE user_id = $1 AND NOT EXISTS (
    SELECT FROM unnest($3::int[], $4::bigint[], $5::bigint[]) AS position (partition, ms, seq)
    WHERE position.partition = e.partition AND (e.stream_ms, e.stream_seq) > (position.ms, position.seq)
)
