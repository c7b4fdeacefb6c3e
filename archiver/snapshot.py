"""What one reading transaction saw of a partition's log."""

from dataclasses import dataclass

from app.contract.log import Entry, StreamId


@dataclass(frozen=True)
class Snapshot:
    """The log and whose it is, all at the same moment (lua/read_log_state.lua and XRANGE)."""

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

    @property
    def identity(self) -> tuple[str, str, str]:
        """Of the log: two snapshots with the same one are of the same life of the same server."""
        return self.epoch, self.run_id, self.replid
