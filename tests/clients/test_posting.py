"""Each client reports to the real service through whatever may be between them: every event counts, and counts once."""

import time
from typing import Any

import httpx2
import pytest

from tests.clients.conftest import Drive, Secured
from tests.clients.front import Front, Reply, fronting
from tests.http_client import audit, ranking, stats
from tests.ports import unused_port
from tests.servers import eventually

UNAVAILABLE = Reply(503, "redis_unavailable")
SOON = {"batch_seconds": 0.05}


def logged(http: httpx2.Client, area: int, count: int) -> list[dict[str, Any]]:
    """The events of an area in the archive, once there are so many."""
    eventually(lambda: len(audit(http, area_code=area, limit=1000)["items"]) >= count)
    items: list[dict[str, Any]] = audit(http, area_code=area, limit=1000, order="asc")["items"]
    return items


def test_what_is_reported_counts(drive: Drive, secured: Secured, http: httpx2.Client, area: int) -> None:
    with drive(secured.stack.url, secured.ingest.text) as client:
        for user in ("ann", "böb", 'e"v\\e', "\N{VIDEO GAME}"):
            client.log_in(user, area)
        client.log_in("ann", str(area), "co_op")
        client.log_out("böb", area)
        assert client.do("flush", 10) is True
        assert stats(http, area)[str(area)] == ranking(duel=3, co_op=1)
        assert client.totals == {"queued": 0, "accepted": 6, "applied": 6, "lost": 0, "retries": 0}


def test_events_are_sent_in_batches_in_the_background(drive: Drive, secured: Secured, front: Front, area: int) -> None:
    with drive(front.url, secured.ingest.text, batch_seconds=0.2, batch_events=50) as client:
        for n in range(120):
            client.log_in(f"u{n}", area)
        eventually(lambda: client.totals["accepted"] == 120)
    assert [item["user_id"] for item in front.events] == [f"u{n}" for n in range(120)]
    assert max(len(request.items) for request in front.seen) <= 50
    assert len(front.seen) < 20
    assert {request.headers["x-api-key"] for request in front.seen} == {secured.ingest.text}


@pytest.mark.parametrize(
    "replies",
    [
        [UNAVAILABLE, UNAVAILABLE],
        [Reply(429, "event_rate_exceeded")],
        [Reply(503, "outcome_unknown", applied=True)],
        [Reply(0), Reply(0, applied=True)],
        [Reply(502)],
    ],
    ids=["503", "429", "503 applied", "cut", "proxy"],
)
def test_a_refused_batch_is_repeated_and_applied_once(
    drive: Drive, secured: Secured, front: Front, http: httpx2.Client, area: int, replies: list[Reply]
) -> None:
    front.first(*replies)
    with drive(front.url, secured.ingest.text, stamp=False) as client:
        client.log_in("ann", area)
        client.log_out("ann", area)
        client.log_in("ann", area)
        assert client.do("flush", 20) is True
        assert client.totals["retries"] == len(replies)
    assert len({request.headers["idempotency-key"] for request in front.seen}) == 1
    assert len({request.body for request in front.seen}) == 1
    # Had it been applied twice, there would be more.
    assert [item["events_name"] for item in logged(http, area, 3)] == ["LOGIN", "LOGOUT", "LOGIN"]


def test_retry_after_is_honoured(drive: Drive, secured: Secured, front: Front, area: int) -> None:
    front.first(Reply(429, "event_rate_exceeded", retry_after="2"))
    with drive(front.url, secured.ingest.text) as client:
        client.log_in("ann", area)
        assert client.do("flush", 20) is True
    first, second = front.seen
    assert second.at - first.at >= 1.9


def test_a_service_that_is_not_there_yet(drive: Drive, secured: Secured, http: httpx2.Client, area: int) -> None:
    port = unused_port()
    with drive(f"http://127.0.0.1:{port}", secured.ingest.text, **SOON) as client:
        client.log_in("ann", area)
        eventually(lambda: client.totals["retries"] > 0)
        with fronting(secured.stack.url, port):
            assert client.do("flush", 30) is True
    assert stats(http, area)[str(area)] == ranking(duel=1)


def test_a_full_queue_forgets_the_oldest(
    drive: Drive, secured: Secured, front: Front, http: httpx2.Client, area: int
) -> None:
    front.always(UNAVAILABLE)
    with drive(front.url, secured.ingest.text, queue_events=5, batch_events=5, heartbeat_seconds=0, **SOON) as client:
        client.log_in("first", area)
        eventually(lambda: front.seen)
        for n in range(20):
            client.log_in(f"u{n}", area)
        assert client.totals["queued"] == 6
        front.first()
        assert client.do("flush", 60) is True
        assert client.totals["lost"] == 15
        eventually(lambda: client.losses == {"queue_full": 15})
    assert [item["user_id"] for item in logged(http, area, 6)] == ["first", *(f"u{n}" for n in range(15, 20))]


def test_a_full_queue_may_refuse(drive: Drive, front: Front, area: int, request: pytest.FixtureRequest) -> None:
    if "unity" in request.node.name:
        pytest.skip("has no such option")
    front.always(UNAVAILABLE)
    with drive(front.url, queue_events=2, batch_events=2, batch_seconds=60, when_full="raise") as client:
        client.log_in("a", area)
        client.log_in("b", area)
        eventually(lambda: front.seen)
        client.log_in("c", area)
        client.log_in("d", area)
        assert "error: " in client.log_in("e", area)
        assert client.totals["queued"] == 4


def test_heartbeats_come_by_timer_until_the_logout(drive: Drive, secured: Secured, front: Front, area: int) -> None:
    with drive(front.url, secured.ingest.text, heartbeat_seconds=0.3, batch_events=2, **SOON) as client:
        for user in ("ann", "bob", "eve"):
            client.log_in(user, area)
        client.log_out("bob", area)

        def beats() -> list[str]:
            return [item["user_id"] for item in front.events if item["events_name"] == "HEARTBEAT"]

        eventually(lambda: beats().count("ann") >= 3)
        assert set(beats()) == {"ann", "eve"}
        client.log_out("ann", area)
        client.do("flush", 10)
        before = beats().count("ann")
        eventually(lambda: beats().count("eve") > before + 2)
        assert beats().count("ann") == before


def test_what_cannot_be_valid_is_lost_alone(
    drive: Drive, secured: Secured, front: Front, http: httpx2.Client, area: int
) -> None:
    with drive(front.url, secured.ingest.text) as client:
        for user in ("", "a|b", "x" * 256, "tab\t", "\ud800", "ok", "x" * 255, "\N{VIDEO GAME}" * 255):
            client.log_in(user, area)
        client.log_in("late", area, at=time.time() + 3600)
        assert client.do("flush", 10) is True
        eventually(lambda: client.losses == {"invalid_event": 5, "clock_skew": 1})
        assert client.totals["accepted"] == 3
    assert stats(http, area)[str(area)] == ranking(duel=3)


def test_a_wrong_key_is_not_repeated(drive: Drive, front: Front, area: int) -> None:
    with drive(front.url, "mp_ingest_k3v0s8wq1x_" + "a" * 40) as client:
        client.log_in("ann", area)
        assert client.do("flush", 10) is True
        eventually(lambda: client.losses == {"invalid_key": 1})
        assert client.totals["retries"] == 0
    assert len(front.seen) == 1


def test_a_batch_that_is_too_much_is_halved(
    drive: Drive, secured: Secured, front: Front, http: httpx2.Client, area: int
) -> None:
    front.refuse = lambda seen: Reply(422, "too_many_events") if len(seen.items) > 3 else None
    with drive(front.url, secured.ingest.text) as client:
        for n in range(11):
            client.log_in(f"u{n}", area)
        assert client.do("flush", 20) is True
        assert client.totals["accepted"] == 11
    assert stats(http, area)[str(area)] == ranking(duel=11)


def test_without_room_for_its_key_a_batch_goes_without(drive: Drive, secured: Secured, front: Front, area: int) -> None:
    front.refuse = lambda seen: Reply(422, "too_many_keys") if "idempotency-key" in seen.headers else None
    with drive(front.url, secured.ingest.text) as client:
        client.log_in("ann", area)
        assert client.do("flush", 10) is True
        assert client.totals["accepted"] == 1


def test_what_is_queued_is_sent_at_the_end_of_the_program(
    drive: Drive, secured: Secured, http: httpx2.Client, area: int
) -> None:
    with drive(secured.stack.url, secured.ingest.text, batch_seconds=60) as client:
        client.log_in("ann", area)
        assert client.leave() == 0
    assert stats(http, area)[str(area)] == ranking(duel=1)


def test_the_end_of_the_program_waits_for_no_service_for_long(drive: Drive, front: Front, area: int) -> None:
    front.always(UNAVAILABLE)
    with drive(front.url, **SOON) as client:
        client.log_in("ann", area)
        eventually(lambda: front.seen)
        assert client.leave(15) == 0


def test_close_may_log_everybody_out(drive: Drive, secured: Secured, http: httpx2.Client, area: int) -> None:
    with drive(secured.stack.url, secured.ingest.text, batch_events=2) as client:
        for user in ("ann", "bob", "eve"):
            client.log_in(user, area)
        client.do("flush", 10)
        assert stats(http, area)[str(area)] == ranking(duel=3)
        assert client.do("close", 10, True) is True
        assert stats(http, area)[str(area)] == []
        client.log_in("late", area)
        assert client.totals["lost"] == 1
