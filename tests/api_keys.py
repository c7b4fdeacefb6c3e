"""API keys in a running stack, written as the service keeps them."""

from dataclasses import dataclass
from typing import Any

import redis

from app.contract.api_key import ApiKey, Scope, new_key
from app.contract.keys import API_KEYS
from tests.servers import Stack


@dataclass(frozen=True)
class Key:
    """A key in a stack: as it is kept, and as it is sent."""

    stack: Stack
    kept: ApiKey
    text: str

    @property
    def header(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.text}"}

    def revoke(self) -> None:
        write(self.stack, self.kept.revoked())


def make_key(stack: Stack, name: str, *scopes: str, expires_at: float | None = None) -> Key:
    """From the first on, keys are needed, soon."""
    kept, text = new_key(name, [Scope(scope) for scope in scopes], expires_at=expires_at)
    write(stack, kept)
    return Key(stack, kept, text)


def write(stack: Stack, kept: ApiKey) -> None:
    client: Any = redis.Redis.from_url(stack.run["redis_url"])
    client.hset(API_KEYS, kept.id, kept.to_json())
    client.close()
