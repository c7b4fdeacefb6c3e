-- The roles of Modepulse in Postgres: modepulse_archiver owns the tables, modepulse_api reads them and erases.
-- To be run by a superuser in Modepulse's database, in one transaction, before the archiver's start; as often as one
-- likes. The parameters modepulse.api_password and modepulse.archiver_password, where set, become the passwords.
-- What modepulse_api may write is in archiver/sql/grant_api.sql: the archiver grants it when it has made the tables.
SET LOCAL lock_timeout = '30s';
DO $$
DECLARE
    process text;
    password text;
    relation text;
BEGIN
    FOREACH process IN ARRAY ARRAY['api', 'archiver'] LOOP
        IF to_regrole('modepulse_' || process) IS NULL THEN
            EXECUTE format('CREATE ROLE %I LOGIN', 'modepulse_' || process);
        END IF;
        password := current_setting('modepulse.' || process || '_password', true);
        IF password <> '' THEN
            EXECUTE format('ALTER ROLE %I PASSWORD %L', 'modepulse_' || process, password);
        END IF;
    END LOOP;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO modepulse_api', current_database());
    EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO modepulse_archiver', current_database());
    -- The tables of a deployment that had one role for everything.
    FOR relation IN
        SELECT oid::regclass FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
            AND relowner <> 'modepulse_archiver'::regrole
    LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO modepulse_archiver', relation);
    END LOOP;
END
$$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO modepulse_archiver;
GRANT USAGE ON SCHEMA public TO modepulse_api;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO modepulse_api;
-- Those of later migrations, too.
ALTER DEFAULT PRIVILEGES FOR ROLE modepulse_archiver IN SCHEMA public GRANT SELECT ON TABLES TO modepulse_api;
