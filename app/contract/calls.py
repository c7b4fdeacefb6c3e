"""KEYS and ARGV of lua/record_events.lua, put together here and nowhere else."""

from dataclasses import dataclass

from app.contract.keys import Keys

# Of each event: user_id, "area|mode", LOGIN or LOGOUT or HEARTBEAT, microseconds since 1970 or "" for its arrival.
ARGS_PER_EVENT = 4


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

    def keys(self, keys: Keys) -> list[str]:
        """KEYS of the script."""
        return [keys.epoch, keys.call(self.answer_key), keys.events, keys.areas, keys.expiry]

    def args(self, epoch: str, script_args: list[str]) -> list[str]:
        """ARGV of the script; `script_args` are ARGS_PER_EVENT strings an event."""
        return [
            epoch,
            self.token,
            str(self.lease_us),
            str(self.expiry_bucket_seconds),
            str(self.answer_seconds),
            self.fingerprint,
            *script_args,
        ]
