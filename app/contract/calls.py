"""KEYS and ARGV of lua/record_events.lua and lua/admit_areas.lua, put together here and nowhere else."""

from dataclasses import dataclass
from functools import cached_property

from app.contract.keys import Keys

# Of each event: user_id, "area|mode", LOGIN or LOGOUT or HEARTBEAT, microseconds since 1970 or "" for its arrival.
ARGS_PER_EVENT = 4
# Later than any clock.
FAR_AHEAD = str(2**53)


@dataclass(frozen=True)
class Limits:
    """What may be in one partition at a time; `new_areas` a minute, `modes` an area, `sessions` a user."""

    areas: int = 2**53
    new_areas: int = 2**53
    modes: int = 2**53
    sessions: int = 2**53
    answers: int = 2**53
    """To Idempotency-Keys."""

    @cached_property
    def args(self) -> list[str]:
        """As the script takes them."""
        return [str(self.areas), str(self.new_areas), str(self.modes), str(self.sessions), str(self.answers)]


UNLIMITED = Limits()


@dataclass(frozen=True, slots=True)
class RecordCall:
    """One call of the script; at every try the same but for the epoch, which may have to be read anew.

    `answer_key` names the key that keeps the answer, for `answer_seconds`; `fingerprint` is the digest of the request
    that this key belongs to, empty where the key is the call's own token.
    """

    token: str
    lease_us: int
    expiry_bucket_seconds: int
    answer_key: str
    answer_seconds: int
    fingerprint: str = ""
    limits: Limits = UNLIMITED

    def keys(self, keys: Keys) -> list[str]:
        """KEYS of the script."""
        call = keys.call(self.answer_key)
        names = [keys.epoch, call, keys.events, keys.areas, keys.expiry]
        return [*names, keys.mode_players, keys.new_areas, keys.kept_answers]

    def args(self, epoch: str, script_args: list[str]) -> list[str]:
        """ARGV of the script; `script_args` are ARGS_PER_EVENT strings an event."""
        return [
            epoch,
            self.token,
            str(self.lease_us),
            str(self.expiry_bucket_seconds),
            str(self.answer_seconds),
            self.fingerprint,
            *self.limits.args,
            *script_args,
        ]


def refused_event(event: list[str], letter: str) -> list[str]:
    """The arguments of an event that the script has refused: it is answered with the letter and changes nothing."""
    user, area_mode, _, _ = event
    return [user, area_mode, letter, FAR_AHEAD]


def admission(keys: Keys, epoch: str, limits: Limits, area_modes: list[str]) -> tuple[list[str], list[str]]:
    """KEYS and ARGV of admit_areas."""
    args = [epoch, str(limits.areas), str(limits.new_areas), str(limits.modes), *area_modes]
    return [keys.epoch, keys.areas, keys.idle_areas, keys.mode_players, keys.new_areas], args
