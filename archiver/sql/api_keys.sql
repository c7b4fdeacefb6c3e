-- All API keys; times in seconds since 1970.
SELECT id, name, scopes, digest, rate,
    extract(epoch FROM created_at)::float8 AS created_at,
    extract(epoch FROM expires_at)::float8 AS expires_at,
    extract(epoch FROM revoked_at)::float8 AS revoked_at
FROM api_keys
