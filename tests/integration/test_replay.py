"""`modepulse replay` and `simulate`: what they refuse, and history that is played as if it were now."""

import itertools
import json
from pathlib import Path

import pytest

from tests.conftest import SAME_ON_EVERY_SERVER
from tests.postgres import query
from tests.servers import Stack, eventually, modepulse


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


@SAME_ON_EVERY_SERVER
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
