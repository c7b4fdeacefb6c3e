"""One partition's way from the log into Postgres, batch by batch; schedule.py says when."""

import logging
from dataclasses import replace
from typing import Any

from redis.asyncio import Redis

from app.contract.keys import keys_of
from app.contract.log import LOG_START, StreamId, token_of
from app.contract.postgres import Connection
from app.contract.token import new_token
from app.contract.totals import Uncountable, count_log
from app.contract.tracing import span
from archiver import stream
from archiver.batches import commit_batch
from archiver.checkpoint import Checkpoint, open_checkpoint, read_checkpoint
from archiver.errors import LostLog, LostTail, Superseded
from archiver.recount import recount
from archiver.snapshot import Snapshot
from archiver.stored import Stored
from lua import add_totals

log = logging.getLogger(__name__)

# Events in one transaction, gathered by several reads: each holds Redis for about half a millisecond.
BATCH_EVENTS = 30_000
BATCH_READS = 4
# Entries of one read. It holds about BATCH_EVENTS / BATCH_READS events, however many an entry has, and READ_BYTES at
# most, however long the names are.
READ_BYTES = 2_000_000
FIRST_ENTRIES = 20
MIN_ENTRIES = 10
MAX_ENTRIES = 500
# Pieces of the log added to the totals in one go; the rest waits for the next.
COUNTED_PIECES = 200


class PartitionArchiver:
    """Copies the log of one partition. Its checkpoint in Postgres is the truth; this object only caches it."""

    def __init__(self, redis: Redis, partition: int, stored: Stored) -> None:
        """`stored` is added to by every batch."""
        self._redis = redis
        self._stored = stored
        self._partition = partition
        self._count = FIRST_ENTRIES  # of the next read
        self._checkpoint: Checkpoint | None = None  # to read on from; None: ask Postgres
        self._last_committed: Checkpoint | None = None  # as it was last known, for what may lag behind

    @property
    def epoch(self) -> str | None:
        """The partition's epoch, once it is known to be open."""
        return None if self._last_committed is None else self._last_committed.epoch

    async def copy_batch(self, postgres: Connection) -> bool:
        """Copies one batch; returns whether there is more.

        Raises Superseded, LostLog, LostTail and the stores' errors.
        """
        try:
            checkpoint = self._checkpoint or await self._open(postgres)
            self._checkpoint = None  # until the commit has answered
            snapshot = await stream.read_several(
                self._redis, self._partition, checkpoint.last, self._count, BATCH_READS
            )
            checkpoint = await self._same_log(postgres, checkpoint, snapshot)
            if snapshot.entries:
                with span("archive a batch", partition=self._partition, entries=len(snapshot.entries)):
                    checkpoint, stored = await commit_batch(postgres, checkpoint, snapshot)
                self._stored.add(stored)
                await stream.publish_archived(self._redis, self._partition, checkpoint.last)
                more = len(snapshot.entries) == self._count * BATCH_READS
                self._count = _entries_of_next_read(snapshot, stored.rows)
            else:
                more = False
        except (Superseded, LostLog, LostTail):
            self._last_committed = None
            raise
        except BaseException:
            # Whatever it was, a batch that takes too long must not be tried at the same size for ever.
            self._count = max(MIN_ENTRIES, self._count // 2)
            raise
        self._checkpoint = self._last_committed = checkpoint
        return more

    async def expire(self, lease_us: int, bucket_seconds: int) -> None:
        """Ends the sessions whose lease is over, once the partition's epoch is known."""
        if self.epoch is not None:
            await stream.expire(self._redis, self._partition, self.epoch, lease_us, bucket_seconds)

    async def trim(self) -> None:
        """Removes archived entries from the log, all but the newest ones."""
        checkpoint = self._last_committed
        if checkpoint is not None and checkpoint.run_id:
            removed = await stream.trim(
                self._redis,
                self._partition,
                checkpoint.epoch,
                checkpoint.run_id,
                checkpoint.replid,
                checkpoint.last,
            )
            if removed:
                log.info("Log trimmed", extra={"action": "trim", "entries": removed})

    async def keep_totals(self) -> None:
        """Counts the players by area and by mode up to now, and forgets areas that had none for a day."""
        if self._last_committed is None:
            return
        keys = keys_of(self._partition)
        try:
            await count_log(self._redis, keys, add_totals, COUNTED_PIECES)
        except Uncountable:
            players = await recount(self._redis, keys)
            log.info("Totals counted anew", extra={"action": "recount", "players": players})
            # At once: until then the modes that were opened meanwhile are not known to the limits.
            await count_log(self._redis, keys, add_totals, COUNTED_PIECES)
        await stream.forget_idle_areas(self._redis, self._partition, self._last_committed.epoch)

    async def _open(self, postgres: Connection) -> Checkpoint:
        """The checkpoint; at the very first start it is made, and with it the partition's epoch."""
        checkpoint = await read_checkpoint(postgres, self._partition)
        if checkpoint is not None:
            return checkpoint
        epoch = keys_of(self._partition).epoch
        known: Any = await self._redis.get(epoch)
        checkpoint = await open_checkpoint(postgres, self._partition, known.decode() if known else new_token())
        await stream.set_if_none(self._redis, epoch, checkpoint.epoch)
        log.info("Partition opened", extra={"action": "open", "partition": self._partition})
        return checkpoint

    async def _same_log(self, postgres: Connection, checkpoint: Checkpoint, snapshot: Snapshot) -> Checkpoint:
        """Ensures that the log is the one that the checkpoint belongs to; returns the checkpoint, up to date.

        Raises Superseded, LostLog, LostTail.
        """
        lost_tail = LostTail(checkpoint.partition, checkpoint.generation)
        if snapshot.epoch != checkpoint.epoch:
            current = await read_checkpoint(postgres, self._partition)
            if current is not None and current.epoch != checkpoint.epoch:
                raise Superseded  # rebuilt by somebody else; read anew
            raise LostLog
        if checkpoint.last != LOG_START and not snapshot.length:
            raise LostLog  # the newest entries are never trimmed: this log was deleted, or is from before all events
        if checkpoint.healing:
            raise lost_tail
        if checkpoint.last == LOG_START or (
            (snapshot.run_id, snapshot.replid) == (checkpoint.run_id, checkpoint.replid)
            and snapshot.last_id >= checkpoint.last
            and snapshot.entries_added >= checkpoint.entries_added
        ):
            return checkpoint
        # Another process, or another history. If it has the last archived entry, it has all before it.
        if not await self._log_contains(checkpoint):
            raise lost_tail
        checkpoint, _ = await commit_batch(postgres, checkpoint, replace(snapshot, entries=[]))
        return checkpoint

    async def _log_contains(self, checkpoint: Checkpoint) -> bool:
        """Whether the last archived entry is in the log, by position and token."""
        ms, seq = checkpoint.last
        before = StreamId(ms, seq - 1) if seq else StreamId(ms - 1, 2**64 - 1)
        snapshot = await stream.read(self._redis, self._partition, before, 1)
        return bool(
            checkpoint.last_token
            and snapshot.entries
            and snapshot.entries[0].id == checkpoint.last
            and token_of(snapshot.entries[0]) == checkpoint.last_token
        )


def _entries_of_next_read(snapshot: Snapshot, rows: int) -> int:
    """As many as hold enough events and not too many bytes, by what the last ones had."""
    entries = len(snapshot.entries)
    size = sum(len(value) for entry in snapshot.entries for value in entry.fields)
    wanted = min(BATCH_EVENTS // BATCH_READS * entries // max(1, rows), READ_BYTES * entries // max(1, size))
    return max(MIN_ENTRIES, min(MAX_ENTRIES, wanted))
