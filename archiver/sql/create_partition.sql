-- The name is the day's; format() because DDL takes no parameters.
SELECT format(
    'CREATE TABLE IF NOT EXISTS area_mode_events_%s PARTITION OF area_mode_events FOR VALUES FROM (%L) TO (%L)',
    to_char($1::date, 'YYYYMMDD'), $1::date || ' 00:00:00+00', $1::date + 1 || ' 00:00:00+00'
)
