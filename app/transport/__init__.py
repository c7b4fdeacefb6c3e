"""Connections and what arrives on them, until it is a request."""
