"""The steps of a history: aligned, none in the future, not too many."""

import time

import pytest

from app.api.history import Steps, _filled
from app.bounds import DEFAULT_STEPS, MAX_STEPS
from app.errors import InvalidRequest
from tests.http_client import request


def steps(query: str = "") -> range:
    return Steps(request(query)).starts


def test_steps_are_aligned_and_cover_what_is_asked_for() -> None:
    assert list(steps("from=61&to=179")) == [60, 120]
    assert list(steps("from=60&to=180")) == [60, 120]
    assert list(steps("from=59&to=181")) == [0, 60, 120, 180]
    assert list(steps("from=61&to=3601&step=3600")) == [0, 3600]
    assert list(steps("from=60&to=60")) == []


def test_by_default_they_are_the_last_ones_until_now() -> None:
    before = time.time()
    starts = steps()
    assert len(starts) == DEFAULT_STEPS
    assert before <= starts.stop <= time.time() + 60
    assert len(steps("step=86400")) == DEFAULT_STEPS
    assert list(steps("to=120")) == [0, 60], "not before 1970"


def test_none_is_in_the_future() -> None:
    now = time.time()
    assert steps(f"from={now - 100}&to={now + 10_000}").stop <= time.time() + 60
    assert list(steps(f"from={now + 1000}&to={now + 2000}")) == []


def test_too_many_are_refused() -> None:
    assert len(steps(f"from=0&to={MAX_STEPS * 60}")) == MAX_STEPS
    for query, code in (
        (f"from=0&to={MAX_STEPS * 60 + 1}", "too_many"),
        ("step=90", "range"),
        ("step=0", "range"),
    ):
        with pytest.raises(InvalidRequest) as raised:
            steps(query)
        (fault,) = raised.value.errors
        assert (fault["loc"], fault["code"]) == (["query", "step"], code)


@pytest.mark.parametrize(
    ("rows", "last", "peak"),
    [
        ([], [0, 0, 0], [0, 0, 0]),
        ([(0, 4, 4)], [4, 4, 4], [4, 4, 4]),  # of the step before: what the first one starts with
        ([(60, 2, 5)], [2, 2, 2], [5, 2, 2]),
        ([(120, 1, 1), (180, 0, 3)], [0, 1, 0], [0, 1, 3]),
        ([(0, 4, 4), (180, 7, 9)], [4, 4, 7], [4, 4, 9]),
    ],
)
def test_a_count_lasts_until_it_changes(rows: list[tuple[int, int, int]], last: list[int], peak: list[int]) -> None:
    changes = [{"at": at, "last": count, "peak": highest} for at, count, highest in rows]
    starts = range(60, 240, 60)
    assert list(_filled(iter(changes), starts, False)) == last
    assert list(_filled(iter(changes), starts, True)) == peak
