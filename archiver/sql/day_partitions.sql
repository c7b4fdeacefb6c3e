-- The days that have a table of their own, oldest first; `attached` is false for one that is detached but not dropped.
SELECT relname AS name, to_date(right(relname, 8), 'YYYYMMDD') AS day, relispartition AS attached
FROM pg_class
WHERE relname ~ '^area_mode_events_\d{8}$' AND relkind = 'r' AND pg_table_is_visible(oid)
ORDER BY day
