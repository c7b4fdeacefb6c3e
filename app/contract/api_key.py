"""API keys: what they look like, what they allow, and how they are kept.

A key is shown once, as `mp_<scope>_<id>_<secret>`: the first part says where it comes from, for people and for secret
scanners, the id names it in lists and logs, the secret is 238 random bits. What is kept is the SHA-256 of the whole
text; a slow hash would protect nothing, as nobody can guess that many bits.

Kept keys are in the Redis hash `{0}:keys`, id -> JSON; the archiver copies them to the table api_keys and back, so that
they outlive a lost Redis. A key changes once in its life, when it is revoked, and stays with that time: of two copies
the revoked one is the newer.
"""

import re
import secrets
import string
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from hashlib import sha256
from typing import Any

import orjson


class Scope(StrEnum):
    """What a key may do. ADMIN may do everything."""

    INGEST = "ingest"
    """POST /events."""
    READ = "read"
    """Live counters, areas, modes, histories of areas, the stream and the page."""
    AUDIT = "audit"
    """Events, users' sessions and histories, exports."""
    ADMIN = "admin"
    """Erasing, generating, keys, and all of the above."""


MAX_NAME = 100
NAME_RULE = f"is 1 to {MAX_NAME} printable characters"
MIN_RATE, MAX_RATE = 0.001, 1_000_000_000
"""Requests a second."""
RATE_RULE = f"is a number from {MIN_RATE} to {MAX_RATE}"
_ALPHABET = string.ascii_letters + string.digits
_ID_ALPHABET = string.ascii_lowercase + string.digits
ID_CHARACTERS = 10
_SECRET_CHARACTERS = 40
_SEVERAL = "multi"
_SHAPE = rf"mp_(?:{'|'.join([*Scope, _SEVERAL])})_([a-z0-9]{{{ID_CHARACTERS}}})_[A-Za-z0-9]{{{_SECRET_CHARACTERS}}}"
_key = re.compile(_SHAPE.encode())


@dataclass(frozen=True)
class ApiKey:
    """A kept key. Times are seconds since 1970; `expires_at` and `revoked_at` are None where there is none.

    `rate`: requests a second, 0 for the setting's.
    """

    id: str
    name: str
    scopes: tuple[Scope, ...]
    digest: str
    created_at: float
    rate: float = 0.0
    expires_at: float | None = None
    revoked_at: float | None = None

    def is_valid(self, now: float) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and not self.has_expired(now)

    def has_expired(self, now: float) -> bool:
        """Whether its time is over; a revoked key may still have some."""
        return self.expires_at is not None and now >= self.expires_at

    def revoked(self) -> "ApiKey":
        """The key as it is from now on; the same if it is revoked already."""
        return self if self.revoked_at is not None else replace(self, revoked_at=_now())

    def shown(self) -> dict[str, Any]:
        """All that may be shown of it: not the digest."""
        return {name: value for name, value in asdict(self).items() if name != "digest"}

    def to_json(self) -> bytes:
        """As it is kept."""
        return orjson.dumps(self)

    @classmethod
    def from_json(cls, text: bytes | str) -> "ApiKey":
        """Fields of a later version are ignored. Raises ValueError for what is not a kept key."""
        try:
            kept = orjson.loads(text)
            key = cls(**{name: kept[name] for name in _FIELDS if name in kept})
            scopes = tuple(map(Scope, key.scopes))
            digest = bytes.fromhex(key.digest)
        except (TypeError, KeyError) as error:
            raise ValueError("not a kept key") from error
        times = [time for time in (key.expires_at, key.revoked_at) if time is not None]
        if (
            len(digest) != sha256().digest_size
            or not all(isinstance(text, str) for text in (key.id, key.name))
            or not all(isinstance(number, float | int) for number in (key.created_at, key.rate, *times))
        ):
            raise ValueError("not a kept key")
        return replace(key, scopes=scopes)


_FIELDS = [field.name for field in fields(ApiKey)]


def new_key(
    name: str, scopes: Sequence[Scope], rate: float = 0.0, expires_at: float | None = None
) -> tuple[ApiKey, str]:
    """(what is kept, the key itself: shown once)"""
    granted = tuple(dict.fromkeys(scopes))
    identity = "".join(secrets.choice(_ID_ALPHABET) for _ in range(ID_CHARACTERS))
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_CHARACTERS))
    text = f"mp_{granted[0] if len(granted) == 1 else _SEVERAL}_{identity}_{secret}"
    return ApiKey(identity, name, granted, digest_of(text.encode()), _now(), rate, expires_at), text


def _now() -> float:
    """To the millisecond: exact in JSON and in Postgres."""
    return round(time.time(), 3)


def newest(one: ApiKey | None, other: ApiKey | None) -> ApiKey | None:
    """The newer of two copies of a key: a revoked one."""
    if one is None or (other is not None and one.revoked_at is None):
        return other
    return one


def digest_of(key: bytes) -> str:
    """The SHA-256 of the key's text, in hexadecimal digits."""
    return sha256(key).hexdigest()


def key_id(text: bytes) -> str | None:
    """The id in the text of a key; None when the text has not the shape of one."""
    found = _key.fullmatch(text)
    return found[1].decode() if found else None


def holds_key(text: bytes) -> bool:
    """Whether something in the text has the shape of a key."""
    return _key.search(text) is not None


def is_key_name(name: Any) -> bool:
    """Whether a key may have this name."""
    return isinstance(name, str) and 1 <= len(name) <= MAX_NAME and name.isprintable() and not name.isspace()
