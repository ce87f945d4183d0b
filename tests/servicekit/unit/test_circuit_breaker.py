import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from quintet_servicekit.breaker import Breaker, BreakerRules
from quintet_servicekit.retry import RetryBudget

RULES = BreakerRules(failures=3, seconds=1.0, most_seconds=4.0)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock) -> Breaker:
    return Breaker("target", RULES, clock)


def state() -> float | None:
    return REGISTRY.get_sample_value("quintet_breaker_state", {"target": "target"})


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.begin()
        breaker.failed()


def test_it_opens_after_so_many_failures_in_a_row_and_no_fewer(breaker):
    fail(breaker, 2)
    breaker.succeeded()
    fail(breaker, 2)
    assert breaker.admits
    assert state() == 0
    fail(breaker, 1)
    assert not breaker.admits
    assert state() == 2


def test_one_trial_at_a_time_finds_out_whether_it_is_back(breaker, clock):
    fail(breaker, 3)
    clock.now += 1.0
    assert breaker.admits
    assert breaker.begin()
    assert state() == 1
    assert not breaker.admits
    breaker.succeeded()
    assert breaker.closed
    assert state() == 0


def test_each_trial_that_fails_doubles_the_wait_up_to_the_most(breaker, clock):
    fail(breaker, 3)
    waits = []
    for _ in range(4):
        start = clock.now
        while not breaker.admits:
            clock.now += 0.05
        waits.append(clock.now - start)
        fail(breaker, 1)
    for wait, most in zip(waits, (1.0, 2.0, 4.0, 4.0), strict=True):
        assert 0.8 * most - 0.051 <= wait <= most + 0.051


def test_a_trial_that_tells_nothing_leaves_room_for_another(breaker, clock):
    fail(breaker, 3)
    clock.now += 1.0
    trial = breaker.begin()
    breaker.abandoned(trial)
    assert breaker.admits


def test_failures_of_calls_begun_before_it_opened_do_not_put_the_trial_off(breaker, clock):
    fail(breaker, 3)
    for _ in range(10):
        breaker.failed()
    clock.now += 1.0
    assert breaker.admits


@given(share=st.floats(0, 1), burst=st.integers(0, 20), calls=st.integers(0, 200))
def test_no_more_is_taken_than_the_burst_and_the_share_of_calls(share, burst, calls):
    budget = RetryBudget(share, burst)
    taken = 0
    for _ in range(calls):
        budget.earn()
        taken += budget.take()
    assert taken <= burst + share * calls + 1e-6
