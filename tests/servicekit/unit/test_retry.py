import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_servicekit.retry import RetryPolicy

SECONDS = st.floats(0.001, 1000)


def test_the_pause_doubles_up_to_the_limit():
    policy = RetryPolicy(first_seconds=1.0, max_seconds=5.0)
    assert [policy.pause(failures) for failures in (1, 2, 3, 4, 5)] == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_a_limit_below_the_first_pause_does_not_shorten_it():
    assert RetryPolicy(first_seconds=3.0, max_seconds=1.0).pause(7) == 3.0


@given(first=SECONDS, limit=SECONDS, failures=st.integers(1, 10**9), low=st.floats(0, 1))
def test_every_pause_is_within_the_limit_and_the_jitter(first, limit, failures, low):
    policy = RetryPolicy(first, limit, jitter=(low, 1.0))
    longest = max(first, limit)
    full = min(first * 2 ** min(failures - 1, 60), longest)
    assert low * full * (1 - 1e-9) <= policy.pause(failures) <= full * (1 + 1e-9)


@pytest.mark.parametrize(("attempts", "last"), [(1, 1), (3, 3), (None, None)])
def test_the_last_attempt_is_the_last_of_those_allowed(attempts, last):
    policy = RetryPolicy(0.1, 1.0, attempts=attempts)
    assert [n for n in range(1, 6) if policy.is_last(n)] == (
        [] if last is None else list(range(last, 6))
    )
