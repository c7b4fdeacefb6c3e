"""A client of Modepulse: reports who plays which mode where, and asks what is played now."""

from modepulse_client.async_client import AsyncClient
from modepulse_client.client import Client
from modepulse_client.event import Event, EventsName, ModeCount, Stats
from modepulse_client.loss import Loss
from modepulse_client.options import Options
from modepulse_client.outbox import QueueFull
from modepulse_client.reading import Refused
from modepulse_client.totals import Totals

__all__ = [
    "AsyncClient",
    "Client",
    "Event",
    "EventsName",
    "Loss",
    "ModeCount",
    "Options",
    "QueueFull",
    "Refused",
    "Stats",
    "Totals",
]
