"""How a client queues, sends and repeats."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from modepulse_client.loss import Loss, log_loss


@dataclass(frozen=True, kw_only=True)
class Options:
    """Times are in seconds. Raises ValueError."""

    batch_events: int = 500
    """A batch that has as many is sent at once; none has more."""
    batch_seconds: float = 1.0
    """How long an event waits for others."""
    queue_events: int = 10_000
    """Events that wait at most."""
    when_full: Literal["drop_oldest", "raise"] = "drop_oldest"
    """What a full queue does: forget the event that has waited longest, or raise QueueFull."""
    heartbeat_seconds: float = 300.0
    """How often sessions are reported to last: well within the service's lease (900 s). 0: never."""
    stamp: bool = True
    """Events get the time of this machine's clock, which has to be right; otherwise the time of their arrival."""
    give_up_seconds: float = 900.0
    """How long a batch is repeated before it is lost."""
    timeout_seconds: float = 15.0
    """How long one request may take."""
    exit_seconds: float = 5.0
    """How long the end of the program, or of a `with` block, waits for what is still queued."""
    on_loss: Callable[[Loss], None] = log_loss
    """Called in the background for events that were lost."""

    def __post_init__(self) -> None:
        if not 1 <= self.batch_events <= self.queue_events:
            raise ValueError("batch_events is 1 to queue_events")
        if self.when_full not in ("drop_oldest", "raise"):
            raise ValueError("when_full is drop_oldest or raise")
        for name in ("batch_seconds", "heartbeat_seconds", "give_up_seconds", "exit_seconds"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is not negative")
        if not self.timeout_seconds > 0:
            raise ValueError("timeout_seconds is positive")
