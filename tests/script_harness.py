"""The scripts on a partition of their own, called from tests that are not coroutines."""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha1
from typing import Any
from unittest.mock import patch

from fakeredis import FakeAsyncRedis
from redis.asyncio import Redis

from app.contract.area_mode import join_area_mode
from app.contract.calls import ARGS_PER_EVENT, UNLIMITED, Limits, RecordCall
from app.contract.keys import Keys
from app.contract.log import Entry, Row, decode, parse_stream_id
from app.contract.token import new_token
from app.contract.totals import count_log
from archiver import recount
from lua import Script, add_totals, expire_sessions, record_events, set_totals

LEASE_US = 3_600_000_000
_partitions = itertools.count(1)


def without_shebang(script: Script) -> Script:
    """The script for fakeredis, which rejects the `#!lua` line."""
    source = "\n" + script.source.partition("\n")[2]
    return replace(script, source=source, sha=sha1(source.encode()).hexdigest())


class ScriptHarness:
    """One partition of one server. Events are (user, "area|mode", kind, microseconds or "")."""

    def __init__(self, port: int | None) -> None:
        self._runner = asyncio.Runner()
        self.redis: Any
        if port is None:
            self.redis = FakeAsyncRedis(protocol=2)
        else:
            self.redis = Redis(port=port, protocol=2)
        self._fake = port is None
        self.fresh()

    def fresh(self) -> None:
        """Moves on to an unused partition, opened."""
        self.keys = Keys(next(_partitions))
        self.do(self.redis.set(self.keys.epoch, "epoch"))

    def do(self, awaitable: Any) -> Any:
        """Runs a coroutine and returns its result."""

        async def run() -> Any:
            return await awaitable

        return self._runner.run(run())

    def close(self) -> None:
        """Ends the connection and the event loop."""
        self.do(self.redis.aclose())
        self._runner.close()

    def record(
        self,
        events: Sequence[tuple[str, str, str, str]],
        token: str = "",
        call: str = "",
        epoch: str = "epoch",
        fingerprint: str = "",
        lease_us: int = LEASE_US,
        limits: Limits = UNLIMITED,
    ) -> str:
        """Applies events; returns their outcome letters (app.contract.outcome). `call` names the key of the answer."""
        token = token or new_token()
        script_args = [value for event in events for value in event]
        assert len(script_args) == len(events) * ARGS_PER_EVENT
        record = RecordCall(token, lease_us, 1, call or token, 60, fingerprint, limits)
        outcomes: bytes = self.run(record_events, record.keys(self.keys), record.args(epoch, script_args))
        return outcomes.decode()

    def script(self, script: Script) -> Script:
        """As this server takes it."""
        return without_shebang(script) if self._fake else script

    def run(self, script: Script, keys: Sequence[str], args: Sequence[str | int]) -> Any:
        """The script's reply."""
        return self.do(self.script(script)(self.redis, keys, args))

    def expire(self, lease_us: int, width: int = 1, limit: int = 200) -> None:
        """Ends the sessions whose lease is over."""
        names = [self.keys.epoch, self.keys.events, self.keys.areas, self.keys.expiry, self.keys.mode_players]
        while self.run(expire_sessions, names, ["epoch", new_token(), lease_us, width, limit]):
            pass

    def count(self) -> None:
        """Counts the totals up to the log's end."""
        assert self.do(count_log(self.redis, self.keys, self.script(add_totals), 1000))

    def recount(self) -> None:
        """Counts the totals anew."""
        with patch.object(recount, "set_totals", self.script(set_totals)):
            self.do(recount.recount(self.redis, self.keys))

    def totals(self) -> tuple[dict[str, int], dict[str, int], int]:
        """(players by area, players by mode, all players) as they are counted; without modes that have none."""
        by_area, by_mode = (
            {name.decode(): int(n) for name, n in self.do(self.redis.zrange(key, 0, -1, withscores=True)) if n}
            for key in (self.keys.area_players, self.keys.mode_players)
        )
        return by_area, by_mode, int(self.do(self.redis.hget(self.keys.totals, "players")) or 0)

    def counters(self) -> dict[str, int]:
        """area|mode -> players, of all areas in Redis."""
        counters = {}
        prefix = self.keys.area("")
        for key in self.do(self.redis.keys(prefix.replace("[", "\\[") + "*")):
            for mode, count in self.do(self.redis.zrange(key, 0, -1, withscores=True)):
                counters[key.decode().removeprefix(prefix) + "|" + mode.decode()] = int(count)
        return counters

    def sessions(self) -> dict[str, int]:
        """user|area|mode -> the signed time, in microseconds, that is the session's state."""
        sessions = {}
        prefix = self.keys.user("")
        for key in self.do(self.redis.keys(prefix + "*")):
            for area_mode, state in self.do(self.redis.zrange(key, 0, -1, withscores=True)):
                sessions[key.decode().removeprefix(prefix) + "|" + area_mode.decode()] = int(state)
        return sessions

    def everything(self) -> dict[bytes, bytes]:
        """All keys of the partition as the server would dump them."""
        names = self.do(self.redis.keys(self.keys.tag + "*"))
        return {name: self.do(self.redis.dump(name)) for name in names}

    def log(self) -> list[Row]:
        """The events logged so far, decoded as the archiver does."""
        entries = self.do(self.redis.xrange(self.keys.events))
        rows, rejects = decode(
            0, [Entry(parse_stream_id(at), [x for pair in fields.items() for x in pair]) for at, fields in entries]
        )
        assert not rejects
        return rows

    def logged_counters(self) -> dict[str, int]:
        """The counters as the log's deltas add up to them."""
        sums: dict[str, int] = {}
        for row in self.log():
            area_mode = join_area_mode(row.area_code, row.multiplayer_mode)
            sums[area_mode] = sums.get(area_mode, 0) + row.delta
        return {area_mode: total for area_mode, total in sums.items() if total}
