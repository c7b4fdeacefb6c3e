"""From a file of real events to counters and history, and through the end of every part."""

import collections
import itertools
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis as sync_redis

from tests.postgres import AGGREGATE, COUNTERS, counts, query
from tests.servers import Stack, eventually, live_counts, modepulse, ready

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


@pytest.mark.parametrize("part", ["api", "archiver", "redis", "postgres"])
def test_killed_part_comes_back_and_every_count_is_right(own_stack: Stack, part: str) -> None:
    with own_stack as stack:
        arguments = [
            "simulate",
            "--url",
            stack.url,
            "--rate",
            "400",
            "--users",
            "150",
            "--duration",
            "4",
            "--seed",
            "5",
        ]
        player = subprocess.Popen(
            [sys.executable, "-m", "modepulse", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        eventually(lambda: live_counts(stack))
        before = stack.run["pids"][part]
        stack.kill(part)
        eventually(lambda: stack.run["pids"][part] not in (before, None), 10)
        eventually(lambda: ready(stack), 10)
        out, err = player.communicate(timeout=60)
        assert player.returncode == 0, err
        expected = {f"{area}|{mode}": n for area, modes in json.loads(out).items() for mode, n in modes.items()}
        assert live_counts(stack) == expected
        eventually(lambda: counts(stack, AGGREGATE) == counts(stack, COUNTERS) == expected, 20)


def test_data_survives_a_restart(own_stack: Stack) -> None:
    event = {"area_code": 1, "multiplayer_mode": "duel", "user_id": "u", "events_name": "LOGIN"}
    with own_stack as stack:
        httpx.post(stack.url + "/events", json=event).raise_for_status()
        assert stack.stop() == 0
        stack.start()
        assert live_counts(stack) == {"1|duel": 1}
        eventually(lambda: counts(stack, AGGREGATE) == {"1|duel": 1})


def test_silent_session_expires_and_is_archived_as_such(tmp_path: Path) -> None:
    event = {"area_code": 1, "multiplayer_mode": "duel", "user_id": "u", "events_name": "LOGIN"}
    with Stack(tmp_path / "data", session_lease_seconds="2") as stack:
        httpx.post(stack.url + "/events", json=event).raise_for_status()
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
        answer = httpx.post(stack.url + "/events", json=events).json()
        assert (answer["accepted"], answer["applied"]) == (40, 40)
        assert len(httpx.get(stack.url + "/users/u/sessions").json()["sessions"]) == 40
        assert httpx.get(stack.url + "/areas").json()["players"] == 40
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


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.ndjson", '{"area_code": 1}\n', ":1: multiplayer_mode is required"),
        ("b.ndjson", '\n{"area_code": 1, \n', ":2: not valid JSON"),
        (
            "c.csv",
            "area_code,multiplayer_mode,user_id,events_name\n1,m,u,LOGIN\n1,m,u,JOIN\n",
            ":3: events_name is",
        ),
        ("d.csv", "area_code,multiplayer_mode,user_id,events_name\n1,m,u\n", ":2: has not as many columns"),
        ("e.ndjson", "", "holds no event"),
        ("f.ndjson", None, "No such file"),
    ],
)
def test_replay_names_the_line_of_bad_input_and_sends_nothing(
    tmp_path: Path, name: str, content: str | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    done = modepulse("replay", str(tmp_path / name), "--url", "http://127.0.0.1:1")
    assert done.returncode == 1
    assert message in done.stderr


def test_replay_re_times_history_onto_now(stack: Stack, tmp_path: Path) -> None:
    path = tmp_path / "old.ndjson"
    names = ["LOGIN", "LOGOUT", "LOGIN"]
    events = [
        {
            "area_code": "retimed",
            "multiplayer_mode": "m",
            "user_id": "u",
            "events_name": name,
            "epoch_timestamp": 10 * n,
        }
        for n, name in enumerate(names)
    ]
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    done = modepulse("replay", str(path), "--speed", "50", "--url", stack.url)
    assert done.stdout.startswith("3 events accepted, 3 applied"), done.stderr
    sql = "SELECT epoch_timestamp FROM area_mode_events WHERE area_code = 'retimed' ORDER BY epoch_timestamp"
    eventually(lambda: len(query(stack, sql)) == 3)
    times = [row[0] for row in query(stack, sql)]
    assert [round(later - earlier, 3) for earlier, later in itertools.pairwise(times)] == [0.2, 0.2]


def test_service_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    done = modepulse("simulate", "--url", "http://127.0.0.1:1", "--duration", "1")
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("modepulse: http://127.0.0.1:1 cannot be reached")


def test_two_archivers_share_the_work_without_doubling_it(stack: Stack) -> None:
    environment = os.environ | {
        "MODEPULSE_REDIS_URL": stack.run["redis_url"],
        "MODEPULSE_POSTGRES_DSN": stack.run["postgres_dsn"],
    }
    second = subprocess.Popen([sys.executable, "-m", "modepulse", "archive"], env=environment, stderr=subprocess.PIPE)
    try:
        before = stack.run["pids"]["archiver"]
        stack.kill("archiver", signal.SIGSTOP)
        event = {"area_code": "takeover", "multiplayer_mode": "m", "user_id": "u", "events_name": "LOGIN"}
        httpx.post(stack.url + "/events", json=event).raise_for_status()
        sql = "SELECT count(*) FROM area_mode_events WHERE area_code = 'takeover'"
        eventually(lambda: query(stack, sql)[0][0] == 1, 15)
        stack.kill("archiver", signal.SIGCONT)
        assert stack.run["pids"]["archiver"] == before
        httpx.post(stack.url + "/events", json=event | {"user_id": "v"}).raise_for_status()
        eventually(lambda: query(stack, sql)[0][0] == 2)
    finally:
        second.terminate()
        assert second.stderr is not None
        second.stderr.close()
        assert second.wait(30) == 0
