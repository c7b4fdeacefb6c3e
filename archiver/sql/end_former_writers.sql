-- Ends the sessions named $1 that former leaders have left behind in this database.
SELECT pg_terminate_backend(pid)
FROM pg_stat_activity
WHERE application_name = $1 AND datname = current_database() AND usename = current_user
