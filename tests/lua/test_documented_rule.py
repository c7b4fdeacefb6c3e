"""The truth table and the examples of docs/session-rule.md, executed: each row is what the script does."""

import re
import time
from itertools import product

import pytest

from app.contract.outcome import Outcome
from tests.documents import table, text
from tests.script_harness import ScriptHarness

SECOND = 1_000_000
LEASE = 900 * SECOND
STATES = ("none", "active", "logged out")
KINDS = ("LOGIN", "HEARTBEAT", "LOGOUT")
TIMES = ("ahead", "late", "earlier", "same", "later", "arrival")
SESSION_RULE = text("docs/session-rule.md")
OUTCOMES = {outcome.letter: outcome.value for outcome in Outcome}


def expand(cell: str, every: tuple[str, ...]) -> list[str]:
    return list(every) if cell == "any" else cell.split(", ")


def truth_table() -> list[tuple[tuple[str, str, str], tuple[str, ...]]]:
    rows = table(SESSION_RULE, "before", "event", "time", "outcome", "counter", "after", "logged")
    return [
        (case, tuple(expected))
        for before, event, moment, *expected in rows
        for case in product(expand(before, STATES), expand(event, KINDS), expand(moment, TIMES))
    ]


def test_truth_table_has_each_case_once() -> None:
    cases = [case for case, _ in truth_table()]
    impossible = {("none", kind, moment) for kind in KINDS for moment in ("earlier", "same")}
    assert sorted(cases) == sorted(set(product(STATES, KINDS, TIMES)) - impossible)


@pytest.mark.parametrize(("case", "expected"), truth_table(), ids=lambda value: " ".join(value))
def test_truth_table_is_what_the_script_does(
    fake_engine: ScriptHarness, case: tuple[str, str, str], expected: tuple[str, ...]
) -> None:
    before, event, moment = case
    now = time.time_ns() // 1000
    last = now - 100 * SECOND
    stamps = {
        "ahead": now + 70 * SECOND,
        "late": now - LEASE - SECOND,
        "earlier": last - 1,
        "same": last,
        "later": last + 1,
    }
    if before != "none":
        opening = "LOGIN" if before == "active" else "LOGOUT"
        fake_engine.record([("u", "1|m", opening, str(last))], lease_us=LEASE)
    counter, session, logged = fake_engine.counters(), fake_engine.sessions(), len(fake_engine.log())

    letters = fake_engine.record([("u", "1|m", event, str(stamps.get(moment, "")))], lease_us=LEASE)

    state = fake_engine.sessions().get("u|1|m", 0)
    after = "unchanged" if fake_engine.sessions() == session else "active" if state > 0 else "logged out"
    delta = fake_engine.counters().get("1|m", 0) - counter.get("1|m", 0)
    lines = fake_engine.log()[logged:]
    assert (OUTCOMES[letters], f"{delta:+d}" if delta else "0", after, "yes" if lines else "no") == expected
    if moment in ("later", "same") and after != "unchanged":
        assert abs(state) == stamps[moment]
    assert [(line.events_name, line.delta, line.outcome) for line in lines] == [(event, delta, expected[0])] * len(
        lines
    )


def examples() -> list[tuple[str, list[list[str]]]]:
    """(title, rows) of each section under "Examples"."""
    sections = SESSION_RULE.split("\n## Examples\n")[1].split("\n## ")[0].split("\n### ")[1:]
    return [(section.partition("\n")[0], table(section, "event", "time", "outcome", "players")) for section in sections]


def moment_of(cell: str, origins: dict[str, int]) -> str:
    if cell == "arrival":
        return ""
    found = re.fullmatch(r"(t|now)(?: ([+-]) (\d+) (s|min))?", cell)
    assert found, cell
    origin, sign, amount, unit = found.groups()
    offset = int(f"{sign}{amount}") * SECOND * (60 if unit == "min" else 1) if sign else 0
    return str(origins[origin] + offset)


@pytest.mark.parametrize(("title", "rows"), examples(), ids=lambda value: value if isinstance(value, str) else "")
def test_examples_are_what_the_script_does(fake_engine: ScriptHarness, title: str, rows: list[list[str]]) -> None:
    now = time.time_ns() // 1000
    origins = {"now": now, "t": now - 100 * SECOND}
    for event, moment, outcome, players in rows:
        letters = fake_engine.record([("u", "1|m", event, moment_of(moment, origins))], lease_us=LEASE)
        assert OUTCOMES[letters] == outcome, (event, moment)
        assert fake_engine.counters().get("1|m", 0) == int(players), (event, moment)
