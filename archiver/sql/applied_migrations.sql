-- The migrations that this database has, with their checksums where these are known.
SELECT name, sha256 FROM schema_migrations
