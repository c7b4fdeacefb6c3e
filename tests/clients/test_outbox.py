"""What clients/python queues and in which order it sends, by a clock that is moved by hand; a fork."""

import os
import signal
from typing import Any

from modepulse_client import Client, Options
from modepulse_client.batch import Batch, Delivered
from modepulse_client.outbox import Outbox

from tests.clients.conftest import Secured
from tests.clients.front import Front


class Clock:
    """Seconds since 1970, and of the timer."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def outbox(**options: Any) -> tuple[Outbox, Clock]:
    clock = Clock()
    return Outbox(Options(**options), clock, clock), clock


def sent(box: Outbox, at_once: bool = False) -> list[str]:
    """The next batch, as `NAME user`, which is accepted."""
    batch = box.next_batch(at_once)
    if batch is None:
        return []
    box.conclude(batch, Delivered(len(batch.events), len(batch.events), []))
    return [f"{event['events_name']} {event['user_id']}" for event in batch.events]


def test_events_wait_for_others() -> None:
    box, clock = outbox(batch_seconds=1, batch_events=2)
    box.put("LOGIN", "ann", 1, "duel")
    assert (sent(box), box.seconds_to_next()) == ([], 1)
    clock.now += 1
    assert sent(box) == ["LOGIN ann"]
    for user in ("bob", "eve", "max"):
        box.put("LOGIN", user, 1, "duel")
    assert sent(box) == ["LOGIN bob", "LOGIN eve"]
    assert sent(box) == []
    assert sent(box, at_once=True) == ["LOGIN max"]


def test_more_sessions_than_the_queue_has_room() -> None:
    box, clock = outbox(queue_events=2, batch_events=2, heartbeat_seconds=300)
    for n in range(5):
        box.put("LOGIN", f"u{n}", 1, "duel")
        sent(box, at_once=True)
    clock.now += 300
    assert [sent(box) for _ in range(4)] == [
        ["HEARTBEAT u0", "HEARTBEAT u1"],
        ["HEARTBEAT u2", "HEARTBEAT u3"],
        ["HEARTBEAT u4"],
        [],
    ]
    assert box.totals.lost == 0


def test_no_heartbeat_after_a_logout_in_the_midst_of_a_round() -> None:
    box, clock = outbox(batch_events=1, heartbeat_seconds=300)
    for user in ("ann", "bob"):
        box.put("LOGIN", user, 1, "duel")
        sent(box)
    clock.now += 300
    assert sent(box) == ["HEARTBEAT ann"]
    box.put("LOGOUT", "bob", "1", "duel")
    assert [sent(box), sent(box, at_once=True)] == [["LOGOUT bob"], []]


def test_stamps_only_grow() -> None:
    """Two events of a session at one time would be one to the service; and a clock may be set back."""
    box, clock = outbox()
    for back in (0, 0, 5):
        clock.now -= back
        box.put("LOGIN", "ann", 1, "duel")
    batch = box.next_batch(at_once=True)
    assert batch is not None
    stamps = [round(event["epoch_timestamp"] * 1_000_000) for event in batch.events]
    assert stamps == sorted(set(stamps))


def test_answers_that_are_no_answers_are_no_fault_of_the_client() -> None:
    batch = Batch([], 0, 0)
    for status in (200, 204, 301, 400, 404, 413, 422, 503):
        for content in (b"", b"<html>", b"[]", b'{"errors": 1}', b'{"accepted": "x", "errors": [null]}', b"\xff"):
            batch.judge(status, {"Retry-After": "soon"}, content)
    assert not isinstance(batch.judge(200, {}, b'{"accepted": 1}'), type(batch.judge(200, {}, b"null")))


def test_a_fork_has_a_queue_of_its_own(secured: Secured, front: Front, area: int) -> None:
    with Client(front.url, secured.ingest.text) as client:
        client.login("parent", area, "duel")
        child = os.fork()
        if child == 0:
            signal.alarm(20)  # rather than to wait for a lock for ever
            client.login("child", area, "duel")
            os._exit(0 if client.flush(10) else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert client.flush(10)
    assert sorted(item["user_id"] for item in front.events) == ["child", "parent"]
