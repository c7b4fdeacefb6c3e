-- What the service writes, where it has a role of its own (deploy/postgres/roles.sql, which also lets it read).
DO $$
BEGIN
    IF to_regrole('modepulse_api') IS NOT NULL THEN
        -- Erasing.
        GRANT UPDATE (user_id) ON area_mode_events TO modepulse_api;
        GRANT UPDATE (raw) ON archive_rejects TO modepulse_api;
        GRANT INSERT ON erasures TO modepulse_api;
        -- The audit trail.
        GRANT INSERT, UPDATE (subject) ON access_log TO modepulse_api;
    END IF;
END
$$
