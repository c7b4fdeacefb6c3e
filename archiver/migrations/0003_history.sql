-- Which query each index of area_mode_events is for (measured in docs/history.md):
-- the primary key: an event is stored once; area_mode_events_stream: healing and verifying.
-- The others serve GET /events and its pages, ordered by time and, within the same microsecond, by identity.

-- All events, or those of a time window, and any filter that has no index of its own.
CREATE INDEX area_mode_events_time ON area_mode_events (epoch_timestamp, event_id);
-- One area; its mode is looked at in the index, before the row is.
CREATE INDEX area_mode_events_area ON area_mode_events (area_code, epoch_timestamp, event_id, multiplayer_mode);
-- One user: events, sessions, erasing.
CREATE INDEX area_mode_events_user ON area_mode_events (user_id, epoch_timestamp, event_id);
-- outcome=stale and outcome=late: few, so found by nothing else, and cheap to keep.
CREATE INDEX area_mode_events_ignored ON area_mode_events (epoch_timestamp, event_id) WHERE outcome IN ('stale', 'late');

-- The counters over time: a row for each minute of event time in which a counter changed.
-- `last` is the count at the minute's end, so last = the former row's last + logins - logouts, and the newest
-- row's last is area_mode_events_agg's. `peak` is the highest count from the minute's begin on, its events taken
-- in the order of the log.
CREATE TABLE area_mode_minutes (
    area_code        text NOT NULL,
    multiplayer_mode text NOT NULL,
    minute           timestamptz NOT NULL,
    last             integer NOT NULL,
    peak             integer NOT NULL,
    logins           integer NOT NULL, -- sum of the positive deltas
    logouts          integer NOT NULL, -- sum of the negative ones: log-outs and expiries
    PRIMARY KEY (area_code, multiplayer_mode, minute)
) WITH (fillfactor = 50); -- every batch updates the minute's rows: room on their page keeps that off the index

INSERT INTO area_mode_minutes
SELECT area_code, multiplayer_mode, minute,
    sum(change) OVER counter,
    sum(change) OVER counter - change + greatest(rise, 0),
    logins, logins - change
FROM (
    SELECT area_code, multiplayer_mode, minute,
        sum(delta) AS change, max(so_far) AS rise, coalesce(sum(delta) FILTER (WHERE delta > 0), 0) AS logins
    FROM (
        SELECT area_code, multiplayer_mode, minute, delta,
            sum(delta) OVER (
                PARTITION BY area_code, multiplayer_mode, minute ORDER BY stream_ms, stream_seq, event_id
            ) AS so_far
        FROM (SELECT *, date_trunc('minute', to_timestamp(epoch_timestamp), 'UTC') AS minute FROM area_mode_events) AS e
        WHERE delta <> 0
    ) AS changes
    GROUP BY area_code, multiplayer_mode, minute
) AS minutes
WINDOW counter AS (PARTITION BY area_code, multiplayer_mode ORDER BY minute);

-- The sums of the deltas of days that were dropped: with those of area_mode_events they are the counters.
CREATE TABLE area_mode_events_dropped (
    area_code        text NOT NULL,
    multiplayer_mode text NOT NULL,
    delta            bigint NOT NULL,
    PRIMARY KEY (area_code, multiplayer_mode)
);

-- When a person was erased and from how many events; never who.
CREATE TABLE erasures (
    erased_at timestamptz NOT NULL DEFAULT now(),
    events    bigint NOT NULL
);
