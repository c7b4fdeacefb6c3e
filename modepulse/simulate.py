"""`modepulse simulate`: players who arrive, play, switch mode, leave, or crash without a LOGOUT."""

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from app.contract.samples import MODES
from modepulse.client import Client
from modepulse.progress import progress

TICK_SECONDS = 0.1
BATCH_EVENTS = 500
# What a playing user does next, as shares of all events; the rest are heartbeats.
LEAVE_SHARE, SWITCH_SHARE, CRASH_SHARE = 0.4, 0.2, 0.1

Event = dict[str, Any]
Counts = dict[str, dict[str, int]]


@dataclass
class _Player:
    name: str
    area: str = ""
    mode: str = ""
    last_event: float = 0.0

    @property
    def playing(self) -> bool:
        return bool(self.mode)


@dataclass
class World:
    """All players. The same seed makes the same events; `lease` is that of the service, in seconds.

    Of what playing users do next, `crash_share` are crashes.
    """

    seed: int
    users: int
    areas: int
    lease: float
    crash_share: float = CRASH_SHARE
    _crashed: list[_Player] = field(default_factory=list)
    _names: int = 0

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._players = [self._new_player() for _ in range(self.users)]
        self._codes = [str(101 + n) for n in range(self.areas)]
        # Zipf's law: the n-th area has 1/n of the first one's players. Modes likewise, each area with its own order.
        self._popularity = list(accumulate(1 / (n + 1) for n in range(self.areas)))
        self._mode_weights = list(accumulate(1 / (n + 1) for n in range(len(MODES))))
        self._favourites = {code: self._chance.sample(MODES, len(MODES)) for code in self._codes}

    def _new_player(self) -> _Player:
        self._names += 1
        return _Player(self.name_of(self._names))

    def name_of(self, number: int) -> str:
        """Of a player; the first number is 1."""
        return f"sim{self.seed}-{number}"

    def events(self, count: int, now: float) -> list[Event]:
        """The next `count` events or one more, as a switch makes two. `now` is in seconds, as in all methods."""
        events: list[Event] = []
        while len(events) < count:
            index = self._chance.randrange(self.users)
            player = self._players[index]
            fate = self._chance.random()
            if not player.playing:
                player.area, player.mode = self.choose_place()
                events.append(self._event(player, "LOGIN", now))
            elif fate < LEAVE_SHARE:
                events.append(self._event(player, "LOGOUT", now))
                player.mode = ""
            elif fate < LEAVE_SHARE + SWITCH_SHARE:
                events.append(self._event(player, "LOGOUT", now))
                player.mode = self._choose_mode(player.area)
                events.append(self._event(player, "LOGIN", now))
            elif fate < LEAVE_SHARE + SWITCH_SHARE + self.crash_share:
                # Sends nothing any more, and is counted until the lease ends. A new player takes over.
                self._crashed.append(player)
                self._players[index] = self._new_player()
            else:
                events.append(self._event(player, "HEARTBEAT", now))
        return events

    def expired(self, now: float) -> list[Event]:
        """EXPIRE of the players who crashed a lease ago; they are removed."""
        gone = [player for player in self._crashed if now - player.last_event >= self.lease]
        self._crashed = [player for player in self._crashed if now - player.last_event < self.lease]
        return [self._event(player, "EXPIRE", now) for player in gone]

    def end(self, now: float) -> list[Event]:
        """LOGOUT of all playing users, EXPIRE of all crashed ones."""
        events = [self._event(player, "LOGOUT", now) for player in self._players if player.playing]
        events += [self._event(player, "EXPIRE", now) for player in self._crashed]
        self._crashed.clear()
        for player in self._players:
            player.mode = ""
        return events

    def keep_alive(self, now: float) -> list[Event]:
        """Heartbeats of the playing users without an event for a third of the lease."""
        return [
            self._event(player, "HEARTBEAT", now)
            for player in self._players
            if player.playing and now - player.last_event > self.lease / 3
        ]

    def choose_place(self) -> tuple[str, str]:
        """Where a player who arrives plays: area and mode, the popular ones more often."""
        area = self._chance.choices(self._codes, cum_weights=self._popularity)[0]
        return area, self._choose_mode(area)

    def _choose_mode(self, area: str) -> str:
        return self._chance.choices(self._favourites[area], cum_weights=self._mode_weights)[0]

    def _event(self, player: _Player, name: str, now: float) -> Event:
        player.last_event = now
        return {
            "area_code": player.area,
            "multiplayer_mode": player.mode,
            "user_id": player.name,
            "events_name": name,
        }

    def counts(self, now: float) -> Counts:
        """The counts that the service must show now if it gets no other events: area -> mode -> players."""
        counts: Counter[tuple[str, str]] = Counter(
            (player.area, player.mode)
            for player in [*self._players, *self._crashed]
            if player.playing and now - player.last_event < self.lease
        )
        result: Counts = {}
        for (area, mode), count in sorted(counts.items(), key=lambda entry: (int(entry[0][0]), -entry[1], entry[0])):
            result.setdefault(area, {})[mode] = count
        return result


def simulate(client: Client, world: World, rate: float, duration: float, head_start: float = 0.0) -> Counts:
    """Posts `rate` events a second for `duration` seconds, those of the first `head_start` seconds at once.

    Returns the counts to be expected. Raises PostFailed.
    """
    start = time.monotonic() - head_start
    planned = round(rate * duration)
    sent = 0
    next_keep_alive = start + world.lease / 6
    with progress() as bar:
        task = bar.add_task("simulate", total=planned)
        while sent < planned:
            now = time.monotonic()
            due = min(planned, round(rate * (now - start))) - sent
            events = world.events(min(due, BATCH_EVENTS), now) if due > 0 else []
            if now > next_keep_alive:
                next_keep_alive = now + world.lease / 6
                events += world.keep_alive(now)
            if events:
                client.post(events)
                sent += len(events)
                bar.update(task, completed=min(sent, planned))
            if due < BATCH_EVENTS:
                time.sleep(TICK_SECONDS)
    return world.counts(time.monotonic())
