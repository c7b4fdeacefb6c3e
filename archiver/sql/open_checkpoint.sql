-- Makes the checkpoint of partition $1 with epoch $2, at the log's start, unless there is one.
INSERT INTO archive_checkpoint (partition, epoch) VALUES ($1, $2)
ON CONFLICT DO NOTHING
