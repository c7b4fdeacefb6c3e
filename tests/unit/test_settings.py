"""Settings from the environment."""

import re
from dataclasses import fields
from typing import Any

import pytest

from app.settings import PREFIX, Settings, SettingsError

SECRETS = ("redis_url", "postgres_dsn", "postgres_read_dsn", "admin_token")


def test_repr_holds_no_secret() -> None:
    secret = "s3cret"
    values: dict[str, Any] = dict.fromkeys(SECRETS, f"redis://:{secret}@host")
    settings = Settings(**values)
    assert secret not in repr(settings)
    assert "session_lease_seconds=900.0" in repr(settings)


def test_every_address_and_token_is_a_secret() -> None:
    named = {field.name for field in fields(Settings) if re.search("url|dsn|token|password|secret", field.name)}
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
    ],
)
def test_error_names_the_variable_and_never_its_value(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as raised:
        Settings.from_environment({PREFIX + name: value})
    assert PREFIX + name in str(raised.value)
    assert value not in str(raised.value).removeprefix(PREFIX + name).split()


def test_empty_variable_is_as_good_as_none() -> None:
    assert Settings.from_environment({PREFIX + "PARTITIONS": ""}) == Settings()
