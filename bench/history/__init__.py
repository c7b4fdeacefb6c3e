"""`scripts/bench --history`: queries of a large archive, while it grows and while days are dropped from it."""
