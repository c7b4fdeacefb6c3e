-- Keeps the days of area_mode_events until the transaction ends. As its first statement: what the transaction sees is
-- as of the next one, and a day that was dropped in between would be missing there.
LOCK TABLE area_mode_events IN ACCESS SHARE MODE
