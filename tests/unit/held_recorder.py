"""A recorder whose answers the test gives when it likes: app.live.group_commit without Redis."""

import asyncio
from collections.abc import Callable

from app.contract.calls import ARGS_PER_EVENT
from app.live.submission import Group


class HeldRecorder:
    """Collects groups; each waits for `answer` or `lose`."""

    def __init__(self) -> None:
        self.lost = 0
        self.groups: list[Group] = []
        self._answers: list[asyncio.Future[str]] = []
        self._on_lost: list[Callable[[], None]] = []

    async def record(self, group: Group, on_lost: Callable[[], None]) -> str:
        self.groups.append(group)
        self._answers.append(asyncio.get_running_loop().create_future())
        self._on_lost.append(on_lost)
        return await self._answers[-1]

    def answer(self, call: int, error: Exception | None = None, letter: str = "a") -> None:
        if error is None:
            self._answers[call].set_result(letter * events_of(self.groups[call]))
        else:
            self._answers[call].set_exception(error)

    def lose(self, call: int) -> None:
        self.lost += 1
        self._on_lost[call]()


def events_of(group: Group) -> int:
    return len(group.script_args) // ARGS_PER_EVENT
