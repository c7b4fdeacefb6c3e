"""What a client has done so far."""

from dataclasses import dataclass


@dataclass
class Totals:
    """Numbers of events, but for `retries`, which counts requests."""

    queued: int = 0
    """Wait now, those in the request under way too."""
    accepted: int = 0
    """Were taken by the service, heartbeats included."""
    applied: int = 0
    """Of these, those that changed a counter."""
    lost: int = 0
    """Were dropped or refused; `Options.on_loss` says why."""
    retries: int = 0
