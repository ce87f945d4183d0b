"""Decide whether listeners prefer one of two models, by a test that may be read at any time.

Each trial is won by the challenger or by the champion. If listeners had no preference, the
challenger would win a known share of them, the *null*: half of interleaved lists, or its share of
the traffic in a split. For every share p, the beta-binomial mixture

    E_n(p) = B(a + wins, b + losses) / B(a, b) / (p^wins (1 - p)^losses)

is a non-negative martingale of mean 1 where p is the truth, so by Ville's inequality it ever
reaches 1 / alpha with a probability of at most alpha, however often one looks and whenever one
stops. The shares that have not been ruled out are an interval that holds the truth at all times
together with probability 1 - alpha.

Sources: H. Robbins, "Statistical methods related to the law of the iterated logarithm", Annals of
Mathematical Statistics 41 (1970); R. Johari, P. Koomen, L. Pekelis, D. Walsh, "Always valid
inference: continuous monitoring of A/B tests", Operations Research 70 (2022), whose mixture
sequential probability ratio test (mSPRT) this is.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

# The mixture expects effects of about twice the smallest that matters: such are found soonest.
_EXPECTED: Final = 2.0
# Sixty halvings reach the spacing of floats between 0 and 1 (2 ** -53).
_HALVINGS: Final = 60
EFFECTS: Final = (0.005, 0.2)
"""The smallest and the largest minimum effect that can be asked for."""


class Verdict(StrEnum):
    """Name the result of the trials so far.

    `UNDECIDED` goes on; `CHALLENGER` and `CHAMPION` are preferred; `EQUAL`: no difference that
    matters; `INCONCLUSIVE`: nothing found within the most trials allowed.
    """

    UNDECIDED = "undecided"
    CHALLENGER = "challenger"
    CHAMPION = "champion"
    EQUAL = "equal"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Rule:
    """Define when trials decide.

    Attributes:
        alpha: The largest probability of finding a preference that does not exist, 0..1.
        min_effect: The smallest preference that matters: how far from a half, 0.005..0.2.
        most_trials: When to give up, 1 or more.
        null: The challenger's share of trials if there were no preference, 0..1, both excluded.
    """

    alpha: float = 0.05
    min_effect: float = 0.05
    most_trials: int = 5000
    null: float = 0.5


@dataclass(frozen=True)
class Evidence:
    """Measure the preference: the share that the challenger would win of equal traffic.

    Attributes:
        wins: Trials won by the challenger.
        losses: Trials won by the champion.
        verdict: What follows.
        p_value: Always valid: at most alpha with a probability of at most alpha, at every look.
        preference: As observed, 0..1; a half without trials.
        low: Lower end of what is not ruled out.
        high: Upper end.
    """

    wins: int
    losses: int
    verdict: Verdict
    p_value: float
    preference: float
    low: float
    high: float


def weigh(wins: int, losses: int, rule: Rule) -> Evidence:
    """Apply a rule to the trials so far."""
    low, high = (_even(share, rule.null) for share in _interval(wins, losses, rule))
    seen = _even(wins / (wins + losses), rule.null) if wins + losses else 0.5
    against = log_evidence(wins, losses, rule.null, rule)
    verdict = _verdict(wins + losses, low, high, rule)
    return Evidence(wins, losses, verdict, min(1.0, math.exp(-against)), seen, low, high)


def log_evidence(wins: int, losses: int, share: float, rule: Rule) -> float:
    """Compute ln E_n(p), the evidence against a share p between 0 and 1."""
    # A beta distribution of this concentration has the standard deviation of the expected effect
    # around a null of a half: Var = p (1 - p) / (a + b + 1).
    concentration = 1.0 / (4.0 * (_EXPECTED * rule.min_effect) ** 2) - 1.0
    a, b = concentration * rule.null, concentration * (1.0 - rule.null)
    mixture = _log_beta(a + wins, b + losses) - _log_beta(a, b)
    return mixture - wins * math.log(share) - losses * math.log1p(-share)


def _verdict(trials: int, low: float, high: float, rule: Rule) -> Verdict:
    if low >= 0.5 - rule.min_effect and high <= 0.5 + rule.min_effect:
        return Verdict.EQUAL
    if low > 0.5:
        return Verdict.CHALLENGER
    if high < 0.5:
        return Verdict.CHAMPION
    return Verdict.INCONCLUSIVE if trials >= rule.most_trials else Verdict.UNDECIDED


def _interval(wins: int, losses: int, rule: Rule) -> tuple[float, float]:
    """Find the interval of shares not ruled out: ln E is convex, least at the share seen.

    There a mixture of likelihoods is below the greatest of them, so the share seen is inside.
    """
    if not wins + losses:
        return 0.0, 1.0
    seen, limit = wins / (wins + losses), -math.log(rule.alpha)

    def ruled_out(share: float) -> bool:
        return log_evidence(wins, losses, share, rule) >= limit

    low = _border(0.0, seen, ruled_out) if wins else 0.0
    high = _border(1.0, seen, ruled_out) if losses else 1.0
    return low, high


def _border(outside: float, inside: float, ruled_out: Callable[[float], bool]) -> float:
    for _ in range(_HALVINGS):
        middle = (outside + inside) / 2
        if middle in (outside, inside):
            break
        if ruled_out(middle):
            outside = middle
        else:
            inside = middle
    return outside


def _even(share: float, null: float) -> float:
    """Convert a share of unequal traffic to equal traffic: the same odds relative to the null."""
    for_challenger, for_champion = share * (1.0 - null), (1.0 - share) * null
    return for_challenger / (for_challenger + for_champion)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
