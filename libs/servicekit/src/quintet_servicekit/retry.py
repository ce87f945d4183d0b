"""How often a failed operation is tried again, how long to wait, and how many retries are allowed.

Every retry of the services uses one of these objects: calls between services (`backends`), circuit
breakers, followers of versions, and Spotify. The published client (`quintet_client`) has its own
rules, because it may import nothing from this package.
"""

import random
from dataclasses import dataclass
from typing import Final

# 2 ** 32 times any pause exceeds every limit in use; larger exponents would overflow a float.
_MAX_DOUBLINGS: Final = 32


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential backoff: the pause doubles after each failure, up to a limit.

    Attributes:
        first_seconds: The pause after the first failure.
        max_seconds: The longest pause; raised to `first_seconds` if it is below.
        attempts: Attempts in all, the first included; None to repeat until it succeeds.
        jitter: The pause is multiplied by a random number from this range. Jitter keeps many
            callers from returning at the same moment. (0, 1) is "full jitter" of the article
            "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
    """

    first_seconds: float
    max_seconds: float
    attempts: int | None = None
    jitter: tuple[float, float] = (1.0, 1.0)

    def pause(self, failures: int) -> float:
        """Choose the seconds to wait after a number of failures in a row.

        Args:
            failures: At least 1.
        """
        doubled = self.first_seconds * 2.0 ** min(failures - 1, _MAX_DOUBLINGS)
        longest = max(self.first_seconds, self.max_seconds)
        return min(doubled, longest) * random.uniform(*self.jitter)

    def is_last(self, attempt: int) -> bool:
        """Decide whether no further attempt follows this one, counted from 1."""
        return self.attempts is not None and attempt >= self.attempts


class RetryBudget:
    """Limit extra calls to a share of first calls, so that retries stop if every call fails.

    Without such a limit, three attempts per call triple the load on a service that is overloaded.
    Source: "Handling Overload", Site Reliability Engineering, O'Reilly 2016, chapter 21.

    Args:
        share: How much of an extra call each first call allows, from 0 to 1.
        burst: The most extra calls that are saved up; a new budget is full.
    """

    def __init__(self, share: float, burst: float) -> None:
        self._share = share
        self._burst = burst
        self._left = burst

    def earn(self) -> None:
        """Count a first call."""
        self._left = min(self._burst, self._left + self._share)

    def take(self) -> bool:
        """Use up one extra call; False if none is left."""
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
