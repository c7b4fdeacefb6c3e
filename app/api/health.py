"""GET /healthz (this process lives) and /readyz (it can take and answer)."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.access.admission import Admission
from app.api.response import json_response
from app.contract.connection import SettingsMismatch
from app.failure_log import note_failure
from app.live.counters import LiveCounters
from app.live.monitor import RedisMonitor


async def healthz(_: Request) -> Response:
    """200 as long as the process answers at all, whatever its stores do."""
    return json_response({"status": "ok"})


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
        ready: dict[str, Any] = {"status": "ready", "durability": monitor.durability}
        if monitor.degraded:
            ready["degraded"] = monitor.degraded
        return json_response(ready)
    note_failure(request.scope, 503, reason)
    return json_response({"status": "not_ready", "reason": reason}, 503, {"Retry-After": "1"})
