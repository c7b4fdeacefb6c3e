"""The archiver process: `python -m archiver`, `modepulse archive`."""

import asyncio
import signal
import sys

from app import logs
from app.contract.connection import SettingsMismatch, connect
from app.settings import Settings
from archiver.schedule import Archiver


async def _run(settings: Settings) -> None:
    redis = connect(settings)
    archiver = Archiver(settings, redis)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, archiver.stop.set)
    await archiver.run()
    await redis.aclose()


def main(settings: Settings) -> int:
    """Returns the exit code: 2 when the settings do not fit the data."""
    logs.configure(settings)
    try:
        asyncio.run(_run(settings))
    except SettingsMismatch as error:
        print(f"modepulse: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(Settings.from_environment()))
