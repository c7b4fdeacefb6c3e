-- The counters as the archived events leave them.
SELECT area_code, multiplayer_mode, current_count AS count FROM area_mode_events_agg
