-- Which migrations were applied, and the SHA-256 of the text that was.
CREATE TABLE IF NOT EXISTS schema_migrations (
    name       text PRIMARY KEY,
    applied_at timestamptz DEFAULT now(),
    sha256     text -- null: applied by a release that kept no checksums; noted at the next start
);
-- The table of such a release lacks the column. Asked first, as ALTER TABLE waits for every reader, a backup too.
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = 'schema_migrations'::regclass AND attname = 'sha256' AND NOT attisdropped
    ) THEN
        ALTER TABLE schema_migrations ADD COLUMN sha256 text;
    END IF;
END
$$
