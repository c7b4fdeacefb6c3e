"""The archiver process: `python -m archiver`, `modepulse archive`."""

import asyncio
import signal
import sys

from app import logs
from app.contract import tracing
from app.contract.connection import SettingsMismatch, connect
from app.exposition.endpoint import serving
from app.exposition.text import Exposition
from app.settings import Settings, traces_exporters
from archiver.errors import EditedMigration
from archiver.schedule import Archiver
from archiver.watchdog import Watchdog


async def _run(settings: Settings) -> None:
    redis = connect(settings)
    archiver = Archiver(settings, redis, Watchdog(settings.postgres_dsn))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, archiver.stop.set)
    exposition = Exposition("archiver", archiver.metrics.collect)
    try:
        async with serving(exposition, settings.metrics_host, settings.archiver_metrics_port):
            await archiver.run()
    finally:
        await redis.aclose()


def main(settings: Settings) -> int:
    """Returns the exit code: 2 when settings or migrations do not fit the data, so that another try cannot help."""
    logs.configure(settings)
    tracing.start(traces_exporters(), "modepulse-archiver")
    try:
        asyncio.run(_run(settings))
    except (SettingsMismatch, EditedMigration) as error:
        print(f"modepulse: {error}", file=sys.stderr)
        return 2
    finally:
        tracing.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(Settings.from_environment()))
