-- What the events of dropped days added to the counters.
SELECT area_code, multiplayer_mode, delta AS count FROM area_mode_events_dropped
