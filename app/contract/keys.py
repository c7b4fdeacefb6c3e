"""Every key name in Redis. All keys of a partition carry its hash tag `{p}`, so that they share a cluster slot.

| key | type | holds | unit |
| --- | --- | --- | --- |
| `{p}:area:<area_code>` | sorted set | mode -> active users; a mode that reaches 0 is removed | users |
| `{p}:user:<user_id>` | sorted set | area_mode -> time of the last event, negative once logged out | us since 1970 |
| `{p}:expiry` | sorted set | index of the timer wheel: the due seconds that have a bucket | s since 1970 |
| `{p}:expiry:<second>` | list | sessions `user_id|area|mode` to look at once that second has passed | |
| `{p}:events` | stream | the event log (app.contract.log) | |
| `{p}:areas` | set | areas with players, and those that had some in the last day | |
| `{p}:idle_areas` | sorted set | areas seen without players -> when, so that they are forgotten | s since 1970 |
| `{p}:new_areas` | string | areas that became known in this minute; expires | |
| `{p}:area_players` | sorted set | area -> active users in all its modes, as of `last` in `{p}:totals` | users |
| `{p}:mode_players` | sorted set | mode -> active users in all areas, as of the same; 0: opened since | users |
| `{p}:totals` | hash | `players`: the sum of either; `last`, `entries`: where in the log (app.contract.totals) | |
| `{p}:kept_answers` | hash | second -> answers to Idempotency-Keys that expire up to then | |
| `{p}:epoch` | string | token of the partition's present life; absent while it is closed | |
| `{p}:archived` | string | last archived stream id; for operators, the checkpoint in Postgres is what counts | |
| `{p}:purge_before` | string | the log up to this id goes once it is archived: it names an erased user | |
| `{p}:call:<name>` | string | what a script call answered, for its retries; expires | |
| `{0}:partitions` | string | how many partitions this Redis was opened with | |
| `{0}:accepted` | string | events accepted by all API processes together | events |
| `{0}:keys` | hash | id -> API key as JSON, its secret as a digest (app.contract.api_key) | |
| `{0}:secret` | string | what the API processes sign with (app.live.secret); no other process reads it | bytes |
| `{0}:building` | string | only in a state that is being rebuilt | |
"""

import re
from binascii import crc_hqx
from dataclasses import dataclass
from functools import cached_property, lru_cache

PARTITIONS = "{0}:partitions"

# Each API process adds what it accepted once a second. Source of `events_per_second`.
ACCEPTED = "{0}:accepted"

# The API keys; a revoked one stays.
API_KEYS = "{0}:keys"

# Only for API processes: whoever reads it can forge what they sign.
SECRET = "{0}:secret"

# Set when a rebuild begins and looked for at its end: missing then, the server was wiped meanwhile.
BUILDING = "{0}:building"


_kind = re.compile(r"\{\d+\}:([a-z_]+)(:?)").match


def kind_of(key: str) -> str:
    """What stands behind a key's tag: `events`, or `area:` where a name follows; empty for a key of somebody else."""
    found = _kind(key)
    return found[1] + found[2] if found else ""


def partition_of(area_code: str, partitions: int) -> int:
    """crc16 (XMODEM, the one of Redis Cluster) of the area, so that an area's keys stay together."""
    return crc_hqx(area_code.encode(), 0) % partitions


@dataclass(frozen=True)
class Keys:
    """The keys of one partition. Scripts derive the keys of users, areas and buckets from the tag of KEYS[1]."""

    partition: int

    @cached_property
    def tag(self) -> str:
        """`{p}:`, which every key of the partition starts with."""
        return f"{{{self.partition}}}:"

    @property
    def epoch(self) -> str:
        """Token of the partition's present life."""
        return self.tag + "epoch"

    @property
    def events(self) -> str:
        """The event log."""
        return self.tag + "events"

    @property
    def areas(self) -> str:
        """The areas with players, and those that had some in the last day."""
        return self.tag + "areas"

    @property
    def idle_areas(self) -> str:
        """Areas that were seen without players, by the time of that."""
        return self.tag + "idle_areas"

    @property
    def new_areas(self) -> str:
        """How many areas became known in this minute."""
        return self.tag + "new_areas"

    @property
    def area_players(self) -> str:
        """Players by area."""
        return self.tag + "area_players"

    @property
    def mode_players(self) -> str:
        """Players by mode."""
        return self.tag + "mode_players"

    @property
    def totals(self) -> str:
        """The sum of all players, and up to where in the log the players by area and by mode are counted."""
        return self.tag + "totals"

    @property
    def new_area_players(self) -> str:
        """Players by area while they are counted anew."""
        return self.area_players + ":new"

    @property
    def new_mode_players(self) -> str:
        """Players by mode while they are counted anew."""
        return self.mode_players + ":new"

    @property
    def kept_answers(self) -> str:
        """How many answers to Idempotency-Keys are kept, by the second in which they expire."""
        return self.tag + "kept_answers"

    @property
    def expiry(self) -> str:
        """Index of the timer wheel."""
        return self.tag + "expiry"

    def expiry_bucket(self, due_second: int) -> str:
        """Sessions to look at once that second has passed."""
        return f"{self.expiry}:{due_second}"

    @property
    def archived(self) -> str:
        """Last archived stream id."""
        return self.tag + "archived"

    @property
    def purge_before(self) -> str:
        """The log up to and with this id is removed once it is archived, at any age: it names an erased user."""
        return self.tag + "purge_before"

    @property
    def let_go(self) -> str:
        """The name of `purge_before` in releases before 0.2: read beside it for one release, never written."""
        return self.tag + "let_go"

    def area(self, area_code: str) -> str:
        """The area's counters."""
        return f"{self.tag}area:{area_code}"

    def user(self, user_id: str) -> str:
        """The user's session set."""
        return f"{self.tag}user:{user_id}"

    def call(self, name: str) -> str:
        """The kept answer of a script call: `name` is its token, or stands for an Idempotency-Key."""
        return f"{self.tag}call:{name}"


@lru_cache(maxsize=4096)
def keys_of(partition: int) -> Keys:
    """The keys of a partition, one object for each."""
    return Keys(partition)
