"""Which tests go to which of the processes that run several at a time."""

import re
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

_on_redis = re.compile(r"\[(?:.*-)?redis(?:-.*)?\]").search


class ByFileAndServer(LoadScopeScheduling):  # type: ignore[misc]
    """Those of a file and server stay together: they share what the file starts, and the service on that server."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, test = nodeid.partition("::")
        return f"{file} {'redis' if _on_redis(test) else ''}"


def make_scheduler(config: pytest.Config, log: Any) -> ByFileAndServer:
    """For xdist."""
    return ByFileAndServer(config, log)
