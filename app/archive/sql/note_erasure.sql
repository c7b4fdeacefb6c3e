-- Notes that a user was erased from $1 events, now; never which user.
INSERT INTO erasures (events) VALUES ($1)
