"""How many events wait for the archive."""

from app.contract.log import LOG_START, StreamId
from app.live.backlog import MAX_MARKS, PEEK_ENTRIES, Backlog, Mark

FULL = [3] * PEEK_ENTRIES


def at(second: float) -> StreamId:
    return StreamId(round(second * 1000), 0)


def test_few_are_counted() -> None:
    assert Backlog().events(Mark(at(9), 900), at(8), []) == 0
    assert Backlog().events(Mark(at(9), 900), at(8), [1, 4, 2]) == 7


def test_many_are_the_entries_since_the_archived_one() -> None:
    backlog = Backlog()
    for second in range(100):
        backlog.events(Mark(at(second), 10 * second), at(second), [])
    # The archive stands still from second 40 on; ten entries a second, of three events.
    backlog = Backlog()
    for second in range(100):
        events = backlog.events(Mark(at(second), 10 * second), at(min(second, 40)), FULL if second > 40 else [])
    assert events == 10 * (99 - 40) * 3


def test_between_two_marks_it_goes_by_the_time() -> None:
    backlog = Backlog()
    backlog.events(Mark(at(10), 1000), at(10), [])
    assert backlog.events(Mark(at(20), 2000), at(15), FULL) == 500 * 3


def test_a_process_that_has_not_seen_the_archive_move_counts_what_it_saw() -> None:
    backlog = Backlog()
    assert backlog.events(Mark(at(10), 1000), LOG_START, FULL) == PEEK_ENTRIES * 3
    assert backlog.events(Mark(at(20), 2000), LOG_START, FULL) == 1000 * 3


def test_another_log_is_another_count() -> None:
    backlog = Backlog()
    backlog.events(Mark(at(10), 5000), at(10), [])
    assert backlog.events(Mark(at(5), 20), LOG_START, FULL) == PEEK_ENTRIES * 3
    assert backlog.events(Mark(at(6), 120), LOG_START, FULL) == 100 * 3


def test_days_without_an_archive_take_no_more_memory() -> None:
    backlog = Backlog()
    backlog.events(Mark(at(0), 0), at(0), [])
    for second in range(1, 50_000):
        events = backlog.events(Mark(at(second), second), at(0), FULL)
    assert events == 49_999 * 3
    assert len(backlog._marks) <= MAX_MARKS + 1
    assert backlog.events(Mark(at(50_000), 50_000), at(25_000), FULL) == 25_000 * 3
