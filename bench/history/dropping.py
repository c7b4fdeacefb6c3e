"""Dropping days by the archiver's retention: how long it takes, and how long it holds up the archive."""

import time
from typing import NamedTuple

from archiver import retention
from archiver.postgres import connect
from bench.history.archiving import archiving
from bench.history.large_archive import DAYS, Connection, LargeArchive

KEPT_MINUTES_DAYS = 10_000


class Dropping(NamedTuple):
    """All in seconds: the longest drop of a day, the longest pause of the archive meanwhile, and without."""

    longest_drop: float
    longest_pause: float
    usual_pause: float


def drop_days(archive: LargeArchive, count: int) -> Dropping:
    """Drops the oldest days of events, one after the other."""
    with archiving(archive) as usual:
        time.sleep(5)
    drops = []
    with archiving(archive) as pauses:
        for number in range(count):
            drops.append(_drop_before(archive, DAYS - 1 - number))
            time.sleep(1)
    # The first entry is the time until the first look at the checkpoint.
    return Dropping(max(drops), max(pauses[1:]), max(usual[1:]))


def _drop_before(archive: LargeArchive, kept_days: int) -> float:
    """Seconds that it takes to drop all but the last days."""

    async def drop(_: Connection) -> float:
        connection = await connect(archive.dsn, patient=True)
        start = time.perf_counter()
        await retention.drop_old(connection, kept_days, KEPT_MINUTES_DAYS)
        seconds = time.perf_counter() - start
        connection.terminate()
        return seconds

    return archive.run(drop)
