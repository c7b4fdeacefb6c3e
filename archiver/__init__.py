"""The archiver: from the Redis stream to Postgres, session expiry, retention, recovery."""
