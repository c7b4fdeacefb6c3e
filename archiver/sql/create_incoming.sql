-- Where COPY puts a batch before it is merged; one per connection, emptied at each commit.
CREATE TEMPORARY TABLE IF NOT EXISTS incoming (LIKE public.area_mode_events) ON COMMIT DELETE ROWS
