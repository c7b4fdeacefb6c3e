"""A partition that is read in steps, and what another client does to it in between."""

from collections.abc import Callable
from typing import Any

import pytest

from app.contract.calls import RecordCall
from app.contract.log import LOG_START
from app.contract.token import new_token
from archiver import stream
from archiver.live_state import LiveState, read_live_state
from archiver.log_follower import LogFollower
from lua import expire_sessions, heal_events, record_events
from tests.script_harness import ScriptHarness

LEASE_US = 900_000_000
# user, "area|mode", kind, microseconds or "" for its arrival
Event = tuple[str, str, str, str]
# Called before each step with its number and its commands.
Act = Callable[[int, tuple[stream.Command, ...]], None]


class Bystander:
    """Another client of the same partition: it does something between the steps of the one that reads."""

    def __init__(self, engine: ScriptHarness, client: Any) -> None:
        self.keys = engine.keys
        self.client = client

    def record(self, events: list[Event]) -> None:
        token = new_token()
        call = RecordCall(token, LEASE_US, 1, token, 60)
        self._run(record_events, call.keys(self.keys), call.args("epoch", [word for event in events for word in event]))

    def expire(self) -> None:
        while self.expire_some(200):
            pass

    def expire_some(self, limit: int) -> int:
        names = [self.keys.epoch, self.keys.events, self.keys.areas, self.keys.expiry, self.keys.mode_players]
        looked_at: int = self._run(expire_sessions, names, ["epoch", new_token(), LEASE_US, 1, limit])
        return looked_at

    def heal(self) -> None:
        names = [self.keys.epoch, self.keys.events, self.keys.areas, self.keys.expiry, self.keys.mode_players]
        self._run(heal_events, names, ["epoch", new_token(), LEASE_US, 1, "0" * 32, "ann", "1|duel", "LOGIN", "1", 1])

    def _run(self, script: Any, names: list[str], args: list[Any]) -> Any:
        return self.client.eval(script.source, len(names), *names, *args)


def read(engine: ScriptHarness) -> LiveState:
    """What is found, from the log's present end on."""
    partition = engine.keys.partition
    start = engine.do(stream.read(engine.redis, partition, LOG_START, 1))
    state: LiveState = engine.do(read_live_state(engine.redis, partition, start, lambda _: None))
    return state


def between_steps(monkeypatch: pytest.MonkeyPatch, act: Act) -> None:
    """Calls `act` before each step."""
    observe, steps = LogFollower.observe, [0]

    async def observe_later(self: LogFollower, *commands: stream.Command) -> list[Any]:
        act(steps[0], commands)
        steps[0] += 1
        return await observe(self, *commands)

    monkeypatch.setattr(LogFollower, "observe", observe_later)
