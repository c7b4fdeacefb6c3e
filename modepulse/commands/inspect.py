"""The commands that show what Redis holds: an area, a user, the log, the keys. They change nothing."""

import json
import time
from typing import Annotated, Any

import typer

from modepulse.commands.failure import fail
from modepulse.commands.options import DEFAULT_DATA_DIR, AsJson, RunningDataDir
from modepulse.commands.settings import read_settings_for_redis
from modepulse.commands.stores import run_with_redis
from modepulse.table import table

app = typer.Typer(help="Show what Redis holds: area, user, log, keys. Changes nothing.", no_args_is_help=True)


@app.command(epilog="Example: modepulse inspect area 111")
def area(
    area_code: Annotated[str, typer.Argument(help="The area.")],
    as_json: AsJson = False,
    data_dir: RunningDataDir = DEFAULT_DATA_DIR,
) -> None:
    """Show an area's modes and how many play them, as GET /stats does."""
    from modepulse.live_data import read_area, shown

    settings = read_settings_for_redis(data_dir)
    modes = run_with_redis(settings, lambda redis: read_area(redis, settings, area_code))
    if as_json:
        _print_json([{"multiplayer_mode": mode, "count": count} for mode, count in modes])
    elif not modes:
        print(f"nobody plays in area {shown(area_code)}")
    else:
        print(table([("MODE", "PLAYERS"), *((shown(mode), str(count)) for mode, count in modes)]))
        print(f"{sum(count for _, count in modes)} players in {len(modes)} modes")


@app.command(epilog="Example: modepulse inspect user ann")
def user(
    user_id: Annotated[str, typer.Argument(help="The user.")],
    as_json: AsJson = False,
    data_dir: RunningDataDir = DEFAULT_DATA_DIR,
) -> None:
    """Show what a user plays, and what they left less than a lease ago."""
    from modepulse.live_data import read_user, shown, time_of

    settings = read_settings_for_redis(data_dir)
    sessions = run_with_redis(settings, lambda redis: read_user(redis, settings, user_id))
    if as_json:
        _print_json([vars(session) for session in sessions])
        return
    if not sessions:
        print(f"{shown(user_id)} has no session, and none that ended within the lease")
        return
    now = time.time()
    rows = [("STATE", "AREA", "MODE", "LAST EVENT", "EXPIRES")]
    for session in sessions:
        left = session.at + settings.session_lease_seconds - now
        rows.append(
            (
                "active" if session.active else "logged out",
                shown(session.area_code),
                shown(session.multiplayer_mode),
                f"{time_of(session.at)} ({now - session.at:.0f} s ago)",
                f"in {left:.0f} s" if left > 0 else "any moment",
            )
        )
    print(table(rows))


@app.command(epilog="Example: modepulse inspect log --last 50")
def log(
    last: Annotated[int, typer.Option(help="How many events.", min=1, max=10_000)] = 20,
    as_json: AsJson = False,
    data_dir: RunningDataDir = DEFAULT_DATA_DIR,
) -> None:
    """Show the last events of the log, the newest at the end; each with its outcome and what it added."""
    from modepulse.live_data import read_log, shown, time_of

    settings = read_settings_for_redis(data_dir)
    events = run_with_redis(settings, lambda redis: read_log(redis, settings, last))
    if as_json:
        _print_json(events)
        return
    if not events:
        print("the log is empty")
        return
    rows: list[tuple[str, ...]] = [("LOGGED", "EVENT", "OUTCOME", "ADDS", "AREA", "MODE", "USER", "ITS OWN TIME")]
    for event in events:
        if "unreadable" in event:
            rows.append((time_of(event["at"]), "?", shown(event["unreadable"]), *[""] * 5))
            continue
        names = (shown(event[name]) for name in ("area_code", "multiplayer_mode", "user_id"))
        what = (event["events_name"], event["outcome"], f"{event['delta']:+d}" if event["delta"] else "0")
        rows.append((time_of(event["at"]), *what, *names, time_of(event["epoch_timestamp"])))
    print(table(rows))


@app.command(epilog="Example: modepulse inspect keys")
def keys(as_json: AsJson = False, data_dir: RunningDataDir = DEFAULT_DATA_DIR) -> None:
    """Count the keys in Redis by what they hold. Reads all names, a thousand at a time; shows no value."""
    from modepulse.live_data import MEANINGS, read_keys

    kinds = run_with_redis(read_settings_for_redis(data_dir), read_keys)
    if as_json:
        _print_json(dict(kinds))
        return
    if not kinds:
        fail("Redis is empty", 1)
    rows = [("KIND", "KEYS", "HOLDS")]
    for kind, count in sorted(kinds.items()):
        rows.append(
            (f"{kind}..." if kind.endswith(":") else kind or "?", str(count), MEANINGS.get(kind, "not Modepulse's"))
        )
    print(table(rows))


def _print_json(found: Any) -> None:
    print(json.dumps(found, indent=2, ensure_ascii=False))
