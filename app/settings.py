"""Every setting of Modepulse, read once from the environment (prefix `MODEPULSE_`) or from the files it names."""

import os
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

from app import store_address
from app.setting_forms import (
    check_host,
    check_log_level,
    check_names,
    check_path_prefix,
    parse_hosts,
    parse_list,
    parse_networks,
    parse_origins,
)

PREFIX = "MODEPULSE_"
# Of a variable that names the file in which the setting's value stands.
FILE_SUFFIX = "_FILE"
# setting -> (possible schemes, the setting with the password for an address that has none)
ADDRESSES = {
    "redis_url": (store_address.REDIS_SCHEMES, "redis_password"),
    "postgres_dsn": (store_address.POSTGRES_SCHEMES, "postgres_password"),
    "postgres_read_dsn": (store_address.POSTGRES_SCHEMES, "postgres_password"),
}
MOST = 1_000_000_000
_SWITCH = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


class SettingsError(ValueError):
    """A setting cannot be used. Names the variable, never its value: a DSN holds a password."""


def _setting(
    default: Any,
    doc: str,
    low: float | None = None,
    high: float | None = None,
    *,
    secret: bool = False,
    check: Callable[[str], object] = str,
) -> Any:
    """`low` and `high` are the smallest and the largest allowed number; a secret is left out of the repr.

    `check` raises ValueError, with what the variable must be, for a text that cannot be used.
    """
    return field(default=default, repr=not secret, metadata={"doc": doc, "low": low, "high": high, "check": check})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Field `x_y` is the variable `MODEPULSE_X_Y`; the README's table is checked against this class."""

    redis_url: str = _setting("", "Redis to use; unset: `modepulse dev` starts one", secret=True)
    postgres_dsn: str = _setting("", "Postgres to use; unset: `modepulse dev` starts one", secret=True)
    postgres_read_dsn: str = _setting(
        "", "Postgres that audit and history queries ask, a replica; unset: the other", secret=True
    )
    redis_password: str = _setting("", "password for a `redis_url` that has none", secret=True)
    postgres_password: str = _setting("", "password for the DSNs that have none", secret=True)
    redis_server: str = _setting("", "redis-server binary (>= 7.0) that `modepulse dev` and the tests start")
    partitions: int = _setting(1, "partitions of the areas; fixed at first start", 1, 4096)
    session_lease_seconds: float = _setting(900.0, "a session without an event for this long expires", 1, 86_400)
    max_connections: int = _setting(0, "connections at a time; beyond it 503; 0: as many as files may be open", 0)
    connections_per_address: int = _setting(0, "of one address; beyond it 429; 0: automatic", 0)
    max_listeners: int = _setting(10_000, "listeners to GET /stats/stream at a time; beyond it 503", 0)
    listeners_per_address: int = _setting(0, "of one address; beyond it 429; 0: automatic", 0)
    max_header_bytes: int = _setting(65_536, "larger headers, with the request line, get 431 or 414", 1024, 1_048_576)
    header_timeout_seconds: float = _setting(10.0, "headers that take longer to arrive get 408", 0.1, 3600)
    max_body_bytes: int = _setting(8_388_608, "larger request bodies get 413, also once decompressed", 1024)
    body_timeout_seconds: float = _setting(30.0, "a body that takes longer to arrive gets 408", 0.1)
    max_waiting_bytes: int = _setting(67_108_864, "bytes of bodies being read at a time; beyond it 503", 1_048_576)
    max_request_events: int = _setting(10_000, "events of one request; beyond it 422", 1, 100_000)
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
    max_idempotency_keys: int = _setting(10_000_000, "answers to Idempotency-Keys kept at a time; beyond it 422", 1)
    areas: str = _setting("", "the only areas that are taken, separated by commas; unset: any", check=check_names)
    modes: str = _setting("", "the only modes that are taken, separated by commas; unset: any", check=check_names)
    retention_days: int = _setting(400, "days that events stay in Postgres", 1, 36_500)
    minutes_retention_days: int = _setting(1200, "days that the minutes behind GET /history stay", 1, 36_500)
    access_retention_days: int = _setting(400, "days that the audit trail, who read and erased, stays", 1, 36_500)
    query_timeout_seconds: float = _setting(10.0, "an audit or history query that takes longer gets 503", 0.1, 3600)
    max_exports: int = _setting(2, "CSV and NDJSON exports at a time, of all API processes together", 1, 100)
    admin_token: str = _setting("", "the first admin key; unset: `modepulse dev` makes one", secret=True)
    api_key: str = _setting("", "the key that `modepulse replay` and `modepulse simulate` send", secret=True)
    allow_anonymous: bool = _setting(False, "serves on any address without keys, as long as none was created")
    public_reads: bool = _setting(False, "live counters need no key: /stats, /stats/stream, /areas, /modes")
    key_requests_per_second: float = _setting(50_000.0, "requests a second of one key; beyond it 429", 0.1, MOST)
    key_events_per_second: float = _setting(500_000.0, "events a second of one key; beyond it 429", 0.1, MOST)
    address_requests_per_second: float = _setting(
        0.0, "requests a second of one address, of those without a valid key; 0: automatic", 0, MOST
    )
    address_events_per_second: float = _setting(0.0, "the same in events a second; 0: automatic", 0, MOST)
    wrong_keys_per_minute: float = _setting(10.0, "wrong keys a minute of one address; beyond it 429", 0.1, MOST)
    cors_origins: str = _setting(
        "", "origins whose pages may use the API from a browser, or * for all", check=parse_origins
    )
    allowed_hosts: str = _setting(
        "", "host names to answer to; unset: on a loopback address those of this machine, else all", check=parse_hosts
    )
    root_path: str = _setting("", "the path under which a proxy serves all of this", check=check_path_prefix)
    trusted_proxies: str = _setting(
        "", "addresses and networks of proxies whose X-Forwarded-For and -Proto are believed", check=parse_networks
    )
    login_seconds: int = _setting(604_800, "how long a login on the page lasts", 60, 31_536_000)
    metrics_open: bool = _setting(False, "`/metrics` on the API's own port needs no key")
    metrics_port: int = _setting(0, "the port of the API's `/metrics`; 0: the one of the API, as a path", 0, 65_535)
    archiver_metrics_port: int = _setting(0, "the port of the archiver's `/metrics`; 0: none", 0, 65_535)
    metrics_host: str = _setting("127.0.0.1", "the address of these two ports, which ask for no key", check=check_host)
    log_level: str = _setting("info", "debug, info, warning or error", check=check_log_level)
    log_file: str = _setting("", "file the JSON log lines are appended to; unset: stderr")
    dev: bool = _setting(False, "the page shows how to send events; `modepulse dev` sets it")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Raises SettingsError naming the first variable that cannot be used."""
        given: dict[str, Any] = {
            f.name: _parse(f.name, f.type, f.metadata, text)
            for f in fields(cls)
            if (text := _read(environment, PREFIX + f.name.upper()))
        }
        for name, (schemes, password) in ADDRESSES.items():
            if name in given:
                given[name] = _address(name, given[name], schemes, given.get(password, ""))
        return cls(**given)

    @property
    def listed_names(self) -> tuple[frozenset[str], frozenset[str]]:
        """The areas and the modes that are taken; without any, all are."""
        return frozenset(parse_list(self.areas)), frozenset(parse_list(self.modes))

    @property
    def lease_us(self) -> int:
        """The lease in microseconds."""
        return round(self.session_lease_seconds * 1_000_000)

    @property
    def expiry_bucket_seconds(self) -> int:
        """Seconds covered by one bucket of the timer wheel: a minute at the default lease of 15 minutes."""
        return max(1, min(60, int(self.session_lease_seconds / 15)))


def traces_exporters(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The exporters that OpenTelemetry's own variables ask for, by the names of their entry points; as a rule none."""
    otel = {name.removeprefix("OTEL_"): text for name, text in environment.items() if name.startswith("OTEL_") and text}
    endpoint = otel.get("EXPORTER_OTLP_TRACES_ENDPOINT") or otel.get("EXPORTER_OTLP_ENDPOINT")
    named = otel.get("TRACES_EXPORTER") or ("otlp" if endpoint else "none")
    if otel.get("SDK_DISABLED", "").lower() == "true":
        return ()
    protocol = otel.get("EXPORTER_OTLP_TRACES_PROTOCOL") or otel.get("EXPORTER_OTLP_PROTOCOL")
    otlp = "otlp_proto_grpc" if protocol == "grpc" else "otlp_proto_http"
    names = (name.strip() for name in named.split(","))
    return tuple(otlp if name == "otlp" else name for name in names if name not in ("", "none"))


class Origin(NamedTuple):
    """A setting in effect, to be shown. `source`: `default`, the variable, or the file that the variable names."""

    variable: str
    value: str | int | float | bool
    source: str


def effective(environment: Mapping[str, str] = os.environ) -> list[Origin]:
    """All of them, in their order; of secrets the value is hidden, of addresses what is secret in them.

    Raises SettingsError.
    """
    settings = Settings.from_environment(environment)
    return [_origin(f, getattr(settings, f.name), environment) for f in fields(Settings)]


def _origin(setting: "Field[Any]", value: Any, environment: Mapping[str, str]) -> Origin:
    variable = PREFIX + setting.name.upper()
    source = "default"
    if path := environment.get(variable + FILE_SUFFIX):
        source = f"{variable}{FILE_SUFFIX} ({path})"
    elif environment.get(variable):
        source = variable
    if value and setting.name in ADDRESSES:
        value = store_address.without_secrets(value)
    elif value and not setting.repr:
        value = "(hidden)"
    return Origin(variable, value, source)


def _read(environment: Mapping[str, str], variable: str) -> str:
    """The value of a variable, or of the file that the variable with FILE_SUFFIX names; empty for neither."""
    by_file = variable + FILE_SUFFIX
    if not (path := environment.get(by_file)):
        return environment.get(variable, "")
    if environment.get(variable):
        raise SettingsError(f"{variable} and {by_file} are both set: one of them has to go")
    try:
        text = Path(path).read_text("utf-8").removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise SettingsError(f"{by_file}: the file cannot be read: {error.strerror}") from None
    except ValueError:
        raise SettingsError(f"{by_file}: the file is not UTF-8 text") from None
    if not text:
        raise SettingsError(f"{by_file}: the file is empty")
    return text


def _address(name: str, text: str, schemes: tuple[str, ...], password: str) -> str:
    try:
        return store_address.with_password(store_address.canonical(text, schemes), password)
    except ValueError:
        raise SettingsError(
            f"{PREFIX}{name.upper()} must be an address that starts with {' or '.join(f'{s}://' for s in schemes)},"
            f" its user name and password percent-encoded"
        ) from None


def _parse(name: str, kind: Any, metadata: Mapping[str, Any], text: str) -> str | int | float:
    variable = PREFIX + name.upper()
    if kind is str:
        try:
            metadata["check"](text)
        except ValueError as error:
            raise SettingsError(f"{variable} must be {error}") from None
        return text
    if kind is bool:
        if text.lower() not in _SWITCH:
            raise SettingsError(f"{variable} must be true or false")
        return _SWITCH[text.lower()]
    try:
        number: int | float = kind(text)
    except ValueError:
        raise SettingsError(f"{variable} must be a number") from None
    low, high = metadata["low"], metadata["high"]
    if not (low is None or number >= low) or not (high is None or number <= high):
        bounds = f"at least {low}" if high is None else f"from {low} to {high}"
        raise SettingsError(f"{variable} must be {bounds}")
    return number
