"""The rate limit, beside a token bucket that is counted step by step."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access.rate_limit import RateLimit, per_second


def test_burst_then_one_at_a_time() -> None:
    limit = RateLimit(10, 3)
    assert [limit.take(1, 100.0) for _ in range(3)] == [0, 0, 0]
    assert limit.take(1, 100.0) == pytest.approx(0.1)
    assert limit.take(1, 100.05) == pytest.approx(0.05)
    assert limit.take(1, 100.1001) == 0
    assert limit.take(1, 100.1001) > 0


def test_refused_amount_takes_nothing() -> None:
    limit = RateLimit(10, 10)
    limit.take(6, 5.0)
    for _ in range(100):
        assert limit.take(5, 5.0) == pytest.approx(0.1)
    assert limit.take(4, 5.0) == 0


def test_more_than_the_burst_fits_into_a_full_bucket_and_is_paid_for() -> None:
    limit = RateLimit(10, 10)
    assert limit.take(50, 1.0) == 0
    assert limit.take(1, 1.0) == pytest.approx(4.1)
    assert limit.take(50, 5.9) > 0
    assert limit.take(50, 6.0) == pytest.approx(0)


def test_headers_say_when_and_how_much() -> None:
    limit = RateLimit(10 / 60, 10)
    limit.take(10, 7.0)
    wait = limit.take(1, 7.0)
    assert limit.headers("wrong_keys", wait, 7.0) == {
        "Retry-After": "6",
        "RateLimit-Policy": '"wrong_keys";q=10;w=60',
        "RateLimit": '"wrong_keys";r=0;t=6',
    }


def test_wait_is_never_shown_as_none() -> None:
    limit = RateLimit(50_000, 50_000)
    limit.take(50_000, 0.0)
    assert limit.headers("requests", limit.take(1, 0.0), 0.0)["Retry-After"] == "1"


@given(
    st.integers(1, 50),
    st.integers(1, 50),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 60)), max_size=60),
)
def test_it_is_a_token_bucket(rate: int, burst: int, calls: list[tuple[int, int]]) -> None:
    """In whole milliseconds, so that the model is exact."""
    limit = RateLimit(rate, burst)
    now, level = 1_000_000, burst * 1000  # thousandths of a token
    for milliseconds, amount in calls:
        now += milliseconds
        level = min(burst * 1000, level + milliseconds * rate)
        missing = min(amount, burst) * 1000 - level
        wait = limit.take(amount, now / 1000)
        if missing <= 0:
            assert wait <= 1e-6
            if wait:  # by rounding only
                wait = limit.take(amount, now / 1000 + wait)
            level -= amount * 1000
        else:
            assert wait == pytest.approx(missing / 1000 / rate, abs=1e-6)


def test_rate_of_zero_is_no_limit() -> None:
    assert per_second(0) is None
    tiny = per_second(5e-324)
    assert tiny is not None
    assert tiny.take(1, 1.0) == 0
    assert tiny.take(1, 1.0) == pytest.approx(1000)
    limit = per_second(0.5)
    assert limit is not None
    assert limit.take(1, 1.0) == 0
    assert limit.take(1, 1.0) == pytest.approx(2)
