"""The clients of the stores: how they are led to a store, and that no password is on their command line."""

import shutil
from pathlib import Path

import pytest
from redis.exceptions import ResponseError

from modepulse.launcher import store_clients
from modepulse.launcher.errors import LaunchError
from modepulse.launcher.postgres_binaries import PostgresBinaries
from modepulse.launcher.store_clients import psql, redis_cli
from modepulse.redis_prompt import formatted, raw

TLS = "?ssl_ca_certs=tls/ca.crt&ssl_certfile=a.crt&ssl_keyfile=a.key"


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")


@pytest.mark.parametrize(
    ("url", "arguments", "password"),
    [
        ("redis://localhost", ["-h", "localhost", "-p", "6379"], ""),
        ("redis://owner:p%40%3A%2F@[::1]:7000/3", ["-h", "::1", "-p", "7000", "-n", "3", "--user", "owner"], "p@:/"),
        ("redis://:secret@redis/0", ["-h", "redis", "-p", "6379", "-n", "0"], "secret"),
        ("redis://redis?username=a&password=b&db=2", ["-h", "redis", "-p", "6379", "-n", "2", "--user", "a"], "b"),
        ("unix://a:b@/run/redis.sock?db=1", ["-s", "/run/redis.sock", "-n", "1", "--user", "a"], "b"),
        (
            f"rediss://redis:6380/0{TLS}",
            [
                "-h",
                "redis",
                "-p",
                "6380",
                "-n",
                "0",
                "--tls",
                "--cacert",
                "tls/ca.crt",
                "--cert",
                "a.crt",
                "--key",
                "a.key",
            ],
            "",
        ),
        ("rediss://redis/0?ssl_cert_reqs=none", ["-h", "redis", "-p", "6379", "-n", "0", "--tls", "--insecure"], ""),
    ],
)
def test_redis_cli_gets_the_address_and_not_the_password(url: str, arguments: list[str], password: str) -> None:
    client = redis_cli(url)
    assert client is not None
    assert client.arguments == arguments
    assert client.secrets == ({"REDISCLI_AUTH": password} if password else {})


@pytest.mark.parametrize(
    ("dsn", "address", "password"),
    [
        ("postgresql://a:p%40ss@db:5433/modepulse", "postgresql://a@db:5433/modepulse", "p@ss"),
        ("postgres://db/modepulse?sslmode=verify-full", "postgresql://db/modepulse?sslmode=verify-full", ""),
        ("postgresql://a@h1:1,h2:2/x?password=secret&user=b", "postgresql://a@h1:1,h2:2/x?user=b", "secret"),
    ],
)
def test_psql_gets_the_address_and_not_the_password(dsn: str, address: str, password: str) -> None:
    client = psql(dsn)
    assert client.arguments == [address]
    assert client.secrets == ({"PGPASSWORD": password} if password else {})
    assert not password or password not in repr(client)


def test_client_that_is_not_installed_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_wheel() -> None:
        raise LaunchError("no wheel")

    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(PostgresBinaries, "embedded", no_wheel)
    assert redis_cli("redis://localhost") is None
    with pytest.raises(LaunchError, match="apt-get install postgresql-client"):
        psql("postgresql://localhost/x")


def test_program_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    program = str(tmp_path / "nothing")
    with pytest.raises(LaunchError, match=f"{program} cannot be run: No such file"):
        store_clients.Client(program, [], {}).run([])


@pytest.mark.parametrize(
    ("reply", "shown", "plain"),
    [
        (None, "(nil)", ""),
        (3, "(integer) 3", "3"),
        (b'a"b\n', '"a\\"b\\n"', 'a"b\n'),
        (b"\xff", '"\\\\xff"', "\\xff"),
        ([], "(empty array)", ""),
        (ResponseError("ERR no"), "(error) ERR no", "ERR no"),
        ([b"1-0", [b"token", 7]], '1) "1-0"\n2) 1) "token"\n   2) (integer) 7', "1-0\ntoken\n7"),
    ],
)
def test_replies_look_as_those_of_redis_cli(reply: object, shown: str, plain: str) -> None:
    assert formatted(reply) == shown
    assert raw(reply) == plain
