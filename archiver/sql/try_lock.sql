-- Takes advisory lock $1 for the session unless somebody else holds it; whether it was taken.
SELECT pg_try_advisory_lock($1)
