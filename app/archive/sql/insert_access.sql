-- Adds an entry to the audit trail, once. $14 is the name of the user it is about: only its digest is stored.
INSERT INTO access_log (
    id, at, action, route, status, key_id, key_name, address, filters, format, row_count, milliseconds, target, subject
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, access_subject($14))
ON CONFLICT DO NOTHING
