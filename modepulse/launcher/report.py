"""What the launcher says while the stack runs: lines for a person at a terminal, JSON beside that of its children."""

import logging
import sys

from app import logs
from app.settings import Settings
from modepulse.launcher.errors import LaunchError
from modepulse.notice import notice

log = logging.getLogger(__name__)

_as_json = _as_text = False


def configure(settings: Settings) -> None:
    """Decides how: in MODEPULSE_LOG_FILE always as JSON. Raises LaunchError when that cannot be opened."""
    global _as_json, _as_text
    _as_json = bool(settings.log_file) or not sys.stderr.isatty()
    _as_text = bool(settings.log_file) or sys.stderr.isatty()
    if _as_json:
        try:
            logs.configure(settings)
        except OSError as error:
            raise LaunchError(f"MODEPULSE_LOG_FILE cannot be written: {error.strerror}", 2) from None


def report(message: str, level: int = logging.INFO, **fields: object) -> None:
    """One line; `fields` stand in the JSON only."""
    if _as_json:
        log.log(level, message, extra={"action": "launch", **fields})
    if _as_text or not _as_json:
        notice(message)
