"""What the log says when the service starts."""

import logging
import socket
from collections.abc import Mapping
from typing import Any

from app.access.admission import Admission
from app.archive.pool import ArchivePool
from app.contract.versions import own_version
from app.live.monitor import RedisMonitor

log = logging.getLogger(__name__)


async def log_start(state: Mapping[str, Any], listener: socket.socket) -> None:
    """`state`: that of app.lifespan. A server that cannot be asked within a second is null."""
    monitor: RedisMonitor = state["monitor"]
    archive: ArchivePool = state["archive"]
    admission: Admission = state["admission"]
    log.info(
        "API started",
        extra={
            "action": "start",
            "version": own_version(),
            "redis": await monitor.server(),
            "postgres": await archive.server(),
            "address": _address(listener),
            "durability": monitor.durability,
            "degraded": monitor.degraded or [],
            "keys_needed": admission.enforced,
        },
    )


def _address(listener: socket.socket) -> str:
    """Host and port, as in a URL; the path of a Unix socket."""
    name = listener.getsockname()
    if not isinstance(name, tuple):
        return str(name)
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
