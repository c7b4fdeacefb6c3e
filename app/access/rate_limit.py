"""A limit of a rate, by the generic cell rate algorithm (GCRA): a token bucket that is one number."""

from math import ceil

# What adding up seconds since the start of the machine may have gained.
ROUNDING_SECONDS = 1e-6
# Less would be no number of seconds to wait.
LEAST_PER_SECOND = 0.001


class RateLimit:
    """`rate` a second, and up to `burst` at once. Times are those of time.monotonic()."""

    __slots__ = ("_full_at", "_interval", "burst", "rate")

    def __init__(self, rate: float, burst: float) -> None:
        self.rate = rate
        self.burst = burst
        self._interval = 1 / rate
        self._full_at = 0.0

    def take(self, amount: float, now: float) -> float:
        """Takes the amount and returns 0; or takes nothing and returns after how many seconds it can be taken.

        More than the burst can be taken when nothing is missing; what follows waits for all of it.
        """
        full_at = self._full_at
        if full_at < now:
            full_at = now
        within = amount if amount < self.burst else self.burst
        wait = full_at - now - (self.burst - within) * self._interval
        if wait > ROUNDING_SECONDS:
            return wait
        self._full_at = full_at + amount * self._interval
        return 0.0

    def left(self, now: float) -> int:
        """How many can be taken at once now."""
        return max(0, int(self.burst - (self._full_at - now) * self.rate)) if self._full_at > now else int(self.burst)

    def is_full(self, now: float) -> bool:
        """Whether nothing is missing: then it is as good as new."""
        return self._full_at <= now

    def headers(self, name: str, wait: float, now: float) -> dict[str, str]:
        """`Retry-After`, and RateLimit as the IETF's draft has it (draft-ietf-httpapi-ratelimit-headers)."""
        seconds = max(1, ceil(wait))
        window = max(1, round(self.burst / self.rate))
        return {
            "Retry-After": str(seconds),
            "RateLimit-Policy": f'"{name}";q={int(self.burst)};w={window}',
            "RateLimit": f'"{name}";r={self.left(now)};t={seconds}',
        }


def per_second(rate: float, burst: float = 1) -> RateLimit | None:
    """A limit whose burst is a second's worth, or more; None for the rate 0."""
    return RateLimit(max(rate, LEAST_PER_SECOND), max(burst, rate)) if rate else None
