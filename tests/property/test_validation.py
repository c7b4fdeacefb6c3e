"""The two forms of the event's rules: the fast pass and the one that names every fault refuse the same items."""

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from app.contract.event import MAX_ERRORS, _errors_of, validate_events

NOW = 1_700_000_000.0
GOOD = {"area_code": 111, "multiplayer_mode": "duel", "user_id": "ann", "events_name": "LOGIN"}
HOSTILE: list[Any] = [
    None, True, False, 0, 1, -1, 1.0, 1.5, -0.0, 2**63, 2**64, 10**300, 1e300, float("nan"), float("inf"),
    "", "1", "|", "a|b", "\x00", "\n", "\x7f", "\x9f", "\ud800", "é", "日本", "１", "x" * 255, "x" * 256,
    "LOGIN", "logout", "Login\n", "logın", "ＬＯＧＩＮ", "EXPIRE", [], ["duel"], {}, {"a": 1},
    NOW, NOW + 60, NOW + 60.001,
]  # fmt: skip
hostile = st.sampled_from(HOSTILE) | st.integers() | st.floats() | st.text(max_size=3)
names = st.sampled_from(["111", "duel", "ann"])
events = st.fixed_dictionaries(
    {
        "area_code": names | st.integers(0, 3) | hostile,
        "multiplayer_mode": names | hostile,
        "user_id": names | hostile,
        "events_name": st.sampled_from(["LOGIN", "logout", "HeartBeat"]) | hostile,
    },
    optional={"epoch_timestamp": st.floats(0, NOW) | hostile, "other": hostile},
)
incomplete = st.builds(lambda event, name: {k: v for k, v in event.items() if k != name}, events, names | hostile)


def args_of(event: dict[str, Any]) -> list[str]:
    stamp = event.get("epoch_timestamp")
    time = "" if stamp is None else str(round(stamp * 1_000_000))
    area_mode = f"{event['area_code']}|{event['multiplayer_mode']}"
    return [event["user_id"], area_mode, event["events_name"].upper(), time]


@given(st.lists(events | incomplete | hostile, max_size=30))
@example([GOOD | {"area_code": area} for area in (1, True, 1.0)])
@example([GOOD | {name: value} for name in (*GOOD, "epoch_timestamp") for value in HOSTILE])
def test_an_item_is_refused_exactly_when_it_has_a_fault(items: list[Any]) -> None:
    faults = [_errors_of(item, NOW + 60, [n]) for n, item in enumerate(items)]
    found = validate_events(items, NOW, [])
    assert found.bad == [n for n, of_item in enumerate(faults) if of_item]
    assert found.errors == [fault for of_item in faults for fault in of_item][:MAX_ERRORS]
    good = [item for item, of_item in zip(items, faults, strict=True) if not of_item]
    assert found.script_args == [arg for item in good for arg in args_of(item)]
