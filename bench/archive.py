"""The archiver's rows: how fast a batch is stored beside a bare COPY, and which rate all parts sustain together."""

import asyncio
import random
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import redis

from app.contract.log import LOG_START, Entry, StreamId, decode, format_entry
from app.contract.token import new_token
from archiver import batches, retention
from archiver.checkpoint import open_checkpoint
from archiver.partition import BATCH_EVENTS
from archiver.postgres import connect, migrate
from archiver.snapshot import Snapshot
from bench.inputs import bodies, random_events
from bench.load import Pace, Sample
from tests.servers import Stack, eventually, postgres_server

CALL = 100
BATCH = 500
BEHIND_SECONDS = 2.0


def _entries(batches: int) -> list[list[Entry]]:
    """Log entries as lua/record_events.lua writes them."""
    chance = random.Random(4)
    outcomes = {"LOGIN": ("+1", ":refreshed"), "LOGOUT": ("-1", ":refreshed")}
    made = []
    for batch in range(batches):
        entries: list[Entry] = []
        for number in range(BATCH_EVENTS // CALL):
            lines = [
                f"{e['events_name']}{chance.choice(outcomes[e['events_name']])}"
                f"|{e['area_code']}|{e['multiplayer_mode']}|{e['user_id']}|"
                for e in random_events(CALL, chance.randrange(2**60))
            ]
            fields = format_entry(new_token(), time.time_ns() // 1000, lines)
            entries.append(Entry(StreamId(1, batch * 1000 + number), fields))
        made.append(entries)
    return made


async def _store_and_copy(dsn: str, rounds: int, number: int) -> dict[str, list[Sample]]:
    connection = await connect(dsn, patient=True)
    await migrate(connection)
    await retention.create_ahead(connection)
    found: dict[str, list[Sample]] = {"modepulse": [], "COPY": []}
    for _ in range(rounds):
        log = _entries(number)
        rows = [decode(0, entries)[0] for entries in log]
        count = number * BATCH_EVENTS
        await connection.execute(
            "TRUNCATE area_mode_events, area_mode_events_agg, area_mode_minutes, archive_checkpoint"
        )
        checkpoint = await open_checkpoint(connection, 0, "bench")
        start = time.perf_counter()
        for entries in log:
            seen = Snapshot("bench", "", "", LOG_START, 0, 0, entries)
            checkpoint, _ = await batches.commit_batch(connection, checkpoint, seen)
        found["modepulse"].append(Sample(count / (time.perf_counter() - start)))
        await connection.execute("TRUNCATE area_mode_events")
        start = time.perf_counter()
        for batch in rows:
            await connection.copy_records_to_table("area_mode_events", records=batch, columns=batches.COLUMNS)
        found["COPY"].append(Sample(count / (time.perf_counter() - start)))
    await connection.close()
    return found


def store_and_copy(folder: Path, rounds: int, batches: int) -> dict[str, list[Sample]]:
    with postgres_server(folder) as postgres:
        return asyncio.run(_store_and_copy(postgres.dsn(), rounds, batches))


def behind_seconds(stack: Stack, client: Any) -> float:
    """Age of the oldest entry that is not archived; 0 when there is none."""
    archived = client.get("{0}:archived")
    after = b"(" + archived if archived else b"-"
    oldest = client.xrange("{0}:events", after, "+", count=1)
    return time.time() - int(oldest[0][0].split(b"-")[0]) / 1000 if oldest else 0.0


def keeps_up(stack: Stack, rate: float, seconds: float) -> bool:
    """Whether `rate` events a second are taken and archived without the archiver falling 2 s behind."""
    pace = Pace(stack.port, bodies(100, BATCH, seed=5), rate / BATCH)
    client: Any = redis.Redis.from_url(stack.run["redis_url"])
    try:
        with pace.running():
            start = time.monotonic()
            while time.monotonic() - start < seconds:
                if behind_seconds(stack, client) > BEHIND_SECONDS:
                    return False
                time.sleep(0.1)
            return pace.answered * BATCH >= 0.97 * rate * seconds
    finally:
        eventually(lambda: behind_seconds(stack, client) == 0, 120)
        client.close()


def sustained(folder: Path, binary: Path, first: float, seconds: float) -> float:
    """The highest rate that is kept up for `seconds`: steps up for a tenth of the time each, then down in full."""
    with ExitStack() as stack:
        service = stack.enter_context(Stack(folder / "all", redis_server=str(binary)))
        rate = first
        while keeps_up(service, rate * 1.25, seconds / 10):
            rate *= 1.25
        while not keeps_up(service, rate, seconds):
            rate /= 1.1
        return rate
