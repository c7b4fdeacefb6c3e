"""How a game reports what its players do: the same calls in both clients, none of which waits for the service."""

from abc import ABC, abstractmethod

from modepulse_client.event import EventsName


class SessionReports(ABC):
    """Each call queues one event. `at`: when it happened, seconds since 1970; without it: now.

    All raise QueueFull where `Options.when_full` is `raise`.
    """

    @abstractmethod
    def _put(self, name: EventsName, user_id: str, area_code: int | str, mode: str, at: float | None) -> None:
        """Queues an event."""

    def login(self, user_id: str, area_code: int | str, multiplayer_mode: str, at: float | None = None) -> None:
        """A user starts to play. Until `logout` heartbeats report that the session lasts."""
        self._put("LOGIN", user_id, area_code, multiplayer_mode, at)

    def logout(self, user_id: str, area_code: int | str, multiplayer_mode: str, at: float | None = None) -> None:
        """A user stops."""
        self._put("LOGOUT", user_id, area_code, multiplayer_mode, at)

    def heartbeat(self, user_id: str, area_code: int | str, multiplayer_mode: str, at: float | None = None) -> None:
        """A user still plays: for sessions that another process logged in; those of this one have theirs by timer."""
        self._put("HEARTBEAT", user_id, area_code, multiplayer_mode, at)
