"""How fast the archiver stores batches, beside a COPY of the same rows that does nothing else."""

import asyncio
import random
import tempfile
import time
from pathlib import Path

from app.contract.log import LOG_START, Entry, StreamId, decode, format_entry, format_line
from app.contract.outcome import Outcome
from app.contract.sql import load_sql
from app.contract.token import new_token
from archiver import batches, retention
from archiver.checkpoint import open_checkpoint
from archiver.partition import BATCH_EVENTS
from archiver.postgres import connect, migrate
from archiver.snapshot import Snapshot
from bench.inputs import random_events
from bench.load import Sample
from tests.servers import postgres_server

CALL = 100  # events an entry of the log
EFFECTS = {
    "LOGIN": ((1, Outcome.APPLIED), (0, Outcome.REFRESHED)),
    "LOGOUT": ((-1, Outcome.APPLIED), (0, Outcome.REFRESHED)),
}

EMPTY_ARCHIVE = load_sql("bench", "empty_archive")
EMPTY_EVENTS = load_sql("bench", "empty_events")


def compare_writes(rounds: int, batch_count: int) -> dict[str, list[Sample]]:
    """By side, a sample a round; a unit is a row. `batch_count` batches a round."""
    with tempfile.TemporaryDirectory() as folder, postgres_server(Path(folder)) as postgres:
        return asyncio.run(_compare_writes(postgres.dsn(), rounds, batch_count))


async def _compare_writes(dsn: str, rounds: int, batch_count: int) -> dict[str, list[Sample]]:
    connection = await connect(dsn, patient=True)
    await migrate(connection)
    await retention.create_ahead(connection)
    samples: dict[str, list[Sample]] = {"modepulse": [], "COPY": []}
    for _ in range(rounds):
        log = _log_batches(batch_count)
        rows = [decode(0, entries)[0] for entries in log]
        count = batch_count * BATCH_EVENTS
        await connection.execute(EMPTY_ARCHIVE)
        checkpoint = await open_checkpoint(connection, 0, "bench")
        start = time.perf_counter()
        for entries in log:
            seen = Snapshot("bench", "", "", LOG_START, 0, 0, entries)
            checkpoint, _ = await batches.commit_batch(connection, checkpoint, seen)
        samples["modepulse"].append(Sample(count / (time.perf_counter() - start)))
        await connection.execute(EMPTY_EVENTS)
        start = time.perf_counter()
        for batch in rows:
            await connection.copy_records_to_table("area_mode_events", records=batch, columns=batches.COLUMNS)
        samples["COPY"].append(Sample(count / (time.perf_counter() - start)))
    await connection.close()
    return samples


def _log_batches(batch_count: int) -> list[list[Entry]]:
    """Batches of log entries as lua/record_events.lua writes them, BATCH_EVENTS events each."""
    rng = random.Random(4)
    return [
        [_log_entry(rng, StreamId(1, batch * 1000 + number)) for number in range(BATCH_EVENTS // CALL)]
        for batch in range(batch_count)
    ]


def _log_entry(rng: random.Random, stream_id: StreamId) -> Entry:
    lines = []
    for event in random_events(CALL, rng.randrange(2**60)):
        kind = event["events_name"]
        delta, outcome = rng.choice(EFFECTS[kind])
        lines.append(
            format_line(kind, delta, event["area_code"], event["multiplayer_mode"], event["user_id"], outcome=outcome)
        )
    return Entry(stream_id, format_entry(new_token(), time.time_ns() // 1000, lines))
