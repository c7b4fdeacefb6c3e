"""`modepulse redis-cli` and `modepulse psql` on a running stack."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import SAME_ON_EVERY_SERVER
from tests.servers import Stack, modepulse


def ask(stack: Stack, *arguments: str) -> str:
    done = modepulse(*arguments, "--data-dir", str(stack.directory))
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.skipif(not shutil.which("redis-cli"), reason="redis-cli is not installed")
def test_redis_cli_reaches_redis_and_passes_arguments_on(stack: Stack) -> None:
    assert ask(stack, "redis-cli", "PING") == "PONG"
    assert ask(stack, "redis-cli", "ACL", "WHOAMI") == "owner"
    assert ask(stack, "redis-cli", "--no-raw", "EXISTS", "{0}:epoch") == "(integer) 1"


@SAME_ON_EVERY_SERVER
def test_psql_reaches_the_tables_and_passes_arguments_on(stack: Stack) -> None:
    assert ask(stack, "psql", "-tAc", "SELECT current_user, current_database()") == "modepulse_archiver|modepulse"
    assert ask(stack, "psql", "-qtA", "-c", "SELECT count(*) FROM archive_checkpoint") == "1"


@SAME_ON_EVERY_SERVER
def test_exit_code_is_the_clients(stack: Stack) -> None:
    done = modepulse("psql", "--data-dir", str(stack.directory), "-c", "nonsense")
    assert done.returncode == 1
    assert "syntax error" in done.stderr


@pytest.mark.parametrize("client", ["redis-cli", "psql"])
def test_without_a_running_stack_one_line_says_so(tmp_path: Path, client: str) -> None:
    done = modepulse(client, "--data-dir", str(tmp_path))
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "nothing runs on" in line
