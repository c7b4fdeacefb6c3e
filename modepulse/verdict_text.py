"""What `modepulse verify` prints when everything agrees, each number with what it is."""

from collections.abc import Iterator

from archiver.verify import Verdict


def explained(verdict: Verdict) -> Iterator[str]:
    """A line a number."""
    yield "everything agrees: counters and sessions in Redis, its log, and Postgres"
    yield f"  {count(verdict.live, 'player')} now: the counters that GET /stats shows, and as many active sessions"
    yield (
        f"  {count(verdict.aggregate, 'player')} archived: area_mode_events_agg, the sum of all deltas in"
        " area_mode_events, and the newest minutes"
    )
    if verdict.waiting:
        yield (
            f"  {count(verdict.waiting, 'event')} on {'its' if verdict.waiting == 1 else 'their'} way: in Redis's log"
            " and not yet in Postgres; `modepulse status` shows whether an archiver copies"
        )
    else:
        yield "  0 events on their way: Postgres has all that Redis's log has"
    if not verdict.wheel_read:
        yield "  not compared: the timer wheel, which sessions were taken out of all the time"


def count(number: int, noun: str) -> str:
    """`1 player`, `2 players`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
