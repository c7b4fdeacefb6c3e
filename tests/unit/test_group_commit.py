"""Queue and grouping, without Redis: the recorder is a stand-in whose answers the test holds back."""

import asyncio

import pytest

from app.contract.calls import ARGS_PER_EVENT
from app.errors import InvalidRequest, Unavailable
from app.live import group_commit as module
from app.live.group_commit import GroupCommit
from app.live.refusals import key_reused, out_of_memory, outcome_unknown
from app.live.submission import CALL_EVENTS, RequestKey
from tests.unit.held_recorder import HeldRecorder, args_of, events_of, finished, submit, turns

KEY = RequestKey("name", "fingerprint", 60)


async def test_requests_that_arrive_during_a_call_share_the_next_one(
    commits: GroupCommit, recorder: HeldRecorder
) -> None:
    first = submit(commits, "first")
    await turns()
    later = [submit(commits, f"u{n}") for n in range(20)]
    await turns()
    assert [events_of(group) for group in recorder.groups] == [1]
    recorder.answer(0)
    await turns()
    assert [events_of(group) for group in recorder.groups] == [1, 20]
    assert recorder.groups[1].script_args[::ARGS_PER_EVENT] == [f"u{n}" for n in range(20)]
    recorder.answer(1)
    assert await finished(first, *later) == ["a"] * 21
    assert commits.accepted == 21


async def test_full_groups_go_beside_a_call_up_to_a_limit(
    commits: GroupCommit, recorder: HeldRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LIGHT_LOAD_EVENTS", 0)
    tasks = [submit(commits, f"u{n}", CALL_EVENTS) for n in range(module.MAX_CALLS + 1)]
    await turns()
    assert len(recorder.groups) == module.MAX_CALLS
    assert len(tasks) == module.MAX_CALLS + 1
    for call in range(len(tasks)):
        recorder.answer(call)
        await turns()
    assert [len(outcomes) for outcomes in await finished(*tasks)] == [CALL_EVENTS] * len(tasks)


async def test_each_answer_holds_the_outcomes_of_its_own_events(commits: GroupCommit, recorder: HeldRecorder) -> None:
    blocker = submit(commits, "blocker")
    await turns()
    one, two = submit(commits, "one", 2), submit(commits, "two", 3)
    await turns()
    recorder.answer(0)
    await turns()
    recorder._answers[1].set_result("arsld")
    assert (await one, await two, await blocker) == ("ar", "sld", "a")


async def test_large_request_is_applied_in_order_and_marked_as_continued(
    commits: GroupCommit, recorder: HeldRecorder
) -> None:
    task = submit(commits, "u", 250, KEY)
    for call in range(3):
        await turns()
        recorder.answer(call)
    assert await finished(task) == ["a" * 250]
    assert [events_of(group) for group in recorder.groups] == [100, 100, 50]
    assert [group.part for group in recorder.groups] == [0, 1, 2]
    assert [group.continues for group in recorder.groups] == [False, True, True]


async def test_request_with_a_key_shares_no_call(commits: GroupCommit, recorder: HeldRecorder) -> None:
    tasks = [submit(commits, "blocker")]
    await turns()
    tasks += [submit(commits, "a"), submit(commits, "keyed", 1, KEY), submit(commits, "b")]
    for call in range(4):
        await turns()
        recorder.answer(call)
    await finished(*tasks)
    assert [group.script_args[0] for group in recorder.groups] == ["blocker", "a", "keyed", "b"]
    assert [group.key for group in recorder.groups] == [None, None, KEY, None]


async def test_light_load_makes_smaller_calls_but_never_for_a_key(commits: GroupCommit, recorder: HeldRecorder) -> None:
    plain = submit(commits, "plain", 120)
    await turns()
    keyed = submit(commits, "keyed", 50, KEY)
    for call in range(5):
        await turns()
        recorder.answer(call)
    await finished(plain, keyed)
    sizes = sorted((group.key is not None, events_of(group)) for group in recorder.groups)
    assert sizes == [(False, 24), *[(False, module.LIGHT_LOAD_CALL_EVENTS)] * 3, (True, 50)]


async def test_small_request_is_one_call_at_any_load(commits: GroupCommit, recorder: HeldRecorder) -> None:
    """So that a limit refuses all of it or nothing; the next request waits if it does not fit."""
    tasks = [submit(commits, "blocker")]
    await turns()
    tasks += [submit(commits, "a", 20), submit(commits, "b", 20), submit(commits, "c", CALL_EVENTS)]
    for call in range(4):
        await turns()
        recorder.answer(call)
    await finished(*tasks)
    assert [events_of(group) for group in recorder.groups] == [1, 20, 20, CALL_EVENTS]


async def test_slow_calls_are_full_ones_even_at_light_load(
    commits: GroupCommit, recorder: HeldRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LIGHT_LOAD_SECONDS", -1.0)
    task = submit(commits, "u", 50)
    await turns()
    recorder.answer(0)
    await task
    assert [events_of(group) for group in recorder.groups] == [50]


async def test_those_behind_a_lost_call_are_refused_at_once_but_not_what_was_begun(
    commits: GroupCommit, recorder: HeldRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_CALLS", 1)
    begun = submit(commits, "begun", 150, KEY)
    await turns()
    lost = submit(commits, "lost")
    await turns()
    recorder.answer(0)
    await turns()
    waiting = submit(commits, "waiting")
    await turns()
    assert [group.script_args[0] for group in recorder.groups] == ["begun", "lost"], "the rest of begun is queued"
    recorder.lose(1)
    for refused in (waiting, submit(commits, "newcomer")):
        with pytest.raises(Unavailable, match="nothing was applied"):
            await finished(refused)
    recorder.lost = 0
    recorder.answer(1)
    await turns()
    recorder.answer(2)
    assert await finished(begun, lost) == ["a" * 150, "a"]


async def test_error_after_an_earlier_part_says_that_it_was_applied(
    commits: GroupCommit, recorder: HeldRecorder
) -> None:
    task = submit(commits, "u", 150, KEY)
    await turns()
    recorder.answer(0)
    await turns()
    recorder.answer(1, out_of_memory())
    with pytest.raises(Unavailable) as raised:
        await task
    assert raised.value.code == "partly_applied"


@pytest.mark.parametrize("error", [out_of_memory(), outcome_unknown(), key_reused()])
async def test_all_of_a_group_hear_its_error(
    commits: GroupCommit, recorder: HeldRecorder, error: Unavailable | InvalidRequest
) -> None:
    blocker = submit(commits, "blocker")
    await turns()
    tasks = [submit(commits, "a"), submit(commits, "b")]
    await turns()
    recorder.answer(0)
    await turns()
    recorder.answer(1, error)
    assert await asyncio.gather(*tasks, return_exceptions=True) == [error, error]
    assert await blocker == "a"


async def test_unforeseen_error_answers_outcome_unknown(commits: GroupCommit, recorder: HeldRecorder) -> None:
    task = submit(commits, "u")
    await turns()
    recorder.answer(0, ZeroDivisionError())
    with pytest.raises(Unavailable) as raised:
        await task
    assert raised.value.code == "outcome_unknown"


async def test_full_queue_refuses_but_a_large_request_alone_is_taken(recorder: HeldRecorder) -> None:
    commits = GroupCommit(recorder, queue_events=10, write_deadline_seconds=5)
    large = submit(commits, "large", 30, KEY)
    await turns()
    with pytest.raises(Unavailable) as raised:
        await commits.submit(args_of("u", 1))
    assert raised.value.code == "queue_full"
    recorder.answer(0)
    await large
    late = submit(commits, "late")
    await turns()
    recorder.answer(1)
    assert await late == "a"


async def test_full_memory_refuses(commits: GroupCommit) -> None:
    commits.memory_full = True
    with pytest.raises(Unavailable) as raised:
        await commits.submit(args_of("u", 1))
    assert raised.value.code == "memory_full"


async def test_cancelled_request_is_applied_and_drain_waits_for_it(
    commits: GroupCommit, recorder: HeldRecorder
) -> None:
    task = submit(commits, "u")
    await turns()
    task.cancel()
    draining = asyncio.create_task(commits.drain())
    await turns()
    assert not draining.done()
    recorder.answer(0)
    await draining
    assert commits.accepted == 1
