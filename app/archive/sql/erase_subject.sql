-- Clears user $1 from the audit trail: what is left is that somebody was looked at.
UPDATE access_log SET subject = NULL WHERE subject = access_subject($1)
