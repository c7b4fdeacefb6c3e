"""The watchdog's clock: what counts as a success, and what only stops it."""

from archiver.watchdog import LIMIT_SECONDS, Watchdog


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def watchdog() -> tuple[Watchdog, Clock]:
    clock = Clock()
    return Watchdog("", clock), clock


def test_a_minute_without_success_is_too_long() -> None:
    dog, clock = watchdog()
    clock.now += LIMIT_SECONDS
    assert not dog.overdue()
    clock.now += 1
    assert dog.overdue()
    dog.succeeded()
    assert not dog.overdue()


def test_a_pause_may_take_any_time() -> None:
    dog, clock = watchdog()
    with dog.paused():
        clock.now += 10 * LIMIT_SECONDS
        assert not dog.overdue()
    assert not dog.overdue()
    clock.now += LIMIT_SECONDS + 1
    assert dog.overdue()


def test_pauses_are_no_successes() -> None:
    dog, clock = watchdog()
    for _ in range(3):
        clock.now += LIMIT_SECONDS / 2
        with dog.paused():
            clock.now += 1
    assert dog.overdue()


def test_a_success_during_a_pause_counts_from_then_at_most() -> None:
    dog, clock = watchdog()
    with dog.paused():
        clock.now += 500
        dog.succeeded()
    clock.now += LIMIT_SECONDS + 1
    assert dog.overdue()


def test_the_end_of_one_pause_does_not_end_another() -> None:
    dog, clock = watchdog()
    with dog.paused():
        with dog.paused():
            clock.now += LIMIT_SECONDS
        clock.now += LIMIT_SECONDS + 1
        assert not dog.overdue()
    assert not dog.overdue()
