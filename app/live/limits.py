"""How much of what the settings allow is allowed in one partition."""

from app.contract.calls import Limits
from app.settings import Settings


def limits_of_partition(settings: Settings) -> Limits:
    """What counts for all is shared out; an area with its modes is in one partition, a user may be in each."""

    def share(total: int) -> int:
        return -(-total // settings.partitions)

    return Limits(
        areas=share(settings.max_areas),
        new_areas=share(settings.new_areas_per_minute),
        modes=settings.max_modes_per_area,
        sessions=settings.max_sessions_per_user,
        answers=share(settings.max_idempotency_keys),
    )
