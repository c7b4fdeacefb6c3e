"""Starts Redis, Postgres, the API and the archiver on this machine, and restarts those that die."""
