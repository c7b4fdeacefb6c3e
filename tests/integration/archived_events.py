"""Events with every outcome, in the archive."""

import random
import time
from typing import Any

import httpx2

from tests.http_client import audit, event, pages
from tests.servers import eventually


def archive_events(http: httpx2.Client, area: int, count: int = 60) -> list[dict[str, Any]]:
    """Posts events of two areas with every outcome, some of them at the same time; returns their rows, newest first."""
    chance = random.Random(area)
    now = round(time.time())
    events = [
        event(
            area + chance.choice((0, 1_000_000)),
            f"u{chance.randrange(4)}",
            chance.choice(("LOGIN", "LOGOUT", "HEARTBEAT")),
            chance.choice(("duel", "ctf")),
            epoch_timestamp=now - chance.choice((chance.randrange(20), 5, 86_400)),
        )
        for _ in range(count)
    ]
    http.post("/events", json=events).raise_for_status()
    http.post("/events", json=event(area, "last")).raise_for_status()
    # Everything before the last event is archived when it is.
    eventually(lambda: audit(http, user_id=f"last@{area}")["items"])
    rows = [item for a in (area, area + 1_000_000) for item in pages(http, area_code=a, limit=1000)]
    return sorted(rows, key=lambda item: (item["epoch_timestamp"], item["event_id"]), reverse=True)
