-- Sets parameter $1 to $2, for this transaction ($3 true) or for the session.
SELECT set_config($1, $2, $3)
