"""Settings from the environment."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from app.settings import PREFIX, Settings, SettingsError

SECRETS = (
    *("redis_url", "postgres_dsn", "postgres_read_dsn"),
    *("redis_password", "postgres_password", "admin_token", "api_key"),
)


def test_repr_holds_no_secret() -> None:
    secret = "s3cret"
    values: dict[str, Any] = dict.fromkeys(SECRETS, f"redis://:{secret}@host")
    settings = Settings(**values)
    assert secret not in repr(settings)
    assert "session_lease_seconds=900.0" in repr(settings)


def test_every_address_and_token_is_a_secret() -> None:
    named = {field.name for field in fields(Settings) if re.search("url|dsn|token|password|secret|key$", field.name)}
    assert named == {field.name for field in fields(Settings) if not field.repr}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PARTITIONS", "0"),
        ("PARTITIONS", "1.5"),
        ("MEMORY_SHARE", "nan"),
        ("LOG_LEVEL", "loud"),
        ("MAX_EXPORTS", "x"),
        ("MAX_AREAS", "0"),
        ("MODES", " , "),
        ("PUBLIC_READS", "maybe"),
        ("CORS_ORIGINS", "evil.example"),
        ("CORS_ORIGINS", "*,https://evil.example"),
        ("ALLOWED_HOSTS", "http://evil.example"),
        ("TRUSTED_PROXIES", "10.0.0.0/40"),
        ("LOGIN_SECONDS", "1"),
        ("METRICS_OPEN", "readers"),
        ("METRICS_PORT", "65536"),
        ("METRICS_PORT", "-1"),
        ("ARCHIVER_METRICS_PORT", "http"),
        *(("METRICS_HOST", host) for host in ("127.0.0.1:9109", "http://host", "a b", "[::1]", "x" * 64, "a..b")),
        *(
            ("ROOT_PATH", path)
            for path in ("modepulse", "/", "/modepulse/", "//x", "/a/../b", "/a b", "/a%20", "/ü", "/a\n")
        ),
    ],
)
def test_error_names_the_variable_and_never_its_value(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as raised:
        Settings.from_environment({PREFIX + name: value})
    assert PREFIX + name in str(raised.value)
    assert value not in str(raised.value).removeprefix(PREFIX + name).split()


def test_empty_variable_is_as_good_as_none() -> None:
    assert Settings.from_environment({PREFIX + "PARTITIONS": ""}) == Settings()


# --- Secrets in files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "value"), [("a b", "a b"), ("x\n", "x"), ("x\r\n", "x"), (" é", " é")])
def test_setting_may_stand_in_a_file(tmp_path: Path, text: str, value: str) -> None:
    (tmp_path / "secret").write_bytes(text.encode())
    named = {PREFIX + "ADMIN_TOKEN_FILE": str(tmp_path / "secret")}
    assert Settings.from_environment(named).admin_token == value
    assert Settings.from_environment(named | {PREFIX + "ADMIN_TOKEN": ""}).admin_token == value


def test_any_setting_may_stand_in_a_file_and_is_checked(tmp_path: Path) -> None:
    (tmp_path / "number").write_text("4\n")
    named = {PREFIX + "PARTITIONS_FILE": str(tmp_path / "number")}
    assert Settings.from_environment(named).partitions == 4
    (tmp_path / "number").write_text("0\n")
    with pytest.raises(SettingsError, match="MODEPULSE_PARTITIONS must"):
        Settings.from_environment(named)


def test_no_setting_has_the_name_of_another_ones_file() -> None:
    names = {field.name for field in fields(Settings)}
    assert not names & {f"{name}_file" for name in names}


@pytest.mark.parametrize(
    ("content", "more", "message"),
    [
        (b"s3cret", {"ADMIN_TOKEN": "s3cret"}, "MODEPULSE_ADMIN_TOKEN and MODEPULSE_ADMIN_TOKEN_FILE are both set"),
        (None, {}, "MODEPULSE_ADMIN_TOKEN_FILE: the file cannot be read: No such file"),
        (b"", {}, "MODEPULSE_ADMIN_TOKEN_FILE: the file is empty"),
        (b"\n", {}, "MODEPULSE_ADMIN_TOKEN_FILE: the file is empty"),
        (b"s3cret\xff", {}, "MODEPULSE_ADMIN_TOKEN_FILE: the file is not UTF-8"),
    ],
)
def test_file_that_cannot_be_used_is_refused(
    tmp_path: Path, content: bytes | None, more: dict[str, str], message: str
) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    named = {"ADMIN_TOKEN_FILE": str(tmp_path / "secret")} | more
    with pytest.raises(SettingsError, match=f"^{message}") as raised:
        Settings.from_environment({PREFIX + name: value for name, value in named.items()})
    assert "s3cret" not in str(raised.value)


def test_password_of_its_own_joins_every_address_without_one(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("p@/#\n")
    settings = Settings.from_environment(
        {
            PREFIX + "REDIS_URL": "redis://api@redis/0",
            PREFIX + "REDIS_PASSWORD": "r:d",
            PREFIX + "POSTGRES_DSN": "postgresql://api@postgres/db",
            PREFIX + "POSTGRES_READ_DSN": "postgresql://api:own@replica/db",
            PREFIX + "POSTGRES_PASSWORD_FILE": str(tmp_path / "password"),
        }
    )
    assert settings.redis_url == "redis://api:r%3Ad@redis/0"
    assert settings.postgres_dsn == "postgresql://api:p%40%2F%23@postgres/db"
    assert settings.postgres_read_dsn == "postgresql://api:own@replica/db"


@pytest.mark.parametrize("name", ["REDIS_URL", "POSTGRES_DSN", "POSTGRES_READ_DSN"])
def test_what_is_no_address_is_refused_without_being_shown(name: str) -> None:
    for value in ("s3cret", "http://s3cret", "redis://h:s3cret", "postgresql://u:p@h:s3cret"):
        with pytest.raises(SettingsError, match=f"^MODEPULSE_{name} must be an address") as raised:
            Settings.from_environment({PREFIX + name: value})
        assert "s3cret" not in str(raised.value)
