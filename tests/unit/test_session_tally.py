"""Of each session the newest observation counts, once."""

import random

import pytest

from archiver.session_tally import ACTIVE, ACTIVE_SINCE, INACTIVE, ON_WHEEL, SessionTally

S = b"ann|1|duel"
COUNTED = {b"1|duel": 1}


@pytest.mark.parametrize(
    ("observed", "active", "off_wheel"),
    [
        ([ACTIVE], COUNTED, COUNTED),
        ([INACTIVE], {}, {}),
        ([ON_WHEEL], {}, {}),
        ([ACTIVE, ACTIVE, ON_WHEEL], COUNTED, {}),
        ([ON_WHEEL, ACTIVE], COUNTED, {}),
        ([ACTIVE, INACTIVE], {}, {}),
        ([ACTIVE, INACTIVE, ON_WHEEL], {}, {}),
        ([INACTIVE, ACTIVE_SINCE], COUNTED, {}),
        ([ACTIVE, INACTIVE, ACTIVE_SINCE], COUNTED, {}),
    ],
)
def test_newest_observation_counts(observed: list[int], active: dict[bytes, int], off_wheel: dict[bytes, int]) -> None:
    tally = SessionTally()
    for what in observed:
        tally.observe([S], what)
    assert tally.count() == (active, off_wheel)


def test_sessions_of_a_user_are_apart() -> None:
    tally = SessionTally()
    tally.observe([b"a|1|duel", b"a|1|ctf", b"a|2|duel", b"b|1|duel", b"a|1|duel"], ACTIVE)
    tally.observe([b"a|1|ctf"], ON_WHEEL)
    active, off_wheel = tally.count()
    assert active == {b"1|duel": 2, b"1|ctf": 1, b"2|duel": 1}
    assert off_wheel == {b"1|duel": 2, b"2|duel": 1}


def test_many_are_counted_as_a_dict_would() -> None:
    chance = random.Random(4)
    tally, model = SessionTally(), {}
    for _ in range(50):
        some = [b"u%d|%d|m%d" % (n, n % 7, n % 3) for n in (chance.randrange(20_000) for _ in range(1000))]
        what = chance.choice((ACTIVE, INACTIVE))
        tally.observe(some, what)
        model.update(dict.fromkeys(some, what))
    active, _ = tally.count()
    assert sum(active.values()) == sum(what == ACTIVE for what in model.values())
    for number, area_mode in enumerate(tally.area_modes):
        assert tally.name(area_mode) == number
        assert active[area_mode] == sum(s.endswith(b"|" + area_mode) and w == ACTIVE for s, w in model.items())
