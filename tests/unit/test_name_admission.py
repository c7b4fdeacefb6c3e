"""What is asked before the first call of a request of several, and how its parts are put together."""

import asyncio
import time
from typing import Any, cast

import pytest

from app.contract.keys import partition_of
from app.contract.outcome import Outcome
from app.live import name_admission as module
from app.live.group_commit import GroupCommit
from app.live.ingest import Ingest
from app.live.limits import limits_of_partition
from app.live.name_admission import NameAdmission
from app.live.refusals import OverLimit
from app.live.submission import CALL_EVENTS
from app.settings import Settings


class RecordedGate:
    """Notes what it is asked about, and refuses the area that it is told to."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.full = ""

    async def admit(self, area_modes: list[str]) -> None:
        self.asked.append(area_modes)
        over = {n: Outcome.TOO_MANY_AREAS for n, name in enumerate(area_modes) if name.split("|")[0] == self.full}
        if over:
            raise OverLimit(over)


def script_args(*events: tuple[str, str] | tuple[str, str, str] | tuple[str, str, str, str]) -> list[str]:
    return [arg for user, area_mode, *more in events for arg in (user, area_mode, *more, *("LOGIN", "")[len(more) :])]


@pytest.fixture
def gate() -> RecordedGate:
    return RecordedGate()


def test_names_are_asked_about_once_sorted_and_never_again(gate: RecordedGate) -> None:
    admission = NameAdmission([gate], Settings())
    events = script_args(("u", "2|b"), ("v", "1|a"), ("u", "2|a"), ("w", "2|b"))
    for _ in range(2):
        asyncio.run(admission.admit(events))
    asyncio.run(admission.admit([*events, *script_args(("u", "3|a"))]))
    assert gate.asked == [["1|a", "2|a", "2|b"], ["3|a"]]


def test_refusal_names_the_first_event_of_each_and_is_asked_again(gate: RecordedGate) -> None:
    admission = NameAdmission([gate], Settings())
    gate.full = "2"
    for _ in range(2):
        with pytest.raises(OverLimit) as raised:
            asyncio.run(admission.admit(script_args(("u", "1|a"), ("u", "2|b"), ("v", "2|b"), ("v", "2|a"))))
        assert raised.value.refused == dict.fromkeys((1, 3), Outcome.TOO_MANY_AREAS)
    assert len(gate.asked) == 2


def test_events_that_open_nothing_are_not_asked_about(gate: RecordedGate) -> None:
    late = str(time.time_ns() // 1000 - 901_000_000)
    events = script_args(("u", "1|a", "LOGOUT"), ("u", "2|a", "LOGIN", late), ("u", "3|a", "HEARTBEAT"))
    asyncio.run(NameAdmission([gate], Settings()).admit(events))
    assert gate.asked == [["3|a"]]


def test_modes_of_an_area_are_asked_about_together(gate: RecordedGate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE_NAMES", 3)
    names = [f"{area}|{mode}" for area, modes in (("a", "12"), ("b", "1234567"), ("c", "1")) for mode in modes]
    admission = NameAdmission([gate], Settings(max_modes_per_area=4))
    asyncio.run(admission.admit(script_args(*((f"u{n}", name) for n, name in enumerate(names)))))
    assert gate.asked == [["a|1", "a|2", "b|1", "b|2", "b|3", "b|4", "b|5"], ["c|1"]], "one above the limit is enough"


def test_user_of_too_many_sessions_in_one_request(gate: RecordedGate) -> None:
    admission = NameAdmission([gate], Settings(max_sessions_per_user=3))
    events = script_args(*(("u", f"{n % 4}|a") for n in range(8)), ("v", "9|a"))
    with pytest.raises(OverLimit) as raised:
        asyncio.run(admission.admit(events))
    assert raised.value.refused == dict.fromkeys((3, 7), Outcome.TOO_MANY_SESSIONS)
    asyncio.run(admission.admit(script_args(*(("u", f"{n % 3}|a") for n in range(9)))))


class RecordedCommit:
    """A GroupCommit of which the events and the permission to skip are known."""

    def __init__(self) -> None:
        self.submitted: list[tuple[list[str], bool]] = []

    async def submit(self, script_args: list[str], key: Any, skip: bool = False) -> str:
        self.submitted.append((script_args[::4], skip))
        return "".join(user[-1] for user in script_args[::4])


def areas_of(partition: int, count: int) -> list[str]:
    return [str(n) for n in range(100) if partition_of(str(n), 2) == partition][:count]


@pytest.mark.parametrize(
    ("partitions", "events", "asked"),
    [(1, CALL_EVENTS, False), (1, CALL_EVENTS + 1, True), (2, 2, True)],
)
def test_request_of_several_calls_is_asked_about(gate: RecordedGate, partitions: int, events: int, asked: bool) -> None:
    gates, commits = [gate] * partitions, [RecordedCommit() for _ in range(partitions)]
    ingest = Ingest(cast("list[GroupCommit]", commits), NameAdmission(gates, Settings()))
    (here,), (there,) = areas_of(0, 1), areas_of(1, 1)
    args = script_args(*((f"u{n % 10}", f"{(here, there)[n % 2]}|a") for n in range(events)))
    assert asyncio.run(ingest.record(args)) == "".join(str(n % 10) for n in range(events))
    assert bool(gate.asked) == asked
    # Once one of several partitions has applied its part, the others can only refuse event by event.
    assert {skip for commit in commits for _, skip in commit.submitted} == {partitions > 1}
    gate.asked.clear()
    asyncio.run(ingest.record(args, skip=True))
    assert not gate.asked


def test_request_of_one_partition_of_several_is_all_or_nothing(gate: RecordedGate) -> None:
    commits = [RecordedCommit(), RecordedCommit()]
    ingest = Ingest(cast("list[GroupCommit]", commits), NameAdmission([gate, gate], Settings()))
    asyncio.run(ingest.record(script_args(*((f"u{n}", f"{area}|a") for n, area in enumerate(areas_of(1, 3))))))
    assert commits[1].submitted == [(["u0", "u1", "u2"], False)]
    assert not gate.asked


def test_what_counts_for_all_is_shared_out_over_the_partitions() -> None:
    settings = Settings(partitions=3, max_areas=10, new_areas_per_minute=3, max_idempotency_keys=2)
    limits = limits_of_partition(settings)
    assert (limits.areas, limits.new_areas, limits.answers) == (4, 1, 1)
    assert (limits.modes, limits.sessions) == (1000, 100)
