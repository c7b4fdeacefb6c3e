"""The Redis side: group commit of events, live counters, live push."""
