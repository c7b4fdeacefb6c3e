-- Notes that migration $1 is applied and that $2 is its checksum.
INSERT INTO schema_migrations (name, sha256) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET sha256 = excluded.sha256
