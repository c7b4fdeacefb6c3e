"""The shape of an event; that both forms of its rules agree is tested in tests/property/test_validation.py."""

from typing import Any

import pytest

from app.contract import event as event_module
from app.contract.allowed_names import ALL_NAMES, AllowedNames
from app.contract.event import MAX_ERRORS, is_name, validate_events
from app.contract.problem import Location
from tests.http_client import event

NOW = 1_700_000_000.0


@pytest.mark.parametrize("name", ["a", "x" * 255, "日本", "🎮", " ", "{0}:", "\u00a0", "\u2028", "\U0010ffff" * 255])
def test_names(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize(
    "name", ["", "x" * 256, "a|b", "a\n", "\x00", "\x1f", "\x7f", "\x80", "\x9f", "\ud800", "a\udfff"]
)
def test_no_names(name: str) -> None:
    assert not is_name(name)


def test_a_time_is_rounded_to_microseconds_and_may_be_a_minute_ahead() -> None:
    times = [0, 1.0000004, NOW + 60, None]
    found = validate_events([event(1, epoch_timestamp=time) for time in times], NOW, [])
    assert found.script_args[3::4] == ["0", "1000000", str(int(NOW + 60) * 1_000_000), ""]
    assert not found.bad
    (fault,) = validate_events([event(1, epoch_timestamp=NOW + 60.001)], NOW, []).errors
    assert (fault["loc"], fault["code"]) == ([0, "epoch_timestamp"], "clock_skew")


def test_places_are_those_of_the_body() -> None:
    bad = event(1, mode="")
    assert validate_events([bad], NOW, ["items"], first=50).errors[0]["loc"] == ["items", 50, "multiplayer_mode"]
    assert validate_events([bad], NOW, [], many=False).errors[0]["loc"] == ["multiplayer_mode"]


def test_every_bad_item_is_counted_but_only_the_first_faults_are_named() -> None:
    bad = event("", mode="", user_id="")
    found = validate_events([event(1), *[bad] * 50, event(2)], NOW, [])
    assert found.bad == list(range(1, 51))
    assert len(found.errors) == MAX_ERRORS
    assert len(found.script_args) == 8


def test_no_more_faults_are_described_than_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    described = []
    errors_of = event_module._errors_of

    def noting(item: Any, latest: float, loc: Location, allowed: AllowedNames = ALL_NAMES) -> list[dict[str, Any]]:
        described.append(loc)
        return errors_of(item, latest, loc, allowed)

    monkeypatch.setattr(event_module, "_errors_of", noting)
    for most, items in ((0, 0), (1, 1), (8, 2), (9, 3)):
        described.clear()
        found = validate_events([{}] * 50, NOW, [], most_errors=most)
        assert (len(found.errors), len(described), len(found.bad)) == (most, items, 50)


def test_where_names_are_listed_others_are_refused_with_their_place() -> None:
    allowed = AllowedNames(frozenset(("1", "south west", "ä")), frozenset(("duel",)))
    good = [event(area) for area in (1, "1", "south west", "ä")]
    bad = [event("1 "), event("South west"), event(11), event(1, mode="Duel"), event("2", mode="ctf")]
    found = validate_events([*good, *bad], NOW, [], allowed=allowed)
    assert found.bad == [4, 5, 6, 7, 8]
    assert found.script_args[1::4] == ["1|duel", "1|duel", "south west|duel", "ä|duel"]
    assert [(fault["loc"], fault["code"]) for fault in found.errors] == [
        ([4, "area_code"], "unknown_area"),
        ([5, "area_code"], "unknown_area"),
        ([6, "area_code"], "unknown_area"),
        ([7, "multiplayer_mode"], "unknown_mode"),
        ([8, "area_code"], "unknown_area"),
        ([8, "multiplayer_mode"], "unknown_mode"),
    ]
    any_area = AllowedNames(modes=frozenset(("ctf",)))
    assert validate_events([event(7), event(1, mode="ctf")], NOW, [], allowed=any_area).bad == [0]
    (area, mode) = validate_events([event(7, mode="|")], NOW, [], allowed=allowed).errors
    assert (area["code"], mode["code"]) == ("unknown_area", "invalid_name")
