"""The newest state of each session, of millions at 12 bytes an observation."""

from array import array
from collections import Counter
from collections.abc import Iterable
from zlib import crc32

BUCKETS = 1 << 14

# What was observed of a session. An active one has to be on the timer wheel, unless it became active since the wheel
# is being read.
INACTIVE, ACTIVE, ACTIVE_SINCE, ON_WHEEL = range(4)


class SessionTally:
    """Observations in the order in which they were made: of each session the newest counts, however many there are.

    Sessions are "user|area|mode". One is known by 64 bits of its hash and the 14 of its bucket: that two of 10 million
    are alike has a chance of 1 in a billion.
    """

    def __init__(self) -> None:
        self._hashes = [array("q") for _ in range(BUCKETS)]
        self._marks = [array("I") for _ in range(BUCKETS)]  # number of the area_mode and what was observed
        self._numbers: dict[bytes, int] = {}
        self.area_modes: list[bytes] = []
        """Every "area|mode" that was ever named, in the order of the first time."""

    def name(self, area_mode: bytes) -> int:
        """The number of "area|mode": its index in `area_modes`."""
        number = self._numbers.get(area_mode)
        if number is None:
            number = self._numbers[area_mode] = len(self.area_modes)
            self.area_modes.append(area_mode)
        return number

    def observe(self, sessions: Iterable[bytes], observed: int) -> None:
        """Adds an observation of each session: INACTIVE, ACTIVE, ACTIVE_SINCE or ON_WHEEL."""
        hashes, marks, numbers = self._hashes, self._marks, self._numbers
        for session in sessions:
            area_mode = session[session.find(b"|") + 1 :]
            number = numbers.get(area_mode)
            if number is None:
                number = self.name(area_mode)
            bucket = crc32(session) % BUCKETS
            hashes[bucket].append(hash(session))
            marks[bucket].append(number << 2 | observed)

    def count(self) -> tuple[Counter[bytes], Counter[bytes]]:
        """Active sessions by "area|mode", and those of them that are missing on the wheel."""
        active: Counter[int] = Counter()
        off_wheel: Counter[int] = Counter()
        for hashes, marks in zip(self._hashes, self._marks, strict=True):
            newest: dict[int, int] = {}
            on_wheel = set()
            for session, mark in zip(hashes, marks, strict=True):
                if mark & 3 == ON_WHEEL:
                    on_wheel.add(session)
                else:
                    newest[session] = mark
            for session, mark in newest.items():
                if mark & 3 != INACTIVE:
                    active[mark >> 2] += 1
                    off_wheel[mark >> 2] += mark & 3 == ACTIVE and session not in on_wheel
        return self._by_name(active), self._by_name(off_wheel)

    def _by_name(self, counts: Counter[int]) -> Counter[bytes]:
        return Counter({self.area_modes[number]: count for number, count in counts.items() if count})
