-- The epoch of the Redis that partition $1 was archived from.
SELECT epoch FROM archive_checkpoint WHERE partition = $1
