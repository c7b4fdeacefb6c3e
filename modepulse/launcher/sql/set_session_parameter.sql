-- Sets parameter $1 to $2 for the session.
SELECT set_config($1, $2, false)
