"""The command that shows the settings."""

import json
from pathlib import Path
from typing import Annotated

import typer

from app.settings import Origin, effective
from modepulse.commands.failure import fail
from modepulse.commands.options import DEFAULT_DATA_DIR, AsJson, RunningDataDir
from modepulse.table import table

FROM_RUN = ("redis_url", "postgres_dsn")


def config(
    changed: Annotated[bool, typer.Option("--changed", help="Only those that are not the default.")] = False,
    as_json: AsJson = False,
    data_dir: RunningDataDir = DEFAULT_DATA_DIR,
) -> None:
    """Show every setting in effect and where it comes from. Secrets are hidden."""
    from app.settings import SettingsError

    try:
        origins = effective()
    except SettingsError as error:
        fail(str(error), 2)
    origins = [_of_run(origin, data_dir) for origin in origins]
    if changed:
        origins = [origin for origin in origins if origin.source != "default"]
    if as_json:
        print(json.dumps([origin._asdict() for origin in origins], indent=2, ensure_ascii=False))
    else:
        print(table([("SETTING", "VALUE", "FROM"), *((o.variable, str(o.value), o.source) for o in origins)]))


def _of_run(origin: Origin, data_dir: Path) -> Origin:
    """An address that is not set is that of the stack that runs on the data directory, for commands that take one."""
    from app.store_address import without_secrets
    from modepulse.launcher.data_directory import DataDirectory

    field = origin.variable.removeprefix("MODEPULSE_").lower()
    if field not in FROM_RUN or origin.source != "default":
        return origin
    try:
        run = DataDirectory(data_dir).read_run()
    except (OSError, ValueError):
        return origin
    address = run["redis_url"] if field == "redis_url" else run["postgres_dsn"]
    return origin._replace(value=without_secrets(address), source=str(data_dir / "run.json"))
