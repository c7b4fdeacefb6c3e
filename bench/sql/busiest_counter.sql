-- The area and mode with the most events.
SELECT area_code, multiplayer_mode FROM area_mode_events GROUP BY 1, 2 ORDER BY count(*) DESC LIMIT 1
