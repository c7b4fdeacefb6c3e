"""Follows a log while its partition is read in steps, so that what is read later can be brought to the same moment."""

import asyncio
from collections.abc import Callable
from typing import Any

from redis.asyncio import Redis

from app.contract.log import Entry, fields_of, line_kind, parse_entry, parse_line
from app.contract.outcome import EventKind
from archiver import stream
from archiver.errors import Disturbed
from archiver.snapshot import Snapshot

# From one step's answer to the next step: other clients keep more than two thirds of Redis.
PAUSE_SECONDS = 0.0015

# Called with "user|area|mode", "area|mode" and what the event adds to the counter: 1 or -1.
OnChange = Callable[[bytes, bytes, int], None]


class LogFollower:
    """Calls `on_change` for each event behind `start` that changed a counter, in the log's order.

    Each entry is counted, so that none is missed that was archived and trimmed before it was read.
    """

    def __init__(self, redis: Redis, partition: int, start: Snapshot, on_change: OnChange) -> None:
        self._redis = redis
        self._partition = partition
        self._start = start
        self._on_change = on_change
        self._entries = 0  # read so far
        self.position = start.last_id
        """The newest entry whose events were handed on."""

    @property
    def entries(self) -> int:
        """How many the log had been given up to `position`."""
        return self._start.entries_added + self._entries

    async def observe(self, *commands: stream.Command) -> list[Any]:
        """The replies to the commands, all of one moment; the log up to that moment has been handed on, and no more.

        Raises Disturbed when that moment cannot be compared with the earlier ones, and RedisError.
        """
        loop = asyncio.get_running_loop()
        snapshot, replies = await stream.read_with(
            self._redis, self._partition, self.position, stream.PAGE_ENTRIES, commands
        )
        next_step = loop.time() + PAUSE_SECONDS
        moment, added = snapshot.last_id, snapshot.entries_added
        while True:
            if snapshot.identity != self._start.identity:
                raise Disturbed("Redis was restarted or rebuilt")
            entries = [entry for entry in snapshot.entries if entry.id <= moment]
            for entry in entries:
                self._hand_on(entry)
            if len(entries) < stream.PAGE_ENTRIES:
                break
            snapshot = await stream.read(self._redis, self._partition, self.position, stream.PAGE_ENTRIES)
        if self._entries != added - self._start.entries_added:
            raise Disturbed("a part of the log was trimmed before it was read")
        await asyncio.sleep(max(0.0, next_step - loop.time()))
        return replies

    def _hand_on(self, entry: Entry) -> None:
        self.position = entry.id
        self._entries += 1
        try:
            lines = parse_entry(entry).lines
        except (ValueError, KeyError):
            return  # no entry of this service; the archiver rejects it
        if b"healed" in fields_of(entry):
            raise Disturbed("lost events were submitted again")
        for line in lines:
            if not line:
                continue
            try:
                head, area, mode, user, _ = parse_line(line, 0, 0)
                kind = line_kind(head)
            except (ValueError, KeyError):
                continue
            if kind.events_name == EventKind.HEAL:
                raise Disturbed("a counter was corrected")
            if kind.delta:
                area_mode = area + b"|" + mode
                self._on_change(user + b"|" + area_mode, area_mode, kind.delta)
