-- Deletes what the audit trail holds from before $1.
DELETE FROM access_log WHERE at < $1
