"""Events that the service will never count."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from modepulse_client.event import Event

MAX_EXAMPLES = 100
_logger = logging.getLogger("modepulse_client")


@dataclass
class Loss:
    """`count` events were lost for the same reason; `examples` are the first of them.

    `code` is the service's, or `queue_full`, `invalid_event`, `gave_up`, `closed`, `refused`, `not_modepulse`.
    """

    code: str
    message: str
    count: int = 0
    examples: list[Event] = field(default_factory=list)

    def add(self, events: Sequence[Event], count: int) -> None:
        """`events`: those of the `count` that are known."""
        self.count += count
        self.examples += events[: MAX_EXAMPLES - len(self.examples)]


def log_retry(reason: str) -> None:
    """Writes that a batch is repeated, and why."""
    _logger.warning("events wait, and are sent again: %s", reason)


def report(losses: Sequence[Loss], on_loss: Callable[[Loss], None]) -> None:
    """Whatever the callback raises is logged: sending goes on."""
    for loss in losses:
        try:
            on_loss(loss)
        except Exception:
            _logger.exception("on_loss failed")


def log_loss(loss: Loss) -> None:
    """Writes a warning, without names of users."""
    _logger.warning("%d events were lost (%s): %s", loss.count, loss.code, loss.message)
