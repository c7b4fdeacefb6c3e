-- The statements that make the partition of day $1; null when there is one. The table is created by itself and then
-- attached, so that inserts into the others go on meanwhile.
SELECT format('CREATE TABLE %1$I (LIKE area_mode_events INCLUDING ALL);'
    ' ALTER TABLE area_mode_events ATTACH PARTITION %1$I FOR VALUES FROM (%2$L) TO (%3$L)',
    'area_mode_events_' || to_char($1::date, 'YYYYMMDD'), $1::date || ' 00:00:00+00', $1::date + 1 || ' 00:00:00+00')
WHERE to_regclass('area_mode_events_' || to_char($1::date, 'YYYYMMDD')) IS NULL
