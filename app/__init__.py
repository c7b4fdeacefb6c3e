"""The HTTP service: validates events and commits them to Redis, serves live counts, history and the page."""
