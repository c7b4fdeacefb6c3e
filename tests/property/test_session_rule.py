"""The script against the model: any order, any repetition, any grouping."""

import time
from collections import Counter
from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from app.contract.area_mode import split_area_mode
from app.contract.outcome import POSTED_KINDS, EventKind, Outcome
from tests.property.model import Model
from tests.script_harness import ScriptHarness

OUTCOMES = {outcome.letter: outcome for outcome in Outcome}
QUICK = settings(
    max_examples=60,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Event(NamedTuple):
    """`moment`: microseconds after the start of the test's time; None: stamped when it arrives."""

    user: str
    area_mode: str
    kind: EventKind
    moment: int | None

    def script_args(self, start: int) -> tuple[str, str, str, str]:
        stamp = "" if self.moment is None else str(start + self.moment)
        return self.user, self.area_mode, self.kind, stamp


class Call(NamedTuple):
    """A call of the script that was made, and its answer."""

    events: list[tuple[str, str, str, str]]
    token: str
    letters: str


# Few users, sessions and moments, so that events meet.
users = st.sampled_from(["ann", "bob", "eve x"])
area_modes = st.sampled_from(["1|duel", "1|co op", "2|duel", "ä|ß"])
kinds = st.sampled_from(POSTED_KINDS)
moments = st.integers(0, 12)
stamped_events = st.builds(Event, users, area_modes, kinds, moments)
events_of_any_kind = st.builds(Event, users, area_modes, kinds, st.none() | moments)


def start_of_time() -> int:
    """Microseconds; all moments are in the last minutes, and so before every event stamped when it arrives."""
    return (int(time.time()) - 600) * 1_000_000


class SessionRule(RuleBasedStateMachine):
    """Calls with stamped and arriving events in any mixture; `engine` is set by the test."""

    engine: ScriptHarness

    def __init__(self) -> None:
        super().__init__()
        self.engine.fresh()
        self.model = Model()
        self.start = start_of_time()
        self.arrival = self.start + 10**15
        self.calls: list[Call] = []

    @rule(events=st.lists(events_of_any_kind, min_size=1, max_size=12))
    def call(self, events: list[Event]) -> None:
        expected = []
        for event in events:
            self.arrival += 1
            at = self.arrival if event.moment is None else self.start + event.moment
            expected.append(self.model.record(event.user, event.area_mode, event.kind, at))
        script_events = [event.script_args(self.start) for event in events]
        token = f"{len(self.calls):028x}"
        letters = self.engine.record(script_events, token)
        assert [OUTCOMES[letter] for letter in letters] == expected
        self.calls.append(Call(script_events, token, letters))

    @rule(data=st.data())
    def repeat_a_call(self, data: st.DataObject) -> None:
        if self.calls:
            call = data.draw(st.sampled_from(self.calls))
            assert self.engine.record(call.events, call.token) == call.letters

    @rule(anew=st.booleans())
    def totals_are_the_sums_of_the_counters(self, anew: bool) -> None:
        if anew:
            self.engine.recount()
        else:
            self.engine.count()
        by_area: Counter[str] = Counter()
        by_mode: Counter[str] = Counter()
        for area_mode, players in self.model.counters().items():
            area, mode = split_area_mode(area_mode)
            by_area[area] += players
            by_mode[mode] += players
        assert self.engine.totals() == (by_area, by_mode, by_area.total())

    @invariant()
    def counters_are_the_model_s(self) -> None:
        assert self.engine.counters() == self.model.counters()

    @invariant()
    def log_sums_to_the_counters(self) -> None:
        assert self.engine.logged_counters() == self.engine.counters()
        assert len(self.engine.log()) == self.model.logged


def run_machine(engine: ScriptHarness, examples: int) -> None:
    machine = type("Machine", (SessionRule,), {"engine": engine})
    run_state_machine_as_test(machine, settings=settings(QUICK, max_examples=examples))


def test_script_follows_the_model_on_real_servers(engine: ScriptHarness) -> None:
    run_machine(engine, 60)


def test_script_follows_the_model_on_fakeredis(fake_engine: ScriptHarness) -> None:
    run_machine(fake_engine, 25)


@QUICK
@given(history=st.lists(stamped_events, min_size=1, max_size=25), data=st.data())
def test_counts_do_not_depend_on_order_repetition_or_grouping(
    engine: ScriptHarness, history: list[Event], data: st.DataObject
) -> None:
    start = start_of_time()
    events = [event.script_args(start) for event in history]
    engine.fresh()
    engine.record(events)
    counters, sessions = engine.counters(), engine.sessions()

    repeated = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events), max_size=10))))
    cut = data.draw(st.integers(0, len(repeated)))
    engine.fresh()
    for part in (repeated[:cut], repeated[cut:]):
        if part:
            engine.record(part)
    assert (engine.counters(), engine.sessions()) == (counters, sessions)
    assert engine.logged_counters() == counters
