"""`modepulse dev --demo`: a week of history, and players who go on from there."""

import shutil
import time
from pathlib import Path

import httpx2

from tests.conftest import SAME_ON_EVERY_SERVER
from tests.http_client import log_ins, post
from tests.postgres import query
from tests.servers import Stack, eventually, modepulse

HISTORY = "SELECT count(*) AS events, sum(delta) AS playing FROM area_mode_events WHERE partition = -1"
ADDED = "wrote a week of history"
REFUSED = "so the demo adds no history"
WEEK = 7 * 86_400


def started(directory: Path, *arguments: str) -> tuple[Stack, Path]:
    """A stack that has started, and the file of what it says, which holds this start alone."""
    log = directory.parent / f"{directory.name}.log"
    log.unlink(missing_ok=True)
    return Stack(directory, arguments=arguments).start(), log


def written(stack: Stack) -> tuple[int, int]:
    """Events of the history, and the sum of their deltas."""
    (row,) = query(stack, HISTORY)
    return row["events"], row["playing"] or 0


def players(stack: Stack) -> int:
    found: int = httpx2.get(f"{stack.url}/areas").json()["players"]
    return found


def test_demo_starts_with_a_full_week_and_writes_it_once(tmp_path: Path) -> None:
    stack, log = started(tmp_path / "data", "--demo")
    with httpx2.Client(base_url=stack.url) as http:
        events, playing = written(stack)
        assert ADDED in log.read_text()
        assert events > 30_000
        assert playing == 0
        # In each hour of the week somebody plays in every area; and who plays now is as many as in the hour before.
        now = time.time()
        for area in ("101", "105"):
            asked = {"area_code": area, "step": 3600, "from": now - WEEK, "peak": "true"}
            series = http.get("/history", params=asked).json()["series"].values()
            assert all(sum(count for _, count in hour) for hour in zip(*series, strict=True))
        eventually(lambda: players(stack) > 150, 30)
        asked = {"area_code": "101", "step": 60, "from": now - 3600}
        series = http.get("/history", params=asked).json()["series"].values()
        hour = [sum(count for _, count in minute) for minute in zip(*series, strict=True)]
        assert min(hour[:-2]) > 20
        (user,) = eventually(lambda: query(stack, "SELECT user_id FROM area_mode_events WHERE partition = 0 LIMIT 1"))
        past = http.get(f"/users/{user['user_id']}/history").json()["sessions"]
        assert len(past) > 10
        done = modepulse("verify", "--data-dir", str(stack.directory))
        assert done.returncode == 0, done.stdout
    assert stack.stop() == 0
    again, log = started(tmp_path / "data", "--demo")
    assert written(again) == (events, 0)
    assert ADDED not in log.read_text()
    assert REFUSED not in log.read_text()
    again.stop()


@SAME_ON_EVERY_SERVER
def test_demo_never_adds_a_history_to_real_events(own_stack: Stack) -> None:
    """Wherever they are: in both stores, in Postgres alone, in Redis alone, the other one being new."""
    with own_stack as stack, httpx2.Client(base_url=stack.url) as http:
        post(http, *log_ins("1", "duel", 1))
        eventually(lambda: query(stack, "SELECT 1 FROM area_mode_events"))
    for lost in ("", "redis", "postgres"):
        if lost:
            shutil.rmtree(own_stack.directory / lost)
        stack, log = started(own_stack.directory, "--demo")
        assert written(stack) == (0, 0)
        assert log.read_text().count(REFUSED) == 1
        stack.stop()
