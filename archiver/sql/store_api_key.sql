-- Stores an API key: $1 id, $2 name, $3 scopes, $4 digest, $5 rate, $6 created, $7 expires, $8 revoked, the times in
-- seconds since 1970. One that is revoked already stays as it is.
INSERT INTO api_keys (id, name, scopes, digest, rate, created_at, expires_at, revoked_at)
VALUES ($1, $2, $3, $4, $5, to_timestamp($6::float8), to_timestamp($7::float8), to_timestamp($8::float8))
ON CONFLICT (id) DO UPDATE SET
    name = excluded.name, scopes = excluded.scopes, digest = excluded.digest, rate = excluded.rate,
    created_at = excluded.created_at, expires_at = excluded.expires_at, revoked_at = excluded.revoked_at
WHERE api_keys.revoked_at IS NULL
