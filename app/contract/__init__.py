"""What the API and the archiver share: events, keys, the log's format, connections."""
