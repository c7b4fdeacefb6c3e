"""One line of the audit trail."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

ANONYMOUS = "anonymous"


class AccessAction(StrEnum):
    """What was done."""

    READ = "read"
    EXPORT = "export"
    ERASE = "erase"
    GENERATE = "generate"
    CREATE_KEY = "create_key"
    LIST_KEYS = "list_keys"
    REVOKE_KEY = "revoke_key"


@dataclass(slots=True)
class AccessEntry:
    """The use of a recorded route, filled in while it is answered.

    `filters`: names of the query's parameters. `rows`: returned, or events erased. `user_id`: whom it is about; stored
    as a digest, logged not at all, and unset for an erasure. `target`: the id of the key that was made or revoked.
    """

    action: AccessAction
    route: str
    address: str
    key_id: str = ""
    key_name: str = ANONYMOUS
    filters: list[str] = field(default_factory=list)
    format: str | None = None
    rows: int | None = None
    target: str | None = None
    user_id: str | None = None
    status: int = 500
    milliseconds: float = 0.0
    stored: bool = False
    id: UUID = field(default_factory=uuid4)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    _started: float = field(default_factory=time.perf_counter)

    def stop_clock(self) -> None:
        """Notes how long it took until now."""
        self.milliseconds = round((time.perf_counter() - self._started) * 1000, 3)

    def line(self) -> dict[str, Any]:
        """Its fields for the log."""
        return {
            "access": self.action.value,
            "route": self.route,
            "status": self.status,
            "key": self.key_id,
            "key_name": self.key_name,
            "address": self.address,
            "filters": self.filters,
            "format": self.format,
            "rows": self.rows,
            "target": self.target,
            "milliseconds": self.milliseconds,
        }

    def row(self) -> tuple[Any, ...]:
        """The arguments of app/archive/sql/insert_access.sql."""
        return (
            *(self.id, self.at, self.action.value, self.route, self.status, self.key_id, self.key_name, self.address),
            *(self.filters, self.format, self.rows, self.milliseconds, self.target, self.user_id),
        )
