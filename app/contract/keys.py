"""Every key name in Redis. All keys of a partition carry its hash tag, so that they share a cluster slot."""

from binascii import crc_hqx
from dataclasses import dataclass
from functools import cached_property, lru_cache

# Kept in partition 0: how many partitions this Redis was opened with.
PARTITIONS = "{0}:partitions"

# Events taken by all processes, as each adds up once a second: what the events a second are told from.
ACCEPTED = "{0}:accepted"

# In a state that is being rebuilt: still there when it is complete, unless somebody wiped the server meanwhile.
BUILDING = "{0}:building"


def partition_of(area_code: str, partitions: int) -> int:
    """crc16 (XMODEM, the one of Redis Cluster) of the area, so that an area's keys stay together."""
    return crc_hqx(area_code.encode(), 0) % partitions


@dataclass(frozen=True)
class Keys:
    """The keys of one partition. Scripts derive user, area and wheel keys from the same tag by themselves."""

    partition: int

    @cached_property
    def tag(self) -> str:
        return f"{{{self.partition}}}:"

    @property
    def epoch(self) -> str:
        return self.tag + "epoch"

    @property
    def events(self) -> str:
        return self.tag + "events"

    @property
    def areas(self) -> str:
        return self.tag + "areas"

    @property
    def expiry(self) -> str:
        """Index of the timer wheel; its buckets are `{p}:expiry:<due second>`."""
        return self.tag + "expiry"

    def expiry_bucket(self, due_second: int) -> str:
        return f"{self.expiry}:{due_second}"

    @property
    def archived(self) -> str:
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
        return f"{self.tag}area:{area_code}"

    def user(self, user_id: str) -> str:
        return f"{self.tag}user:{user_id}"

    def call(self, name: str) -> str:
        return f"{self.tag}call:{name}"


@lru_cache(maxsize=4096)
def keys_of(partition: int) -> Keys:
    return Keys(partition)
