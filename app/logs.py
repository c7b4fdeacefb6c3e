"""Structured logs: one JSON object a line, to stderr or a file.

They never hold secrets, nor values that clients sent, but for the id that one gave its request (app/request_id.py).
"""

import logging
import sys
import time
from typing import Any

import orjson

from app.settings import Settings

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class JsonFormatter(logging.Formatter):
    """Time, level, logger, message, the `extra` fields, and the traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object."""
        line: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = repr(record.exc_info[1])
            line["traceback"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()

    @staticmethod
    def converter(timestamp: float | None) -> time.struct_time:
        """UTC."""
        return time.gmtime(timestamp)


def configure(settings: Settings) -> None:
    """Raises OSError when the log file cannot be opened."""
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    if settings.log_file:
        handler = logging.FileHandler(settings.log_file)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    # Their lines repeat ours, or say at every tick that nothing happened.
    for noisy in ("uvicorn.access", "apscheduler", "asyncio", "httpx2"):
        logging.getLogger(noisy).setLevel("WARNING")
    # A job still running at its next turn is normal while there is much to archive.
    logging.getLogger("apscheduler.scheduler").setLevel("ERROR")
