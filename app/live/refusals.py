"""How the write path refuses: each code says whether anything may have been applied (docs/reliability.md)."""

from collections.abc import Mapping

from app.contract.outcome import OVER_LIMIT, Outcome
from app.contract.problem import Location, problem_at
from app.errors import InvalidRequest, Unavailable

NEW_AREAS_SECONDS = 60


class OverLimit(InvalidRequest):
    """Events that would open more than is allowed: `refused` has, by the event's position among those that were handed
    over, which limit it is."""

    def __init__(self, refused: Mapping[int, Outcome]) -> None:
        code = next(iter(refused.values()))
        headers = {"Retry-After": str(NEW_AREAS_SECONDS)} if code is Outcome.TOO_MANY_NEW_AREAS else {}
        super().__init__(422, code, f"{OVER_LIMIT_TITLES[code]}; nothing was applied", headers=headers)
        self.refused = refused


OVER_LIMIT_TITLES = {
    Outcome.TOO_MANY_AREAS: "More areas than are allowed",
    Outcome.TOO_MANY_NEW_AREAS: "More new areas in a minute than are allowed",
    Outcome.TOO_MANY_MODES: "More modes in an area than are allowed",
    Outcome.TOO_MANY_SESSIONS: "More sessions of a user than are allowed",
}


def unreachable() -> Unavailable:
    """Redis did not answer, or is loading; the script did not run."""
    return Unavailable("redis_unavailable", "Redis cannot be reached; nothing was applied")


def memory_full() -> Unavailable:
    """The monitor's refusal, before Redis would have to refuse."""
    return Unavailable("memory_full", "The archive is behind and Redis is nearly full; nothing was applied", 5)


def out_of_memory() -> Unavailable:
    """Redis refused the script for lack of memory."""
    return Unavailable("out_of_memory", "Redis has no room for more events; nothing was applied", 5)


def queue_full() -> Unavailable:
    """This process holds as many events as it may."""
    return Unavailable("queue_full", "More events are waiting than this process takes; nothing was applied")


def partition_closed(reason: str = "The counters are being rebuilt", retry_after: int = 5) -> Unavailable:
    """There is no epoch, or another than the archive knows."""
    return Unavailable("partition_closed", f"{reason}; nothing was applied", retry_after)


def redis_refused() -> Unavailable:
    """Redis answered with an error that the script does not make: read-only, wrong type..."""
    return Unavailable("redis_refused", "Redis does not take writes now; nothing was applied", 5)


def outcome_unknown() -> Unavailable:
    """No answer before the write deadline."""
    return Unavailable(
        "outcome_unknown",
        "Redis did not answer in time; the events may have been applied. "
        "Repeating the request with the same Idempotency-Key is safe",
    )


def key_reused() -> InvalidRequest:
    """The Idempotency-Key belongs to another body or query."""
    message = "Idempotency-Key was used with another body or query"
    return InvalidRequest(
        422,
        "idempotency_key_reused",
        "This Idempotency-Key was used with another request",
        [problem_at(["header", "Idempotency-Key"], "reused", message)],
    )


def over_limit(error: str) -> OverLimit:
    """What the script's error `LIMIT 3:A 17:M` says."""
    pairs = (text.split(":") for text in error.split()[1:])
    return OverLimit({int(position): OVER_LIMIT[letter] for position, letter in pairs})


def too_many_keys() -> InvalidRequest:
    """As many answers to Idempotency-Keys are kept as may be."""
    message = "as many are kept as are allowed; the oldest go first"
    loc: Location = ["header", "Idempotency-Key"]
    return InvalidRequest(
        422,
        "too_many_keys",
        "More Idempotency-Keys than are allowed; nothing was applied",
        [problem_at(loc, "too_many_keys", message)],
    )


def partly_applied(error: Unavailable | InvalidRequest) -> Unavailable:
    """The error of a request of which another part was applied."""
    return Unavailable(
        "partly_applied",
        f"{error.title}. Earlier events of this request were applied; "
        "repeating it with the same Idempotency-Key is safe",
    )
