"""The settings of a command, completed by what the `modepulse dev` of a data directory says about itself."""

from dataclasses import replace
from pathlib import Path

from app.settings import Settings, SettingsError
from modepulse.commands.failure import fail
from modepulse.launcher.data_directory import DataDirectory, Run


def read_settings(*required: str) -> Settings:
    """The settings of the environment; fails if one is invalid or one of `required` (field names) is not set."""
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        fail(str(error), 2)
    for name in required:
        if not getattr(settings, name):
            fail(f"MODEPULSE_{name.upper()} is not set", 2)
    return settings


def read_settings_for_stores(data_dir: Path) -> Settings:
    """The settings with the addresses of both stores: those that are not set are those of the running stack."""
    settings = read_settings()
    if settings.redis_url and settings.postgres_dsn:
        return settings
    run = read_run(data_dir, "MODEPULSE_REDIS_URL and MODEPULSE_POSTGRES_DSN are not set")
    return replace(
        settings,
        redis_url=settings.redis_url or run["redis_url"],
        postgres_dsn=settings.postgres_dsn or run["postgres_dsn"],
    )


def read_settings_for_redis(data_dir: Path) -> Settings:
    """The settings with the address of Redis: if it is not set, that of the running stack."""
    settings = read_settings()
    if settings.redis_url:
        return settings
    return replace(settings, redis_url=read_run(data_dir, "MODEPULSE_REDIS_URL is not set")["redis_url"])


def read_settings_for_status(data_dir: Path) -> tuple[Settings, str]:
    """The settings with the addresses of the stores, and that of the API if `modepulse dev` runs on `data_dir`.

    Where addresses are set, a running stack is not theirs.
    """
    settings = read_settings()
    if settings.redis_url:
        return settings, ""
    run = read_run(data_dir, "MODEPULSE_REDIS_URL is not set")
    return (
        replace(settings, redis_url=run["redis_url"], postgres_dsn=settings.postgres_dsn or run["postgres_dsn"]),
        run["url"],
    )


def read_settings_for_postgres(data_dir: Path) -> Settings:
    """The settings with the address of Postgres: if it is not set, that of the running stack."""
    settings = read_settings()
    if settings.postgres_dsn:
        return settings
    return replace(settings, postgres_dsn=read_run(data_dir, "MODEPULSE_POSTGRES_DSN is not set")["postgres_dsn"])


def read_run(data_dir: Path, reason: str) -> Run:
    """The addresses of the stack that runs on `data_dir`; fails if none does, giving the reason they are needed."""
    try:
        return DataDirectory(data_dir).read_run()
    except (OSError, ValueError):
        fail(f"{reason} and nothing runs on {data_dir}", 2)
