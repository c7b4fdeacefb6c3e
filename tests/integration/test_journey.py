"""From a file of events to counters and history, and through the end of every part."""

import collections
import json
import os
import random
import signal
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import pytest
import redis as sync_redis

from tests.conftest import SAME_ON_EVERY_SERVER
from tests.postgres import AGGREGATE, COUNTERS, archive_answers, counts, query
from tests.servers import Stack, eventually, live_counts, modepulse, ready, start_modepulse

# Real play sessions, which lie beside a developer's checkout only.
REAL_HISTORY = Path(__file__).parents[2].parent / "shared" / "data" / "minecraft_sessions.ndjson"


def history() -> list[dict[str, Any]]:
    """Sessions of some months, one after the other for each player, none active at the end; oldest event first."""
    if REAL_HISTORY.exists():
        return [json.loads(line) for line in REAL_HISTORY.read_text().splitlines()]
    chance = random.Random(20)
    events = []
    for player in range(120):
        minute = 28_540_000
        for _ in range(chance.randrange(1, 25)):
            minute += chance.randrange(60, 20_000)
            for name in ("LOGIN", "LOGOUT"):
                events.append(
                    {
                        "area_code": 100 + player % 29,
                        "multiplayer_mode": ("Amateur", "Regular", "Pro")[player % 3],
                        "user_id": f"player-{player}",
                        "events_name": name,
                        "epoch_timestamp": minute * 60,
                    }
                )
                minute += chance.randrange(1, 120)
    return sorted(events, key=lambda event: event["epoch_timestamp"])


def peak_of(events: list[dict[str, Any]]) -> int:
    """The most sessions active at once, in the events' order; a repeated log-in or log-out changes nothing."""
    active: set[tuple[Any, ...]] = set()
    peak = 0
    for event in events:
        session = (event["area_code"], event["multiplayer_mode"], event["user_id"])
        (active.add if event["events_name"] == "LOGIN" else active.discard)(session)
        peak = max(peak, len(active))
    return peak


def counted_from(events: list[dict[str, Any]]) -> dict[str, int]:
    """Counts of a history without repetitions, by other means than the service's."""
    active = set()
    for event in events:
        session = (event["area_code"], event["multiplayer_mode"], event["user_id"])
        if event["events_name"] == "LOGIN":
            active.add(session)
        else:
            active.discard(session)
    return dict(collections.Counter(f"{area}|{mode}" for area, mode, _ in active))


def test_a_history_is_played_counted_and_archived(own_stack: Stack, tmp_path: Path) -> None:
    events = history()
    half = tmp_path / "half.ndjson"
    rest = tmp_path / "rest.csv"
    half.write_text("".join(json.dumps(event) + "\n" for event in events[: len(events) // 2]))
    names = ("events_name", "area_code", "multiplayer_mode", "user_id", "epoch_timestamp")
    lines = [",".join(str(event[name]) for name in names) for event in events[len(events) // 2 :]]
    rest.write_text("\n".join([",".join(names), *lines]) + "\n")
    with own_stack as stack:
        assert modepulse("replay", str(half), "--speed", "0", "--url", stack.url).returncode == 0
        expected = counted_from(events[: len(events) // 2])
        assert live_counts(stack) == expected
        eventually(lambda: counts(stack, AGGREGATE) == counts(stack, COUNTERS) == expected)

        done = modepulse("replay", str(rest), "--url", stack.url)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"{len(lines)} events accepted")
        assert live_counts(stack) == {}
        eventually(lambda: query(stack, "SELECT count(*) FROM area_mode_events")[0][0] == len(events))
        assert counts(stack, AGGREGATE) == {}
        order = "stream_ms, stream_seq, event_id"
        peak = query(stack, f"SELECT max(s) FROM (SELECT sum(delta) OVER (ORDER BY {order}) s FROM area_mode_events) x")
        arrival = query(
            stack,
            "SELECT max(s) FROM (SELECT sum(delta) OVER (ORDER BY epoch_timestamp) s FROM area_mode_events) x",
        )
        assert peak[0][0] == arrival[0][0] == peak_of(events)


def kill_under_load(own_stack: Stack, part: str) -> None:
    """The part comes back, and every count is right."""
    with own_stack as stack:
        load = ("--rate", "400", "--users", "150", "--duration", "2.5", "--seed", "5")
        player = start_modepulse("simulate", "--url", stack.url, *load, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        eventually(lambda: live_counts(stack))
        before = stack.run["pids"][part]
        stack.kill(part)
        eventually(lambda: stack.run["pids"][part] not in (before, None), 10)
        eventually(lambda: ready(stack), 10)
        out, err = player.communicate(timeout=60)
        assert player.returncode == 0, err
        expected = {f"{area}|{mode}": n for area, modes in json.loads(out).items() for mode, n in modes.items()}
        assert live_counts(stack) == expected
        eventually(archive_answers, stack=stack)
        eventually(lambda: counts(stack, AGGREGATE) == counts(stack, COUNTERS) == expected, 20)


def test_killed_redis_comes_back_and_every_count_is_right(own_stack: Stack) -> None:
    kill_under_load(own_stack, "redis")


@SAME_ON_EVERY_SERVER
@pytest.mark.parametrize("part", ["api", "archiver", "postgres"])
def test_killed_part_comes_back_and_every_count_is_right(own_stack: Stack, part: str) -> None:
    kill_under_load(own_stack, part)


@SAME_ON_EVERY_SERVER
def test_data_survives_a_restart(own_stack: Stack) -> None:
    event = {"area_code": 1, "multiplayer_mode": "duel", "user_id": "u", "events_name": "LOGIN"}
    with own_stack as stack:
        httpx2.post(stack.url + "/events", json=event).raise_for_status()
        assert stack.stop() == 0
        stack.start()
        assert live_counts(stack) == {"1|duel": 1}
        eventually(lambda: counts(stack, AGGREGATE) == {"1|duel": 1})


def test_silent_session_expires_and_is_archived_as_such(tmp_path: Path) -> None:
    event = {"area_code": 1, "multiplayer_mode": "duel", "user_id": "u", "events_name": "LOGIN"}
    with Stack(tmp_path / "data", session_lease_seconds="2") as stack:
        httpx2.post(stack.url + "/events", json=event).raise_for_status()
        assert live_counts(stack) == {"1|duel": 1}
        eventually(lambda: live_counts(stack) == {})
        eventually(lambda: [r["events_name"] for r in _rows(stack)] == ["LOGIN", "EXPIRE"])
        assert counts(stack, AGGREGATE) == {}


def _rows(stack: Stack) -> list[Any]:
    return query(stack, "SELECT * FROM area_mode_events ORDER BY stream_ms, stream_seq, event_id")


def test_partitions_are_kept_apart_and_their_number_is_fixed(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    events = [{"area_code": n, "multiplayer_mode": "duel", "user_id": "u", "events_name": "LOGIN"} for n in range(40)]
    with Stack(directory, partitions="3") as stack:
        answer = httpx2.post(stack.url + "/events", json=events).json()
        assert (answer["accepted"], answer["applied"]) == (40, 40)
        assert len(httpx2.get(stack.url + "/users/u/sessions").json()["sessions"]) == 40
        assert httpx2.get(stack.url + "/areas").json()["players"] == 40
        client = sync_redis.Redis.from_url(stack.run["redis_url"])
        tags = {key.split(b":")[0] for key in client.scan_iter()}
        client.close()
        assert tags == {b"{0}", b"{1}", b"{2}"}
        eventually(lambda: len(counts(stack, AGGREGATE)) == 40)
    refused = modepulse(
        "dev", "--port", "0", "--data-dir", str(directory), env=os.environ | {"MODEPULSE_PARTITIONS": "2"}
    )
    assert refused.returncode == 2
    assert "PARTITIONS" in refused.stderr


@SAME_ON_EVERY_SERVER
def test_two_archivers_share_the_work_without_doubling_it(stack: Stack) -> None:
    with stack.second_archiver():
        before = stack.run["pids"]["archiver"]
        stack.kill("archiver", signal.SIGSTOP)
        event = {"area_code": "takeover", "multiplayer_mode": "m", "user_id": "u", "events_name": "LOGIN"}
        httpx2.post(stack.url + "/events", json=event).raise_for_status()
        sql = "SELECT count(*) FROM area_mode_events WHERE area_code = 'takeover'"
        eventually(lambda: query(stack, sql)[0][0] == 1, 15)
        stack.kill("archiver", signal.SIGCONT)
        assert stack.run["pids"]["archiver"] == before
        httpx2.post(stack.url + "/events", json=event | {"user_id": "v"}).raise_for_status()
        eventually(lambda: query(stack, sql)[0][0] == 2)
