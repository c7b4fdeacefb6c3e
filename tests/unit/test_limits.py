"""How often somebody is let in, and how much is remembered for it."""

import pytest
from starlette.types import Scope as RequestScope

from app.access import admission as module
from app.access.admission import ADDRESS_REQUESTS_PER_SECOND, MAX_REMEMBERED, Admission
from app.access.need import INGEST, OPEN, PROBE, PUBLIC_READ, READ, Need
from app.contract.api_key import Scope, new_key
from app.errors import Problem
from tests.admission import WRONG, admission_of, bearer, refused, request


async def test_wrong_keys_are_throttled_by_address_and_right_ones_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(module, "monotonic", lambda: now)
    key, text = new_key("x", [Scope.READ])
    admission = await admission_of([key])
    codes = [refused(admission, request(bearer(f"wrong {n}")), READ).code for n in range(12)]
    assert codes == ["invalid_key"] * 10 + ["too_many_wrong_keys"] * 2
    throttled = refused(admission, request(bearer(WRONG)), READ)
    assert throttled.status == 429
    assert throttled.headers["Retry-After"] == "6"
    assert admission.admit(request(bearer(text)), READ, "").id == key.id
    assert refused(admission, request(bearer(WRONG), address="192.0.2.2"), READ).code == "invalid_key"
    now += 6.001
    assert refused(admission, request(bearer(WRONG)), READ).code == "invalid_key"
    assert refused(admission, request(bearer(WRONG)), READ).code == "too_many_wrong_keys"


def admitted(admission: Admission, scope: RequestScope, need: Need, tries: int) -> int:
    count = 0
    refusals = []
    for _ in range(tries):
        try:
            admission.admit(scope, need, "")
            count += 1
        except Problem as problem:
            refusals.append(problem)
    assert {(problem.status, problem.code) for problem in refusals} <= {(429, "too_many_requests")}
    assert all(problem.headers.keys() == {"Retry-After", "RateLimit", "RateLimit-Policy"} for problem in refusals)
    return count


async def test_requests_are_limited_by_key_and_by_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "monotonic", lambda: 1000.0)
    (own, own_text), (other, other_text) = new_key("x", [Scope.READ], 7), new_key("y", [Scope.READ])
    admission = await admission_of([own, other], key_requests_per_second=20, public_reads=True)
    sent = request(bearer(own_text))
    assert admitted(admission, sent, READ, 50) == 7
    admission._known.clear()
    assert admitted(admission, request(("X-API-Key", own_text)), READ, 50) == 0, "the same key in another header"
    assert admitted(admission, request(bearer(other_text)), READ, 50) == 20
    assert admitted(admission, request(), PUBLIC_READ, 1000) == ADDRESS_REQUESTS_PER_SECOND
    assert admitted(admission, request(), OPEN, 5) == 0
    assert admitted(admission, request(), PROBE, 1000) == 1000, "a probe is never refused"
    assert admitted(admission, request(address="192.0.2.2"), PUBLIC_READ, 1000) == ADDRESS_REQUESTS_PER_SECOND


async def test_addresses_are_not_limited_while_keys_are_off_on_loopback_unless_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "monotonic", lambda: 1000.0)
    assert admitted(await admission_of(loopback=True), request(), READ, 2000) == 2000
    asked = await admission_of(loopback=True, address_requests_per_second=5)
    assert admitted(asked, request(), READ, 20) == 5
    anonymous = await admission_of(allow_anonymous=True)
    assert admitted(anonymous, request(), READ, 2000) == ADDRESS_REQUESTS_PER_SECOND


async def test_events_are_limited_and_a_large_request_fits_into_a_full_bucket() -> None:
    key, text = new_key("x", [Scope.INGEST])
    admission = await admission_of([key], key_events_per_second=100)
    principal = admission.admit(request(bearer(text)), INGEST, "")
    principal.take_events(0)
    principal.take_events(10_000)
    with pytest.raises(Problem) as raised:
        principal.take_events(10_000)
    assert (raised.value.status, raised.value.code) == (429, "event_rate_exceeded")
    assert raised.value.headers["Retry-After"] == "100"


async def test_what_is_remembered_is_bounded() -> None:
    key, text = new_key("x", [Scope.READ])
    admission = await admission_of([key])
    for n in range(MAX_REMEMBERED + 100):
        admission.admit(request(("Authorization", f"Bearer{' ' * (n % 300 + 1)}{text}"), query=f"a={n}"), READ, "")
    admission.admit(request(bearer(text), query="a=" + "x" * 10_000), READ, "")
    assert len(admission._known) <= 300
    assert len(admission._clean_queries) <= MAX_REMEMBERED
    assert max(map(len, admission._clean_queries)) < 1000
