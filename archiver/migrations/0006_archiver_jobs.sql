-- What the leading archiver does, for `modepulse status`: one row a job, written every few seconds. Nothing relies on it.
CREATE TABLE archiver_jobs (
    job           text PRIMARY KEY,
    archiver      text NOT NULL,             -- host and process id of the one that ran it last
    version       text NOT NULL,             -- of Modepulse, there
    every_seconds double precision NOT NULL, -- from one run to the next
    succeeded_at  timestamptz,               -- null: never yet
    failing_since timestamptz,               -- null: the last run succeeded
    error         text                       -- of the last run that failed
);
