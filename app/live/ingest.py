"""Events on their way to the partitions that hold their areas."""

import asyncio
from collections.abc import Sequence

from app.contract.area_mode import split_area_mode
from app.contract.calls import ARGS_PER_EVENT
from app.contract.keys import partition_of
from app.errors import InvalidRequest, Unavailable
from app.live.group_commit import GroupCommit
from app.live.name_admission import NameAdmission
from app.live.refusals import partly_applied
from app.live.submission import CALL_EVENTS, RequestKey


class Ingest:
    """Hands events to the group commits of their partitions, and puts the outcomes together in the events' order."""

    def __init__(self, group_commits: Sequence[GroupCommit], admission: NameAdmission) -> None:
        self._group_commits = group_commits
        self._admission = admission

    async def record(self, script_args: list[str], key: RequestKey | None = None, skip: bool = False) -> str:
        """One outcome letter per event, in order. `skip`: events over a limit are refused alone, by their letter.

        Raises OverLimit, Unavailable or InvalidRequest.
        """
        if not script_args:
            return ""
        small = len(script_args) <= CALL_EVENTS * ARGS_PER_EVENT
        if len(self._group_commits) == 1:
            if not (small or skip):
                await self._admission.admit(script_args)
            return await self._group_commits[0].submit(script_args, key, skip)
        parts, positions = self._parts(script_args)
        several = len(parts) > 1
        if not skip and (several or not small):
            await self._admission.admit(script_args)
        if not several:
            ((partition, part),) = parts.items()
            return await self._group_commits[partition].submit(part, key, skip)
        answers = await asyncio.gather(
            *(self._group_commits[p].submit(part, key, skip=True) for p, part in parts.items()), return_exceptions=True
        )
        outcomes = [""] * (len(script_args) // ARGS_PER_EVENT)
        for partition, answer in zip(parts, answers, strict=True):
            if isinstance(answer, Unavailable | InvalidRequest):
                raise partly_applied(answer) if any(isinstance(other, str) for other in answers) else answer
            if isinstance(answer, BaseException):
                raise answer
            for position, outcome in zip(positions[partition], answer, strict=True):
                outcomes[position] = outcome
        return "".join(outcomes)

    def _parts(self, script_args: list[str]) -> tuple[dict[int, list[str]], dict[int, list[int]]]:
        """(the script arguments, the events' positions in the request) by partition."""
        parts: dict[int, list[str]] = {}
        positions: dict[int, list[int]] = {}
        for start in range(0, len(script_args), ARGS_PER_EVENT):
            partition = partition_of(split_area_mode(script_args[start + 1])[0], len(self._group_commits))
            parts.setdefault(partition, []).extend(script_args[start : start + ARGS_PER_EVENT])
            positions.setdefault(partition, []).append(start // ARGS_PER_EVENT)
        return parts, positions

    async def drain(self) -> None:
        """Waits until everything recorded has its outcome."""
        await asyncio.gather(*(group_commit.drain() for group_commit in self._group_commits))
