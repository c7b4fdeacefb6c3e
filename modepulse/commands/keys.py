"""The commands about API keys: create, list, revoke. They ask Redis itself: the first key needs no running service."""

import time
from datetime import UTC, datetime
from typing import Annotated

import typer
from redis.asyncio import Redis

from app.contract.api_key import MAX_RATE, MIN_RATE, NAME_RULE, RATE_RULE, ApiKey, Scope, is_key_name, key_id, new_key
from app.contract.expiry import EXPIRY_RULE, expiry_of
from app.contract.key_store import read_keys, write_key
from modepulse.commands.failure import fail
from modepulse.commands.options import DEFAULT_DATA_DIR, RunningDataDir
from modepulse.commands.settings import read_settings_for_redis
from modepulse.commands.stores import run_with_redis
from modepulse.notice import notice
from modepulse.table import table

app = typer.Typer(help="API keys: who may post, read, audit and administer.", no_args_is_help=True)


@app.command(epilog="Example: modepulse keys create 'game servers' --scope ingest --expires 90d")
def create(
    name: Annotated[str, typer.Argument(help="What the key is for, as it is shown in lists and logs.")],
    scope: Annotated[list[Scope], typer.Option(help="What it may do; may be repeated. admin may do everything.")],
    rate: Annotated[
        float | None, typer.Option(help="Requests a second; default: MODEPULSE_KEY_REQUESTS_PER_SECOND.")
    ] = None,
    expires: Annotated[str, typer.Option(help="30d, 12h, 45m from now, or a time (ISO 8601). Default: never.")] = "",
    data_dir: RunningDataDir = DEFAULT_DATA_DIR,
) -> None:
    """Make a key and print it, this once. From the first key on, keys are needed everywhere within a second."""
    if not is_key_name(name):
        fail(f"the name {NAME_RULE}", 2)
    if rate is not None and not MIN_RATE <= rate <= MAX_RATE:
        fail(f"--rate {RATE_RULE}", 2)
    try:
        expires_at = expiry_of(expires, time.time()) if expires else None
    except ValueError:
        fail(f"--expires {EXPIRY_RULE}", 2)
    key, text = new_key(name, scope, rate or 0.0, expires_at)
    run_with_redis(read_settings_for_redis(data_dir), lambda redis: write_key(redis, key))
    notice(f"key {key.id} made; it is shown only now")
    print(text)


@app.command("list", epilog="Example: modepulse keys list")
def list_keys(data_dir: RunningDataDir = DEFAULT_DATA_DIR) -> None:
    """List all keys, the oldest first: id, scopes, rate, when made, until when, state, name."""
    kept = run_with_redis(read_settings_for_redis(data_dir), read_keys)
    rows: list[tuple[str, ...]] = [("ID", "SCOPES", "RATE", "CREATED", "EXPIRES", "REVOKED", "NAME")]
    for key in sorted(kept.keys.values(), key=lambda key: key.created_at):
        rate = f"{key.rate:g}" if key.rate else "-"
        times = (_time(at) for at in (key.created_at, key.expires_at, key.revoked_at))
        rows.append((key.id, ",".join(key.scopes), rate, *times, key.name))
    print(table(rows))


@app.command(epilog="Example: modepulse keys revoke k3v0s8wq1x")
def revoke(
    identity: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `modepulse keys list` shows it.")],
    data_dir: RunningDataDir = DEFAULT_DATA_DIR,
) -> None:
    """Revoke a key everywhere within 5 seconds. Cannot be undone; safe to repeat."""
    identity = key_id(identity.encode()) or identity  # somebody pasted the key

    async def run(redis: Redis) -> ApiKey:
        kept = await read_keys(redis)
        key = kept.keys.get(identity)
        if key is None:
            fail("there is no key with this id" if kept.epoch else "Redis is not open yet: try again in a moment", 1)
        await write_key(redis, key.revoked())
        return key

    key = run_with_redis(read_settings_for_redis(data_dir), run)
    print(f"{key.id} revoked ({key.name})")


def _time(at: float | None) -> str:
    return "-" if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"
