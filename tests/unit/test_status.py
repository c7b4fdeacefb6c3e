"""What `modepulse status` makes of what it has found."""

import json
from dataclasses import replace

import pytest

from app.contract.log import StreamId
from app.contract.versions import own_version
from modepulse.status.api_side import ApiSide
from modepulse.status.postgres_side import Job, PostgresSide
from modepulse.status.redis_side import Lag, Position, RedisSide
from modepulse.status.screen import screen
from modepulse.status.status import Status, Verdict

AT = Position(StreamId(1, 0), 1)
REDIS = RedisSide("Valkey 9.1.2", 60, 1000, 10_000, [], {0: "e"}, True, 12, 3, 40, {0: AT})
LEAD = Job("lead", 1, 2.0, None, None, "game-1:7", own_version())
POSTGRES = PostgresSide("Postgres 18.4", True, [LEAD], {0: "e"}, {0: AT})
API = ApiSide("http://127.0.0.1:8000", True, "", "full", [], own_version())
WELL = Status(API, REDIS, "", POSTGRES, "", Lag(2, 0.5), 30.25, 8000)


def test_well() -> None:
    assert (WELL.reason, WELL.attention, WELL.verdict) == ("", [], Verdict.WELL)
    shown = screen(WELL)
    for text in (
        "yes, durability full",
        "12 in 3 areas",
        "2 events behind, 0.5 s",
        "game-1:7",
        "Valkey 9.1.2",
        "lead 2 s",
    ):
        assert text in shown
    assert json.loads(json.dumps(WELL.to_json()))["leader"] == "game-1:7"


def test_status_without_the_api_and_without_postgres_settings() -> None:
    assert replace(WELL, api=None).verdict is Verdict.WELL
    assert replace(WELL, postgres=None, postgres_error="MODEPULSE_POSTGRES_DSN is not set").verdict is Verdict.ATTENTION


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (replace(WELL, redis=None, redis_error="refused", lag=None, rate=None), "Redis: refused"),
        (replace(WELL, api=replace(API, ready=False, reason="partition_closed")), "rebuilds"),
        (replace(WELL, api=replace(API, ready=False, reason="it does not answer: x")), "8000: it does not answer"),
        (replace(WELL, api=None, redis=replace(REDIS, epochs={0: "e", 1: ""})), "rebuilds"),
        (replace(WELL, api=None, redis=replace(REDIS, opened=False)), "rebuilds"),
        (replace(WELL, redis=replace(REDIS, memory_bytes=8000)), "memory_full"),
    ],
)
def test_why_events_are_not_taken(found: Status, reason: str) -> None:
    assert reason in found.reason
    assert found.verdict is Verdict.NOT_READY
    assert "NO: " in screen(found)
    assert json.loads(json.dumps(found.to_json()))["ready"] is False


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (replace(WELL, postgres=None, postgres_error="refused"), "Postgres: refused"),
        (replace(WELL, postgres=replace(POSTGRES, led=False)), "no archiver leads"),
        (replace(WELL, postgres=replace(POSTGRES, healing=[3])), "partition 3 is being healed"),
        (replace(WELL, lag=Lag(9, 61)), "61 s behind"),
        (replace(WELL, redis=replace(REDIS, memory_bytes=7300)), "91%"),
        (replace(WELL, redis=replace(REDIS, degraded=["appendfsync everysec"])), "appendfsync everysec"),
        (replace(WELL, api=replace(API, version="0.0.1")), "the API is version 0.0.1"),
        (replace(WELL, postgres=replace(POSTGRES, jobs=[replace(LEAD, version="0.0.1")])), "archiver is version 0.0.1"),
        (replace(WELL, postgres=replace(POSTGRES, jobs=[replace(LEAD, succeeded=19.0)])), "last succeeded 19 s ago"),
        (
            replace(WELL, postgres=replace(POSTGRES, jobs=[replace(LEAD, failing=7.0, error="OSError: x")])),
            "has failed for 7 s: OSError: x",
        ),
    ],
)
def test_what_needs_attention(found: Status, text: str) -> None:
    (only,) = found.attention
    assert text in only
    assert found.verdict is Verdict.ATTENTION
    assert f"attention  {only}" in screen(found)


def test_job_of_which_no_success_is_known_is_not_late() -> None:
    assert (
        replace(WELL, postgres=replace(POSTGRES, jobs=[LEAD, replace(LEAD, name="trim", succeeded=None)])).attention
        == []
    )


def test_unlimited_redis_is_never_full() -> None:
    unlimited = replace(WELL, redis=replace(REDIS, maxmemory_bytes=0), memory_limit=0)
    assert unlimited.verdict is Verdict.WELL
    assert "without limit" in screen(unlimited)
