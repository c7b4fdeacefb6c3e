-- Takes export slot $2 (of the lock class $1) until the transaction ends; false when another export has it.
SELECT pg_try_advisory_xact_lock($1, $2)
