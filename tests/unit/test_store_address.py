"""Addresses of Redis and Postgres: whatever the password, both clients read the same one."""

from typing import Any, cast

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from app.store_address import POSTGRES_SCHEMES, REDIS_SCHEMES, canonical, with_password, without_secrets

# All but controls and surrogates.
PASSWORDS = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=40)
HARD = ["p@/#:%?&=+ é\"'\\[]", "100%", "@", "/", "#", ":", "6379/0", "a@b:1/c"]


def redis_password(url: str) -> Any:
    return Redis.from_url(url).connection_pool.connection_kwargs["password"]


def postgres_connection(dsn: str) -> tuple[Any, str | None]:
    """(hosts, password) as asyncpg reads them."""
    names = (
        *("host", "port", "user", "password", "passfile", "database", "ssl", "service", "servicefile", "direct_tls"),
        *("server_settings", "target_session_attrs", "krbsrvname", "gsslib"),
    )
    addresses, parameters = cast(Any, asyncpg.connect_utils)._parse_connect_dsn_and_args(
        dsn=dsn, **dict.fromkeys(names)
    )
    return addresses, parameters.password


@given(PASSWORDS)
def test_password_of_its_own_reaches_both_clients(password: str) -> None:
    assert redis_password(with_password("redis://api@redis:6379/0", password)) == password
    assert redis_password(with_password("unix://api@/run/redis.sock?db=1", password)) == password
    dsn = with_password("postgresql://api@a:1,b:2/db?application_name=x@y", password)
    assert postgres_connection(dsn) == ([("a", 1), ("b", 2)], password)


@pytest.mark.parametrize("password", HARD)
def test_password_that_is_not_encoded_reaches_both_clients(password: str) -> None:
    assert redis_password(canonical(f"redis://:{password}@redis:6379/0", REDIS_SCHEMES)) == password
    dsn = canonical(f"postgresql://api:{password}@postgres:5432/modepulse", POSTGRES_SCHEMES)
    assert postgres_connection(dsn) == ([("postgres", 5432)], password)


@pytest.mark.parametrize(
    "address",
    [
        "redis://:p%40%2F%23%3A%25@redis:6379/0",
        "rediss://api:secret@[::1]:6380/1?ssl_ca_certs=/etc/ca@here.crt",
        "unix:///run/redis@1.sock?db=2",
    ],
)
def test_address_that_is_right_stays_as_it_is(address: str) -> None:
    assert canonical(address, REDIS_SCHEMES) == address
    if "@redis:" in address:
        assert with_password(address, "another") == address


def test_password_behind_the_question_mark_counts() -> None:
    dsn = "postgresql://postgres/modepulse?user=api&password=secret"
    assert with_password(canonical(dsn, POSTGRES_SCHEMES), "another") == dsn


@pytest.mark.parametrize(
    "text",
    [
        *(
            "redis",
            "redis:/h",
            "http://h",
            "redis://h:port",
            "redis://h:0",
            "redis://h:65536",
            "redis://[::1",
            "unix://",
        ),
        *("redis://h/0#x", "redis://h/0\n", "redis://:a\0b@h", "postgresql://h", " redis://h"),
    ],
)
def test_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no address of a store"):
        canonical(text, REDIS_SCHEMES)


def test_what_is_shown_holds_no_secret() -> None:
    shown = without_secrets("postgresql://secret:secret@h:1/db?password=secret&sslpassword=secret")
    assert shown == "postgresql://h:1/db"
