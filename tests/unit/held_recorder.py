"""A recorder whose answers the test gives when it likes: app.live.group_commit without Redis."""

import asyncio
from collections.abc import Callable

from app.contract.calls import ARGS_PER_EVENT
from app.live.group_commit import GroupCommit
from app.live.submission import Group, RequestKey


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


def args_of(user: str, events: int) -> list[str]:
    return [value for n in range(events) for value in (user, f"1|m{n}", "LOGIN", "")]


async def finished(*tasks: "asyncio.Task[str]") -> list[str]:
    async with asyncio.timeout(5):
        return await asyncio.gather(*tasks)


async def turns() -> None:
    """Lets everything that is ready run."""
    for _ in range(5):
        await asyncio.sleep(0)


def submit(commits: GroupCommit, user: str, events: int = 1, key: RequestKey | None = None) -> "asyncio.Task[str]":
    return asyncio.create_task(commits.submit(args_of(user, events), key))
