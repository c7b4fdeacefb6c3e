"""Admission without a server around it, for tests."""

from collections.abc import Iterable
from typing import Any

import pytest
from fakeredis import FakeAsyncRedis
from starlette.types import Scope as RequestScope

from app.access.admission import Admission
from app.access.need import Need
from app.contract.api_key import ApiKey
from app.contract.keys import API_KEYS, keys_of
from app.errors import Problem
from app.live.keyring import Keyring
from app.settings import Settings

TOKEN = "the admin token of these tests"
WRONG = "mp_read_abcdefghij_" + "x" * 40


def request(*headers: tuple[str, str], query: str = "", address: str = "192.0.2.1") -> RequestScope:
    return {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": query.encode("latin-1"),
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers],
        "client": (address, 1),
        "state": {},
    }


def bearer(text: str) -> tuple[str, str]:
    return ("Authorization", f"Bearer {text}")


async def admission_of(
    keys: Iterable[ApiKey] = (), *, loopback: bool = False, epoch: str = "e", **more: Any
) -> Admission:
    redis: Any = FakeAsyncRedis(protocol=2)
    if epoch:
        await redis.set(keys_of(0).epoch, epoch)
    for key in keys:
        await redis.hset(API_KEYS, key.id, key.to_json())
    admission = Admission(Settings(**more), Keyring(redis), loopback)
    await admission.refresh()
    return admission


def refused(admission: Admission, scope: RequestScope, need: Need) -> Problem:
    with pytest.raises(Problem) as raised:
        admission.admit(scope, need, "GET /test")
    return raised.value
