"""When a call is tried again: which errors, how often, and after which wait."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypedDict

from tenacity import RetryCallState, retry_if_exception, stop_after_attempt, stop_before_delay
from tenacity.retry import retry_base
from tenacity.stop import stop_base
from tenacity.wait import wait_random_exponential

from quintet_client.errors import (
    AnswerLost,
    CertificateUntrusted,
    ConnectionFailed,
    DeadlineExceeded,
    QuintetError,
    ResourceExhausted,
    Unavailable,
)

_REFUSED: Final = (ConnectionFailed, ResourceExhausted, Unavailable)
"""The gateway did nothing: any call can be repeated."""
_UNKNOWN: Final = (AnswerLost, DeadlineExceeded)
"""The call may have been executed: only idempotent ones can be repeated."""


@dataclass(frozen=True)
class Retries:
    """How calls are tried again.

    Attributes:
        attempts: Tries of one call in all; 1 for no second one.
        first_wait: Most seconds before the second try; twice as many before each further one. The
            wait is random between 0 and that, so that clients do not come back all at once.
        most_wait: Most seconds of a wait, but for what Retry-After asks.
    """

    attempts: int = 3
    first_wait: float = 0.1
    most_wait: float = 2.0


class Budget:
    """Limits retries while most calls fail, so that they do not add to an overload.

    A failure takes one token, a success gives a tenth back; below half of them nothing is tried
    again. As in gRPC's retry throttling (gRFC A6).
    """

    def __init__(self, tokens: float = 10.0, gain: float = 0.1) -> None:
        self._most = self._tokens = tokens
        self._gain = gain
        self._lock = threading.Lock()

    def succeeded(self) -> None:
        """Count a success."""
        with self._lock:
            self._tokens = min(self._most, self._tokens + self._gain)

    def allows_another(self) -> bool:
        """Count a failure; return whether there is enough left to try again."""
        with self._lock:
            # Not below 0: after an outage, few successes must suffice to retry again.
            self._tokens = max(0.0, self._tokens - 1)
            return self._tokens > self._most / 2


class Strategy(TypedDict):
    """What both tenacity's `Retrying` and its `AsyncRetrying` take."""

    stop: stop_base
    wait: Callable[[RetryCallState], float]
    retry: retry_base
    reraise: bool


def strategy(
    retries: Retries,
    budget: Budget,
    seconds: float,
    *,
    idempotent: bool,
) -> Strategy:
    """Build the retry strategy of one call for tenacity.

    Args:
        retries: The rule.
        budget: Shared by all calls of a client.
        seconds: All that the call may take; no wait goes beyond.
        idempotent: Whether the call may be carried out twice.
    """
    repeatable = (*_REFUSED, *_UNKNOWN) if idempotent else _REFUSED

    def may_repeat(fault: BaseException) -> bool:
        # A certificate does not become trusted by asking again.
        if isinstance(fault, CertificateUntrusted) or not isinstance(fault, repeatable):
            return False
        return budget.allows_another()

    return Strategy(
        stop=stop_after_attempt(retries.attempts) | stop_before_delay(seconds),
        wait=_Wait(retries),
        retry=retry_if_exception(may_repeat),
        reraise=True,
    )


class _Wait:
    """Waits Retry-After, if there is one, plus a random time up to a bound that doubles."""

    def __init__(self, retries: Retries) -> None:
        self._jitter = wait_random_exponential(retries.first_wait, retries.most_wait)

    def __call__(self, state: RetryCallState) -> float:
        fault: Any = state.outcome.exception() if state.outcome else None
        asked = getattr(fault, "retry_after", None) if isinstance(fault, QuintetError) else None
        # Jitter on top of Retry-After, so that clients do not return at the same moment.
        return float(asked or 0.0) + float(self._jitter(state))
