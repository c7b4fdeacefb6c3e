-- $1 job, $2 archiver, $3 version, $4 seconds from run to run, $5 seconds since it last succeeded (null: not known), $6
-- seconds for which it has failed (null: it works), $7 the error. Ages, so that all times are by one clock.
INSERT INTO archiver_jobs (job, archiver, version, every_seconds, succeeded_at, failing_since, error)
VALUES ($1, $2, $3, $4, now() - make_interval(secs => $5), now() - make_interval(secs => $6), $7)
ON CONFLICT (job) DO UPDATE SET
    archiver = excluded.archiver,
    version = excluded.version,
    every_seconds = excluded.every_seconds,
    succeeded_at = coalesce(excluded.succeeded_at, archiver_jobs.succeeded_at),
    failing_since = excluded.failing_since,
    error = excluded.error
