"""Who may come in: the request's host and origin, the client's address, keys and sessions."""
