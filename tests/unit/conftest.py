"""A group commit whose recorder is a stand-in, for all tests of queue and grouping."""

import pytest

from app.live.group_commit import GroupCommit
from tests.unit.held_recorder import HeldRecorder


@pytest.fixture
def recorder() -> HeldRecorder:
    return HeldRecorder()


@pytest.fixture
def commits(recorder: HeldRecorder) -> GroupCommit:
    return GroupCommit(recorder, queue_events=1000, write_deadline_seconds=5)
