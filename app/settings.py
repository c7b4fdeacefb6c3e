"""Every setting of Modepulse, read once from the environment (prefix `MODEPULSE_`)."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

PREFIX = "MODEPULSE_"


class SettingsError(ValueError):
    """A setting cannot be used. Names the variable, never its value: a DSN holds a password."""


def _setting(
    default: Any, doc: str, low: float | None = None, high: float | None = None, *, secret: bool = False
) -> Any:
    """`low` and `high` are the smallest and the largest allowed number; a secret is left out of the repr."""
    return field(default=default, repr=not secret, metadata={"doc": doc, "low": low, "high": high})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Field `x_y` is the variable `MODEPULSE_X_Y`; the README's table is checked against this class."""

    redis_url: str = _setting("", "Redis to use; unset: `modepulse dev` starts one", secret=True)
    postgres_dsn: str = _setting("", "Postgres to use; unset: `modepulse dev` starts one", secret=True)
    postgres_read_dsn: str = _setting(
        "", "Postgres that audit and history queries ask, a replica; unset: the other", secret=True
    )
    redis_server: str = _setting("", "redis-server binary (>= 7.0) that `modepulse dev` and the tests start")
    partitions: int = _setting(1, "partitions of the areas; fixed at first start", 1, 4096)
    session_lease_seconds: float = _setting(900.0, "a session without an event for this long expires", 1, 86_400)
    max_body_bytes: int = _setting(16 * 1024 * 1024, "larger request bodies get 413", 1024)
    body_timeout_seconds: float = _setting(30.0, "a body that takes longer to arrive gets 408", 0.1)
    queue_events: int = _setting(100_000, "events waiting in one API process; beyond it POST gets 503", 1)
    write_deadline_seconds: float = _setting(5.0, "how long a write is retried before 503 `outcome_unknown`", 0.1, 30)
    redis_timeout_seconds: float = _setting(2.0, "one Redis round trip", 0.05, 30)
    wait_replicas: int = _setting(0, "replicas that must hold a write before it is answered (WAIT)", 0, 10)
    memory_share: float = _setting(0.8, "share of Redis's maxmemory beyond which POST gets 503", 0.01, 1)
    idempotency_seconds: int = _setting(86_400, "how long the answer to an Idempotency-Key is kept", 60)
    max_areas: int = _setting(100_000, "areas known at a time; beyond it an event in a new one gets 422", 1)
    new_areas_per_minute: int = _setting(1000, "areas that may become known in a minute; beyond it 422", 1)
    max_modes_per_area: int = _setting(1000, "modes with players in an area; beyond it 422", 1)
    max_sessions_per_user: int = _setting(
        100, "sessions of a user in a partition, logged-out ones of the last lease included; beyond it 422", 1
    )
    max_idempotency_keys: int = _setting(1_000_000, "answers to Idempotency-Keys kept at a time; beyond it 422", 1)
    areas: str = _setting("", "the only areas that are taken, separated by commas; unset: any")
    modes: str = _setting("", "the only modes that are taken, separated by commas; unset: any")
    retention_days: int = _setting(400, "days that events stay in Postgres", 1, 36_500)
    minutes_retention_days: int = _setting(1200, "days that the minutes behind GET /history stay", 1, 36_500)
    query_timeout_seconds: float = _setting(10.0, "an audit or history query that takes longer gets 503", 0.1, 3600)
    max_exports: int = _setting(2, "CSV and NDJSON exports at a time, of all API processes together", 1, 100)
    admin_token: str = _setting(
        "", "what DELETE /users/{user_id} asks for; unset: `modepulse dev` makes one", secret=True
    )
    log_level: str = _setting("info", "debug, info, warning or error")
    log_file: str = _setting("", "file the JSON log lines are appended to; unset: stderr")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Raises SettingsError naming the first variable that cannot be used."""
        given: dict[str, Any] = {
            f.name: _parse(f.name, f.type, f.metadata, environment[variable])
            for f in fields(cls)
            if environment.get(variable := PREFIX + f.name.upper())
        }
        return cls(**given)

    @property
    def lease_us(self) -> int:
        """The lease in microseconds."""
        return round(self.session_lease_seconds * 1_000_000)

    @property
    def expiry_bucket_seconds(self) -> int:
        """Seconds covered by one bucket of the expiry wheel: a minute at the default lease of 15 minutes."""
        return max(1, min(60, int(self.session_lease_seconds / 15)))


def _parse(name: str, kind: Any, metadata: Mapping[str, Any], text: str) -> str | int | float:
    variable = PREFIX + name.upper()
    if kind is str:
        if name == "log_level" and text.lower() not in ("debug", "info", "warning", "error"):
            raise SettingsError(f"{variable} must be debug, info, warning or error")
        if name in ("areas", "modes") and not text.strip(" ,"):
            raise SettingsError(f"{variable} must name at least one")
        return text
    try:
        number: int | float = kind(text)
    except ValueError:
        raise SettingsError(f"{variable} must be a number") from None
    low, high = metadata["low"], metadata["high"]
    if not (low is None or number >= low) or not (high is None or number <= high):
        bounds = f"at least {low}" if high is None else f"from {low} to {high}"
        raise SettingsError(f"{variable} must be {bounds}")
    return number
