-- Those of the events $1 (identities) that are archived.
SELECT event_id FROM area_mode_events WHERE event_id = ANY ($1::uuid[])
