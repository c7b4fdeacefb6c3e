-- Whether one of the partitions $1 has not been archived up to its position, $2 (ms) and $3 (seq).
SELECT EXISTS (
    SELECT FROM unnest($1::int[], $2::bigint[], $3::bigint[]) AS position (partition, ms, seq)
    LEFT JOIN archive_checkpoint AS c USING (partition)
    WHERE c.partition IS NULL OR c.healing OR (c.last_ms, c.last_seq) < (position.ms, position.seq)
)
