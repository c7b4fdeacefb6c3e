"""The Postgres side: the pool of the audit and history queries, the audit trail, and erasure."""
