"""Asks beforehand whether what a request opens is allowed, where it takes several script calls to record it.

One call is all or nothing by itself. Of several, one may find too much when others are applied already: so the areas
are made known before the first. What slips through (somebody else was faster, or a user of many sessions) is refused
event by event.
"""

import time
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Protocol

from app.contract.area_mode import split_area_mode
from app.contract.calls import ARGS_PER_EVENT
from app.contract.keys import partition_of
from app.contract.outcome import EventKind, Outcome
from app.live.refusals import OverLimit
from app.settings import Settings

# Names asked about in one call: it holds Redis for about half a millisecond.
PAGE_NAMES = 500
MAX_REMEMBERED = 100_000


class Gate(Protocol):
    """What is asked in a partition: app.live.script_call."""

    async def admit(self, area_modes: list[str]) -> None:
        """Raises OverLimit, by index, where these areas and modes are more than is allowed."""


class NameAdmission:
    """One of an API process; `gates` are those of all partitions. Names that were admitted once are not asked again."""

    def __init__(self, gates: Sequence[Gate], settings: Settings) -> None:
        self._gates = gates
        self._max_modes = settings.max_modes_per_area
        self._max_sessions = settings.max_sessions_per_user
        self._lease_us = settings.lease_us
        self._admitted: set[str] = set()

    async def admit(self, script_args: list[str]) -> None:
        """Raises OverLimit, by position, where the events open more than is allowed; then nothing is applied."""
        users, area_modes = script_args[::ARGS_PER_EVENT], script_args[1::ARGS_PER_EVENT]
        crowded = len(users) - len(set(users)) >= self._max_sessions
        if self._admitted.issuperset(area_modes) and not crowded:
            return
        unknown = set(area_modes) - self._admitted
        opening = list(self._opening(script_args))
        if crowded:
            self._check_sessions(script_args, opening)
        first: dict[str, int] = {}
        for position in opening:
            if area_modes[position] in unknown:
                first.setdefault(area_modes[position], position)
        for partition, page in self._pages(sorted(first)):
            try:
                await self._gates[partition].admit(page)
            except OverLimit as error:
                raise OverLimit({first[page[index]]: limit for index, limit in error.refused.items()}) from error
        if len(self._admitted) + len(first) > MAX_REMEMBERED:
            self._admitted.clear()
        self._admitted.update(first)

    def _opening(self, script_args: list[str]) -> Iterator[int]:
        """The positions of the events that may open a session: no log-outs, and none that is too late."""
        earliest = time.time_ns() // 1000 - self._lease_us
        kinds, stamps = script_args[2::ARGS_PER_EVENT], script_args[3::ARGS_PER_EVENT]
        for position, (kind, stamp) in enumerate(zip(kinds, stamps, strict=True)):
            if kind != EventKind.LOGOUT and (not stamp or int(stamp) > earliest):
                yield position

    def _check_sessions(self, script_args: list[str], opening: list[int]) -> None:
        """Raises OverLimit for a user who has too many in these events alone."""
        sessions: dict[str, set[str]] = {}
        refused = {}
        for position in opening:
            user, area_mode = script_args[position * ARGS_PER_EVENT : position * ARGS_PER_EVENT + 2]
            held = sessions.setdefault(user, set())
            if len(held) < self._max_sessions:
                held.add(area_mode)
            elif area_mode not in held:
                refused[position] = Outcome.TOO_MANY_SESSIONS
        if refused:
            raise OverLimit(refused)

    def _pages(self, area_modes: list[str]) -> Iterator[tuple[int, list[str]]]:
        """(partition, names to ask about together): the modes of an area are in one page, those above its limit too."""
        pages: dict[int, list[str]] = {}
        for area, names in groupby(area_modes, lambda area_mode: split_area_mode(area_mode)[0]):
            partition = partition_of(area, len(self._gates))
            page = pages.setdefault(partition, [])
            page += list(names)[: self._max_modes + 1]
            if len(page) >= PAGE_NAMES:
                yield partition, pages.pop(partition)
        yield from pages.items()
