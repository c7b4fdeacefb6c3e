"""What one reading script call saw of a partition's log."""

from dataclasses import dataclass

from app.contract.log import Entry, StreamId


@dataclass(frozen=True)
class Snapshot:
    """The log and whose it is, all at the same moment (lua/read_events.lua)."""

    epoch: str
    """The partition's epoch token; empty when it has none."""
    run_id: str
    """Of the Redis process."""
    replid: str
    """Its replication id: the history that it continues."""
    last_id: StreamId
    """Of the newest entry ever added."""
    entries_added: int
    """How many entries were ever added."""
    length: int
    """How many entries are left."""
    entries: list[Entry]
    """Those that were asked for, oldest first."""
