-- The audit trail: who read, exported and erased (docs/security.md). No name of a user stands here: `subject` is a keyed
-- digest of the one that a read was about, and an erasure clears it.
CREATE TABLE access_log (
    id           uuid PRIMARY KEY,          -- made with the answer: what is written twice is stored once
    at           timestamptz NOT NULL,
    action       text NOT NULL,             -- read, export, erase, generate, create_key, list_keys or revoke_key
    route        text NOT NULL,             -- the template, as GET /users/{user_id}/history
    status       smallint NOT NULL,
    key_id       text NOT NULL,             -- empty without a key, 'admin' for MODEPULSE_ADMIN_TOKEN
    key_name     text NOT NULL,
    address      text NOT NULL,
    filters      text[] NOT NULL,           -- names of the parameters, never their values
    format       text,                      -- of an export
    row_count    bigint,                    -- rows returned, or events erased
    milliseconds real NOT NULL,
    target       text,                      -- the id of the key that was made or revoked
    subject      bytea
);

-- Retention and "what happened then".
CREATE INDEX access_log_at ON access_log (at);
-- "Who looked at ann", and erasing.
CREATE INDEX access_log_subject ON access_log (subject, at) WHERE subject IS NOT NULL;

-- The key of the digest, as the two pads of HMAC (RFC 2104), so that psql alone can compute it. Here and not in Redis:
-- it has to live as long as the trail.
CREATE TABLE access_secret (
    inner_pad bytea NOT NULL,
    outer_pad bytea NOT NULL
);
WITH secret AS MATERIALIZED (
    SELECT sha256(convert_to(string_agg(gen_random_uuid()::text, ''), 'UTF8')) || decode(repeat('00', 32), 'hex') AS key
    FROM generate_series(1, 4)
)
INSERT INTO access_secret
SELECT
    decode(string_agg(lpad(to_hex(get_byte(key, n) # 54), 2, '0'), '' ORDER BY n), 'hex'),
    decode(string_agg(lpad(to_hex(get_byte(key, n) # 92), 2, '0'), '' ORDER BY n), 'hex')
FROM secret, generate_series(0, 63) AS n;

-- The HMAC-SHA256 of a user's name; null for null.
CREATE FUNCTION access_subject(user_id text) RETURNS bytea LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    SELECT sha256(outer_pad || sha256(inner_pad || convert_to(user_id, 'UTF8'))) FROM access_secret
$$;
