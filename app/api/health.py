"""GET /healthz (this process lives) and /readyz (it can take and answer)."""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from app.access.admission import Admission
from app.contract.connection import SettingsMismatch
from app.live.counters import LiveCounters
from app.live.monitor import RedisMonitor


async def healthz(_: Request) -> Response:
    """200 as long as the process answers at all, whatever its stores do."""
    return Response(b'{"status":"ok"}', media_type="application/json")


async def _keys_are_known(request: Request) -> bool:
    """Whoever is told that the service is ready need not wait for the next refresh."""
    admission: Admission = request.state.admission
    if not admission.keyring.known:
        await admission.refresh()
    return admission.keyring.known


async def readyz(request: Request) -> Response:
    """200 when events are taken, with what their durability is; else 503 with the reason."""
    counters: LiveCounters = request.state.counters
    try:
        reason = await counters.closed_reason()
    except SettingsMismatch:
        reason = "settings_mismatch"  # the monitor is about to end this process
    if reason is None and not await _keys_are_known(request):
        reason = "keys_unknown"
    if reason is None:
        monitor: RedisMonitor = request.state.monitor
        ready: dict[str, Any] = {"status": "ready", "durability": "unknown" if monitor.degraded is None else "full"}
        if monitor.degraded:
            ready |= {"durability": "degraded", "degraded": monitor.degraded}
        return Response(orjson.dumps(ready), media_type="application/json")
    answer = orjson.dumps({"status": "not_ready", "reason": reason})
    return Response(answer, status_code=503, media_type="application/json", headers={"Retry-After": "1"})
