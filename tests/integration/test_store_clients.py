"""`modepulse redis-cli` and `modepulse psql` on a running stack."""

import os
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


def test_where_no_redis_cli_is_installed_there_is_a_small_one(stack: Stack, tmp_path: Path) -> None:
    nothing = os.environ | {"PATH": str(tmp_path)}
    where = ("--data-dir", str(stack.directory))
    done = modepulse("redis-cli", *where, "ACL", "WHOAMI", env=nothing)
    assert (done.returncode, done.stdout) == (0, "owner\n")
    done = modepulse("redis-cli", *where, env=nothing, input="PING\nEXISTS '{0}:epoch'\n\nnonsense\n'\nquit\nPING\n")
    assert done.stdout.splitlines()[:2] == ["PONG", "1"]
    assert "unknown command" in done.stdout
    assert done.stdout.count("PONG") == 1
    assert done.returncode == 1
    for words in (["-n", "1", "PING"], ["MONITOR"]):
        done = modepulse("redis-cli", *where, *words, env=nothing)
        assert done.returncode != 0
        assert "apt-get install redis-tools" in done.stdout + done.stderr


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
