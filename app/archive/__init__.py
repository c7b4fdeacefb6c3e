"""The Postgres side: the pool of the audit and history queries, and erasure."""
