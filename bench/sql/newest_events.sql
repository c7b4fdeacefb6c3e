-- The identities of the newest events.  $1 how many
SELECT event_id::text FROM area_mode_events ORDER BY epoch_timestamp DESC, event_id DESC LIMIT $1
