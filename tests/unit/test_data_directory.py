"""The data directory: one stack at a time, and what it keeps from one start to the next."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from modepulse.launcher.data_directory import DataDirectory, Run
from modepulse.launcher.errors import LaunchError

RUN: Run = {
    "url": "http://127.0.0.1:1",
    "redis_url": "redis://",
    "postgres_dsn": "postgresql://",
    "metrics": {"api": "http://127.0.0.1:1/metrics"},
    "pids": {"api": 1},
}


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[DataDirectory]:
    directory = DataDirectory(tmp_path / "data")
    directory.acquire()
    yield directory
    directory.release()


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folder_in_use_is_refused_until_it_is_released(directory: DataDirectory) -> None:
    other = DataDirectory(directory.path)
    with pytest.raises(LaunchError, match="in use by process") as refused:
        other.acquire()
    assert refused.value.exit_code == 1
    directory.release()
    other.acquire()
    other.release()


def test_refused_stack_leaves_the_run_file_of_the_other(directory: DataDirectory) -> None:
    directory.write_run(RUN)
    other = DataDirectory(directory.path)
    with pytest.raises(LaunchError):
        other.acquire()
    other.release()
    assert directory.read_run() == RUN


def test_ports_are_kept(directory: DataDirectory) -> None:
    assert directory.read_ports() == {}
    directory.write_ports({"redis": 1234})
    assert DataDirectory(directory.path).read_ports() == {"redis": 1234}


@pytest.mark.parametrize("text", ["", "{", "[1]"])
def test_damaged_ports_count_as_none(directory: DataDirectory, text: str) -> None:
    (directory.path / "ports.json").write_text(text)
    assert directory.read_ports() == {}


def test_admin_token_is_made_once_and_private(directory: DataDirectory) -> None:
    with pytest.raises(FileNotFoundError):
        directory.read_admin_token()
    token = directory.make_admin_token()
    assert len(token) >= 32
    assert directory.make_admin_token() == directory.read_admin_token() == token
    assert mode_of(directory.path / "admin_token") == 0o600


def test_run_file_is_private_and_ends_with_the_run(directory: DataDirectory) -> None:
    directory.write_run(RUN)
    assert mode_of(directory.path / "run.json") == 0o600
    assert DataDirectory(directory.path).read_run() == RUN
    directory.release()
    with pytest.raises(FileNotFoundError):
        directory.read_run()


def test_passwords_are_made_once_private_and_apart(directory: DataDirectory) -> None:
    (directory.secrets / "b").touch()  # of an interrupted start
    made = {name: directory.make_password(name) for name in ("a", "b")}
    assert len(set(made.values())) == 2
    assert min(map(len, made.values())) >= 32
    for name, password in made.items():
        assert DataDirectory(directory.path).make_password(name) == password
        assert mode_of(directory.secrets / name) == 0o600


def test_folders_of_a_former_version_are_closed_to_others(tmp_path: Path) -> None:
    (tmp_path / "data" / "redis").mkdir(parents=True)
    (tmp_path / "data" / "redis").chmod(0o755)
    directory = DataDirectory(tmp_path / "data")
    directory.acquire()
    directory.release()
    assert {mode_of(path) for path in directory.path.iterdir() if path.is_dir()} == {0o700}
