"""Circuit breakers: stop calls to an address that fails, and test it until it works again."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from quintet_servicekit.metrics import BREAKER
from quintet_servicekit.retry import RetryPolicy

# The values of the metric quintet_breaker_state.
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
    """Block calls to a target that fails, except one trial call at a time.

    Closed: calls pass. Open: no call passes until the pause is over. Half open: one trial call is
    running; its result closes the breaker or opens it for longer.

    Args:
        target: The label of this breaker in metrics.
        rules: When it opens.
        clock: A monotonic clock in seconds; replaced in tests.
    """

    def __init__(
        self, target: str, rules: BreakerRules, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._failures_to_open = rules.failures
        # Jitter below the full pause: many callers must not return at the same moment.
        self._policy = RetryPolicy(rules.seconds, rules.most_seconds, jitter=(0.8, 1.0))
        self._clock = clock
        self._gauge = BREAKER.labels(target)
        self._failures = 0
        # How often in a row it has opened; 0 while it is closed.
        self._openings = 0
        self._open_until = 0.0
        self._trial_runs = False
        self._gauge.set(_CLOSED)

    @property
    def closed(self) -> bool:
        """Whether every call passes."""
        return not self._openings

    @property
    def admits(self) -> bool:
        """Whether a call may be made now, as a normal call or as the next trial."""
        return self.closed or (not self._trial_runs and self._clock() >= self._open_until)

    def begin(self) -> bool:
        """Record that a call starts; True if it is a trial."""
        if self.closed:
            return False
        self._trial_runs = True
        self._gauge.set(_HALF_OPEN)
        return True

    def succeeded(self) -> None:
        """Record that the target answered, which closes the breaker."""
        if not self._failures and not self._openings:
            return  # closed already, as after almost every call
        self._failures, self._openings, self._trial_runs = 0, 0, False
        self._gauge.set(_CLOSED)

    def failed(self) -> None:
        """Record a failure of the target."""
        self._failures += 1
        if self.closed and self._failures < self._failures_to_open:
            return
        # Calls that began before the breaker opened may still fail; they do not extend the pause.
        if self._trial_runs or self.closed:
            self._openings += 1
            self._open_until = self._clock() + self._policy.pause(self._openings)
        self._trial_runs = False
        self._gauge.set(_OPEN)

    def abandoned(self, trial: bool) -> None:
        """Record a call that ended with no evidence about the target, such as a cancelled one."""
        if trial and self._trial_runs:
            self._trial_runs = False
            self._gauge.set(_OPEN)
