-- How far each partition's log has been copied. The archiver moves a row only by compare-and-swap.
CREATE TABLE archive_checkpoint (
    partition     integer PRIMARY KEY,
    epoch         text NOT NULL,             -- the token in {p}:epoch that this checkpoint belongs to
    generation    bigint NOT NULL DEFAULT 1, -- counts every time the position was set back
    last_ms       bigint NOT NULL DEFAULT 0, -- last archived stream id
    last_seq      bigint NOT NULL DEFAULT 0,
    last_token    text NOT NULL DEFAULT '',  -- its call's token: the entry that Redis must still have
    healing       boolean NOT NULL DEFAULT false, -- events that Redis lost are being given back to it
    run_id        text NOT NULL DEFAULT '',  -- the Redis process and history it was read from
    replid        text NOT NULL DEFAULT '',
    entries_added bigint NOT NULL DEFAULT 0,
    updated_at    timestamptz NOT NULL DEFAULT now()
);

-- Every logged event, for ever. event_id is the call's token (a UUIDv7) with the event's position in its
-- last 16 bits; recorded_at is the token's own time, so that a repeated insert meets the same key.
CREATE TABLE area_mode_events (
    event_id         uuid NOT NULL,
    recorded_at      timestamptz NOT NULL,
    area_code        text NOT NULL,
    multiplayer_mode text NOT NULL,
    user_id          text NOT NULL,
    events_name      text NOT NULL,
    epoch_timestamp  double precision NOT NULL, -- seconds since 1970, exact to the microsecond
    delta            integer NOT NULL,          -- change of the counter: +1, -1 or 0; HEAL may be more
    outcome          text NOT NULL,             -- applied, refreshed, stale or late
    partition        integer NOT NULL,
    stream_ms        bigint NOT NULL,           -- where it stood in the log; order, not identity
    stream_seq       bigint NOT NULL,
    PRIMARY KEY (event_id, recorded_at)
) PARTITION BY RANGE (recorded_at);

-- Catches clocks that are days off; the archiver makes a partition for each day ahead of time.
CREATE TABLE area_mode_events_default PARTITION OF area_mode_events DEFAULT;

-- Healing and verifying compare a range of the log with what stands here.
CREATE INDEX area_mode_events_stream ON area_mode_events (partition, stream_ms, stream_seq);

-- The counters as the archived events leave them.
CREATE TABLE area_mode_events_agg (
    area_code        text NOT NULL,
    multiplayer_mode text NOT NULL,
    current_count    bigint NOT NULL,
    PRIMARY KEY (area_code, multiplayer_mode)
);

-- What could not be stored, as it stood in the log, and why.
CREATE TABLE archive_rejects (
    partition   integer NOT NULL,
    stream_ms   bigint NOT NULL,
    stream_seq  bigint NOT NULL,
    position    integer NOT NULL,
    raw         bytea NOT NULL,
    reason      text NOT NULL,
    rejected_at timestamptz NOT NULL DEFAULT now()
);

-- A log that is read again (after a heal, before a rebuild) meets its rejects again, too.
CREATE UNIQUE INDEX archive_rejects_once ON archive_rejects (partition, stream_ms, stream_seq, position, md5(raw));
