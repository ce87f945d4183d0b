"""Circuit breakers and budgets: what keeps a fault from spreading, and retries from feeding it."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from quintet_servicekit.metrics import BREAKER

_CLOSED, _HALF_OPEN, _OPEN = 0, 1, 2


@dataclass(frozen=True)
class BreakerRules:
    """When a breaker opens, and for how long.

    Attributes:
        failures: Failures in a row that open it.
        seconds: How long it stays open at first; twice as long after each trial that fails.
        most_seconds: The longest that it stays open.
    """

    failures: int = 3
    seconds: float = 0.5
    most_seconds: float = 1.0


class Breaker:
    """Keeps calls from a target that fails; one trial at a time finds out when it is back.

    Args:
        target: Its name in metrics.
        rules: When it opens.
        clock: Seconds that only grow.
    """

    def __init__(
        self, target: str, rules: BreakerRules, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rules = rules
        self._clock = clock
        self._gauge = BREAKER.labels(target)
        self._failures = 0
        self._wait = 0.0
        self._until = 0.0
        self._trying = False
        self._gauge.set(_CLOSED)

    @property
    def closed(self) -> bool:
        """Whether calls pass freely."""
        return not self._wait

    @property
    def admits(self) -> bool:
        """Whether a call may be made now: always, or as the next trial."""
        return self.closed or (not self._trying and self._clock() >= self._until)

    def begin(self) -> bool:
        """Notes that a call is made, and returns whether it is a trial."""
        if self.closed:
            return False
        self._trying = True
        self._gauge.set(_HALF_OPEN)
        return True

    def succeeded(self) -> None:
        """Notes an answer: the target is there."""
        self._failures, self._wait, self._trying = 0, 0.0, False
        self._gauge.set(_CLOSED)

    def failed(self) -> None:
        """Notes a failure of the target."""
        self._failures += 1
        if self.closed and self._failures < self._rules.failures:
            return
        if self._trying or self.closed:
            self._wait = min(2 * self._wait or self._rules.seconds, self._rules.most_seconds)
            # Many callers must not come back at the same moment.
            self._until = self._clock() + self._wait * random.uniform(0.8, 1.0)
        self._trying = False
        self._gauge.set(_OPEN)

    def abandoned(self, trial: bool) -> None:
        """Notes that a call ended without telling anything of the target."""
        if trial and self._trying:
            self._trying = False
            self._gauge.set(_OPEN)


class RetryBudget:
    """Further calls allowed as a share of first calls, so that they stop where all fail.

    Args:
        share: What each first call allows.
        burst: The most that is saved up; as much is there at the start.
    """

    def __init__(self, share: float, burst: float) -> None:
        self._share = share
        self._burst = burst
        self._left = burst

    def earn(self) -> None:
        """Notes a first call."""
        self._left = min(self._burst, self._left + self._share)

    def take(self) -> bool:
        """Takes one further call out, and returns whether there was one."""
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
