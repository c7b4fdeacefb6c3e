-- What the leading archiver says of its jobs, times as seconds since then.
SELECT job, archiver, version, every_seconds, error,
    extract(epoch FROM now() - succeeded_at)::float8 AS succeeded,
    extract(epoch FROM now() - failing_since)::float8 AS failing
FROM archiver_jobs
ORDER BY job
