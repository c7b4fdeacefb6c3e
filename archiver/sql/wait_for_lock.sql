-- Takes advisory lock $1 until the transaction ends; waits for whoever holds it.
SELECT pg_advisory_xact_lock($1)
