-- Gives the checkpoint of partition $1 to the Redis with epoch $2.
UPDATE archive_checkpoint SET epoch = $2 WHERE partition = $1
