"""GET /healthz (this process lives) and /readyz (it can take and answer)."""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from app.contract.connection import SettingsMismatch
from app.live.counters import LiveCounters
from app.live.monitor import RedisMonitor


async def healthz(_: Request) -> Response:
    """200 as long as the process answers at all, whatever its stores do."""
    return Response(b'{"status":"ok"}', media_type="application/json")


async def readyz(request: Request) -> Response:
    """200 when events are taken, with what their durability is; else 503 with the reason."""
    counters: LiveCounters = request.state.counters
    try:
        reason = await counters.closed_reason()
    except SettingsMismatch:
        reason = "settings_mismatch"  # the monitor is about to end this process
    if reason is None:
        monitor: RedisMonitor = request.state.monitor
        ready: dict[str, Any] = {"status": "ready", "durability": "unknown" if monitor.degraded is None else "full"}
        if monitor.degraded:
            ready |= {"durability": "degraded", "degraded": monitor.degraded}
        return Response(orjson.dumps(ready), media_type="application/json")
    answer = orjson.dumps({"status": "not_ready", "reason": reason})
    return Response(answer, status_code=503, media_type="application/json", headers={"Retry-After": "1"})
