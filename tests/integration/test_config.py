"""`modepulse config`, and what commands say where nothing can be reached."""

import json
import os
from pathlib import Path

import pytest

from tests.servers import Stack, modepulse

NOWHERE = {
    "MODEPULSE_REDIS_URL": "redis://ann:redis-secret@127.0.0.1:1/0",
    "MODEPULSE_POSTGRES_DSN": "postgresql://ann:postgres-secret@127.0.0.1:1/x",
}


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("verify",),
        ("rebuild",),
        ("inspect", "area", "1"),
        ("inspect", "user", "ann"),
        ("inspect", "log"),
        ("inspect", "keys"),
        ("keys", "list"),
    ],
    ids=" ".join,
)
def test_store_that_cannot_be_reached_is_said_in_one_line_without_secrets(arguments: tuple[str, ...]) -> None:
    done = modepulse(*arguments, env=os.environ | NOWHERE)
    assert done.returncode == 1
    assert "secret" not in done.stdout + done.stderr
    printed = done.stdout if arguments == ("status",) else done.stderr
    lines = [line for line in printed.splitlines() if "sessions " not in line]
    assert "Redis" in printed or "Postgres" in printed
    assert arguments == ("status",) or len(lines) == 1, printed


def test_nothing_that_runs_is_said_in_one_line(tmp_path: Path) -> None:
    for arguments in (("status",), ("inspect", "log")):
        done = modepulse(*arguments, "--data-dir", str(tmp_path / "none"))
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
        assert str(tmp_path / "none") in done.stderr


def test_config_says_where_each_setting_comes_from_and_hides_secrets(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a-secret-of-twenty-characters\n")
    given = {"MODEPULSE_PARTITIONS": "3", "MODEPULSE_ADMIN_TOKEN_FILE": str(token), "MODEPULSE_API_KEY": "mp_secret"}
    done = modepulse("config", "--json", "--data-dir", str(tmp_path), env=os.environ | NOWHERE | given)
    assert "secret" not in done.stdout
    found = {one["variable"]: (one["value"], one["source"]) for one in json.loads(done.stdout)}
    assert found["MODEPULSE_PARTITIONS"] == (3, "MODEPULSE_PARTITIONS")
    assert found["MODEPULSE_ADMIN_TOKEN"] == ("(hidden)", f"MODEPULSE_ADMIN_TOKEN_FILE ({token})")
    assert found["MODEPULSE_API_KEY"] == ("(hidden)", "MODEPULSE_API_KEY")
    assert found["MODEPULSE_REDIS_URL"] == ("redis://127.0.0.1:1/0", "MODEPULSE_REDIS_URL")
    assert found["MODEPULSE_QUEUE_EVENTS"] == (100_000, "default")
    changed = modepulse("config", "--changed", "--data-dir", str(tmp_path), env=os.environ | given).stdout
    assert [line.split()[0] for line in changed.splitlines()[1:]] == [
        "MODEPULSE_PARTITIONS",
        "MODEPULSE_ADMIN_TOKEN",
        "MODEPULSE_API_KEY",
    ]
    bad = modepulse("config", env=os.environ | {"MODEPULSE_PARTITIONS": "many"})
    assert (bad.returncode, bad.stderr) == (2, "modepulse: MODEPULSE_PARTITIONS must be a number\n")


def test_config_shows_the_stores_of_the_running_stack(stack: Stack) -> None:
    done = modepulse("config", "--changed", "--data-dir", str(stack.directory))
    assert "run.json" in done.stdout
    assert "redis://127.0.0.1:" in done.stdout
    for secret in ("redis_owner", "postgres_archiver"):
        assert (stack.directory / "secrets" / secret).read_text().strip() not in done.stdout
