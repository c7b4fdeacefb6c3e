-- The API keys, as Redis has them in {0}:keys: so that they outlive it. No key is ever deleted here: a Redis that comes
-- back from an older copy must not make a revoked one valid again.
CREATE TABLE api_keys (
    id         text PRIMARY KEY,
    name       text NOT NULL,
    scopes     text[] NOT NULL,
    digest     text NOT NULL,             -- SHA-256 of the key, in hexadecimal digits; the key itself is nowhere
    rate       double precision NOT NULL, -- requests a second; 0: the setting's
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz
);
