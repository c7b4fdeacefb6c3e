"""Who is refused where events open more than is allowed: their own request, and nobody else."""

import asyncio

import pytest

from app.contract.calls import ARGS_PER_EVENT, FAR_AHEAD
from app.contract.outcome import Outcome
from app.live.group_commit import GroupCommit
from app.live.refusals import OverLimit
from app.live.submission import RequestKey
from tests.unit.held_recorder import HeldRecorder, args_of, finished, submit, turns

KEY = RequestKey("name", "fingerprint", 60)


def over(*positions: int) -> OverLimit:
    return OverLimit(dict.fromkeys(positions, Outcome.TOO_MANY_AREAS))


async def test_only_the_request_with_events_over_a_limit_is_refused(
    commits: GroupCommit, recorder: HeldRecorder
) -> None:
    blocker = submit(commits, "blocker")
    await turns()
    good, bad, other = submit(commits, "good", 2), submit(commits, "bad", 3), submit(commits, "other")
    await turns()
    recorder.answer(0)
    await turns()
    recorder.answer(1, over(3, 4))
    await turns()
    assert recorder.groups[2].script_args[::ARGS_PER_EVENT] == ["good", "good", "other"]
    recorder.answer(2)
    assert await finished(blocker, good, other) == ["a", "aa", "a"]
    with pytest.raises(OverLimit) as raised:
        await bad
    assert raised.value.refused == dict.fromkeys((1, 2), Outcome.TOO_MANY_AREAS)
    assert (raised.value.status, raised.value.code) == (422, "too_many_areas")
    assert commits.accepted == 4


@pytest.mark.parametrize("skip", [True, False])
async def test_events_over_a_limit_are_refused_alone_where_others_may_be_applied(
    commits: GroupCommit, recorder: HeldRecorder, skip: bool
) -> None:
    """Because the request asks for it, or because it is too late to refuse all of it."""
    task = asyncio.create_task(commits.submit(args_of("u", 150), KEY, skip))
    await turns()
    recorder.answer(0)
    await turns()
    recorder.answer(1, over(7))
    await turns()
    refused = recorder.groups[2].script_args[7 * ARGS_PER_EVENT : 8 * ARGS_PER_EVENT]
    assert refused == ["u", "1|m107", "A", FAR_AHEAD]
    recorder._answers[2].set_result("a" * 7 + "A" + "a" * 42)
    assert await task == "a" * 107 + "A" + "a" * 42
    assert recorder.groups[1].part == recorder.groups[2].part == 1
