"""How `modepulse inspect` names what it finds."""

import inspect

import pytest

from app.contract import keys
from app.contract.keys import Keys, kind_of
from modepulse.live_data import MEANINGS, shown, time_of


def test_every_kind_of_key_has_a_meaning_and_no_other() -> None:
    partition = Keys(0)
    names = [value for value in vars(keys).values() if isinstance(value, str) and value.startswith("{0}:")]
    for name, member in inspect.getmembers(Keys):
        if name.startswith("_") or name in ("partition", "tag"):
            continue
        names.append(member(partition, "x") if inspect.isfunction(member) else getattr(partition, name))
    assert {kind_of(name) for name in names} == set(MEANINGS)


@pytest.mark.parametrize("key", ["", "events", "{x}:events", "other:{0}:events", "{0}:"])
def test_key_of_somebody_else_has_no_kind(key: str) -> None:
    assert kind_of(key) == ""


def test_terminal_is_shown_nothing_that_it_would_act_on() -> None:
    assert shown("ü duel\x1b[2J\u202e") == "ü duel\\x1b[2J\\u202e"


def test_times() -> None:
    assert time_of(1795619434.5717) == "2026-11-25T15:10:34.571Z"
