"""The script against the model: any order, any repetition, any grouping."""

import time
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.property.model import Model
from tests.script_harness import ScriptHarness

LETTERS = {"a": "applied", "r": "refreshed", "s": "stale", "l": "late", "d": "duplicate", "k": "clock_skew"}
# Few users, sessions and moments, so that events meet.
users = st.sampled_from(["ann", "bob", "eve x"])
members = st.sampled_from(["1|duel", "1|co op", "2|duel", "ä|ß"])
kinds = st.sampled_from(["LOGIN", "LOGOUT", "HEARTBEAT"])
moments = st.integers(0, 12)
stamped = st.tuples(users, members, kinds, moments)
maybe_stamped = st.tuples(users, members, kinds, st.none() | moments)
QUICK = settings(
    max_examples=60,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def start_of_time() -> int:
    """Microseconds; all moments lie in the last minutes and so before every event stamped by arrival."""
    return (int(time.time()) - 600) * 1_000_000


class SessionRule(RuleBasedStateMachine):
    """Calls with any mixture of stamped and arriving events; `engine` is set by the test."""

    engine: ScriptHarness

    def __init__(self) -> None:
        super().__init__()
        self.engine.fresh()
        self.model = Model()
        self.origin = start_of_time()
        self.arrivals = self.origin + 10**15
        self.calls: list[tuple[Any, str, str]] = []

    @rule(events=st.lists(maybe_stamped, min_size=1, max_size=12))
    def call(self, events: list[tuple[str, str, str, int | None]]) -> None:
        flat, expected = [], []
        for user, member, kind, moment in events:
            self.arrivals += 1
            at = self.arrivals if moment is None else self.origin + moment
            flat.append((user, member, kind, "" if moment is None else str(at)))
            expected.append(self.model.take(user, member, kind, at))
        token = f"{len(self.calls):028x}"
        outcomes = self.engine.record(flat, token)
        assert [LETTERS[letter] for letter in outcomes] == expected
        self.calls.append((flat, token, outcomes))

    @rule(data=st.data())
    def repeat_a_call(self, data: st.DataObject) -> None:
        if self.calls:
            flat, token, outcomes = data.draw(st.sampled_from(self.calls))
            assert self.engine.record(flat, token) == outcomes

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
@given(history=st.lists(stamped, min_size=1, max_size=25), data=st.data())
def test_counts_do_not_depend_on_order_repetition_or_grouping(
    engine: ScriptHarness, history: list[tuple[str, str, str, int]], data: st.DataObject
) -> None:
    origin = start_of_time()
    events = [(user, member, kind, str(origin + moment)) for user, member, kind, moment in history]
    engine.fresh()
    engine.record(events)
    counters, sessions = engine.counters(), engine.sessions()

    again = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events), max_size=10))))
    cut = data.draw(st.integers(0, len(again)))
    engine.fresh()
    for part in (again[:cut], again[cut:]):
        if part:
            engine.record(part)
    assert (engine.counters(), engine.sessions()) == (counters, sessions)
    assert engine.logged_counters() == counters
