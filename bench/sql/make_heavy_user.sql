-- Gives all events of a counter to one user.  $1 user  $2 area  $3 mode
UPDATE area_mode_events SET user_id = $1 WHERE area_code = $2 AND multiplayer_mode = $3
