"""Call one service at several addresses, with retries, hedging and circuit breakers.

Calls use the addresses in turn (round robin) and skip those whose breaker is open. If a retryable
method meets an unreachable address, the call is repeated at another one, or after a random pause at
the same one. If an address is slow, for example because its process hangs, the call is also sent to
a second address and the first answer is used (hedging). Budgets limit both to a share of all calls.
A method that is not retryable is sent once.

gRPC's own retries stay on one channel, and therefore on one address of a list, and gRPC for Python
has no hedging. So both are implemented here, and the channels do not retry.
"""

import asyncio
import ipaddress
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import grpc
from quintet_contract.addresses import bare_host

from quintet_servicekit.breaker import Breaker, BreakerRules
from quintet_servicekit.errors import NotReady, Reason
from quintet_servicekit.metrics import HEDGES, RETRIES
from quintet_servicekit.retry import RetryBudget, RetryPolicy
from quintet_servicekit.status import UPSTREAM_UNREACHABLE, error_of

# Latencies remembered for each method; the percentile is computed again after every 20 of them,
# because sorting 100 numbers on each call would cost more than it is worth.
_SAMPLES: Final = 100
_SAMPLES_PER_UPDATE: Final = 20
_SLOW_QUANTILE: Final = 0.95
# A deadline below this, in seconds, is so short that missing it is no evidence of a fault.
_MIN_CONCLUSIVE_SECONDS: Final = 0.1
# A service that is slow for everyone must not raise the hedging threshold without limit.
_MAX_HEDGE_SECONDS: Final = 0.5
# Times as many failures in a row open the breaker of a name that may stand for several machines.
_MANY_FAILURES: Final = 3
# A server that stops cancels a call that it has only begun to read; a call cancelled here raises
# CancelledError instead.
_RETRIED_CODES: Final = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.CANCELLED,
)


DEFAULT_RETRY: Final = RetryPolicy(0.1, 60.0, attempts=3, jitter=(0.0, 1.0))
"""Three attempts; the same address again after up to 0.1 s, then up to 0.2 s."""


@dataclass(frozen=True)
class CallPolicy:
    """How much effort one call to a service is worth.

    Attributes:
        breaker: When an address is skipped.
        retry: How often a retryable call is attempted in all, and the pause before the same
            address is tried again. Another address is tried at once.
        retry_share: Retries allowed per call, from 0 to 1.
        hedge_share: Second calls allowed per call, from 0 to 1; 0 turns hedging off.
        burst: Retries, and second calls, that may happen at once before the shares count.
        hedge_seconds: The lowest threshold of a slow call; above it, the 95th percentile counts.
    """

    breaker: BreakerRules = field(default_factory=BreakerRules)
    retry: RetryPolicy = DEFAULT_RETRY
    retry_share: float = 0.1
    hedge_share: float = 0.1
    burst: float = 50.0
    hedge_seconds: float = 0.05


def addresses_of(text: str) -> list[str]:
    """Split a list of addresses at its commas; a leading `ipv4:`, as gRPC writes it, is ignored."""
    return [each.strip() for each in text.removeprefix("ipv4:").split(",") if each.strip()]


@dataclass
class _Backend:
    """One address of a service.

    Attributes:
        channel: The open channel to it.
        breaker: The circuit breaker of this address.
        many: Whether the host name may resolve to several machines, which gRPC uses in turn.
    """

    channel: grpc.aio.Channel
    breaker: Breaker
    many: bool


def _backend(
    channel: grpc.aio.Channel, target: str, rules: BreakerRules, *, many: bool
) -> _Backend:
    """Give an address its breaker."""
    if many:
        # It stops the calls of all machines of the name: one that is slow must not do that.
        rules = replace(rules, failures=_MANY_FAILURES * rules.failures)
    return _Backend(channel, Breaker(target, rules), many)


class _Latencies:
    """The threshold of a slow call: the 95th percentile of the last ones, within bounds."""

    def __init__(self, least: float) -> None:
        self._least = least
        self._seconds: deque[float] = deque(maxlen=_SAMPLES)
        self._added = 0
        # Until there are samples, only calls that are clearly slow are sent twice.
        self.slow = 2 * least

    def add(self, seconds: float) -> None:
        self._seconds.append(seconds)
        self._added += 1
        if self._added % _SAMPLES_PER_UPDATE == 0:
            ordered = sorted(self._seconds)
            high = ordered[int(_SLOW_QUANTILE * (len(ordered) - 1))]
            self.slow = min(max(high, self._least), _MAX_HEDGE_SECONDS)


class Backends:
    """The addresses of one service as one object that generated stubs accept as a channel.

    Args:
        name: The service's name, used as a label in metrics.
        addresses: `host:port` of each.
        connect: Opens a channel to one address.
        retryable: Full names of methods that may be sent more than once, because they only read or
            have the same effect when repeated, such as `/package.Service/Method`.
        policy: How much effort one call is worth.
    """

    def __init__(
        self,
        name: str,
        addresses: Sequence[str],
        connect: Callable[[str], grpc.aio.Channel],
        retryable: Collection[str],
        policy: CallPolicy,
    ) -> None:
        single = len(addresses) == 1
        targets = [name if single else f"{name}-{n + 1}" for n in range(len(addresses))]
        self._name = name
        self._backends = [
            _backend(connect(address), target, policy.breaker, many=_may_be_many(address))
            for target, address in zip(targets, addresses, strict=True)
        ]
        self._retryable = frozenset(retryable)
        self._policy = policy
        self._next = 0
        self._retries = RetryBudget(policy.retry_share, policy.burst)
        self._hedges = RetryBudget(policy.hedge_share, policy.burst)
        # What the service itself said last while unavailable; repeated if every breaker is open.
        self._reason = Reason.UPSTREAM_UNAVAILABLE
        self._message = UPSTREAM_UNREACHABLE

    @property
    def channels(self) -> list[grpc.aio.Channel]:
        """The channel to each address, in the order of the addresses."""
        return [backend.channel for backend in self._backends]

    async def close(self) -> None:
        """Close the channels."""
        for channel in self.channels:
            await channel.close()

    def unary_unary(self, method: str, **serialising: Any) -> Callable[..., Any]:
        """Make the function that calls a method; the one part of a channel that our stubs use."""
        calls = [backend.channel.unary_unary(method, **serialising) for backend in self._backends]
        latencies = _Latencies(self._policy.hedge_seconds)
        prepared = _Method(method, calls, latencies)

        async def call(request: Any, *, timeout: float) -> Any:
            return await self._call(prepared, request, timeout)

        return call

    async def _call(self, method: "_Method", request: Any, timeout: float) -> Any:
        """Call within a number of seconds, all attempts and pauses included.

        Raises:
            AioRpcError: The last attempt failed, or the service answered with an error.
            NotReady: The breakers of all addresses are open.
        """
        deadline = _now() + timeout
        retryable = method.name in self._retryable
        self._retries.earn()
        tried: set[int] = set()
        attempt = 1
        while True:
            number = self._pick(tried)
            if number is None:
                raise NotReady(self._reason, self._message)
            try:
                if retryable:
                    return await self._hedged(method, number, request, deadline)
                return await self._try(method, number, request, deadline)
            except grpc.aio.AioRpcError as fault:
                last = self._policy.retry.is_last(attempt) or not retryable
                # Any other code is an answer; the same request would get it again.
                if last or fault.code() not in _RETRIED_CODES:
                    raise
                tried.add(number)
                # An address without room is sent nothing more; another one may have room.
                full = fault.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
                if full and not self._untried(tried):
                    raise
                if not await self._may_retry(tried, attempt, deadline):
                    raise
            attempt += 1

    async def _may_retry(self, tried: set[int], attempt: int, deadline: float) -> bool:
        """Wait until the next attempt; False if the deadline or the budget allows none."""
        another = len(tried) < len(self._backends)
        pause = 0.0 if another else self._policy.retry.pause(attempt)
        if _now() + pause >= deadline:
            return False
        if not self._retries.take():
            RETRIES.labels(self._name, "refused").inc()
            return False
        RETRIES.labels(self._name, "made").inc()
        await asyncio.sleep(pause)
        return True

    def _untried(self, tried: Collection[int]) -> bool:
        return any(
            number not in tried and backend.breaker.admits
            for number, backend in enumerate(self._backends)
        )

    def _pick(self, tried: Collection[int]) -> int | None:
        """Choose the next address in turn, preferring those not tried yet; None if all are open.

        If every address whose breaker admits a call has failed this call, one with an open breaker
        is tried: a breaker also opens for an address that is only slow, and a slow answer is better
        than none. The budget of retries limits how often that happens.
        """
        count = len(self._backends)
        if count == 1 and not tried:
            # Most services have one address.
            return 0 if self._backends[0].breaker.admits else None
        order = [(self._next + step) % count for step in range(count)]
        admitted = [number for number in order if self._backends[number].breaker.admits]
        untried = [number for number in (*admitted, *order) if number not in tried]
        choices = (untried or admitted) if tried else admitted
        if not choices:
            return None
        picked = choices[0]
        self._next = (picked + 1) % count
        return picked

    async def _hedged(self, method: "_Method", number: int, request: Any, deadline: float) -> Any:
        """Call an address, and a second one if the first is slow; use the first answer."""
        # A single machine that is slow does not get faster by a second request.
        if not self._policy.hedge_share or (
            len(self._backends) == 1 and not self._backends[0].many
        ):
            return await self._try(method, number, request, deadline)
        self._hedges.earn()
        first = asyncio.ensure_future(self._try(method, number, request, deadline))
        calls = [first]
        try:
            done, _ = await asyncio.wait(calls, timeout=method.latencies.slow)
            other = None if done else self._second(number)
            if other is not None:
                calls.append(asyncio.ensure_future(self._try(method, other, request, deadline)))
            won = await _first_answer(calls)
            if other is not None:
                self._record_hedge(number, other, overtaken=not first.done())
            return won.result()
        finally:
            for call in calls:
                call.cancel()

    def _second(self, first: int) -> int | None:
        """Choose the address for a second call; None if there is none, or no budget."""
        others = [
            number
            for number, backend in enumerate(self._backends)
            if backend.breaker.closed and (number != first or backend.many)
        ]
        if not others or not self._hedges.take():
            return None
        # Prefer another address: the first one is known to be slow.
        return next((number for number in others if number != first), first)

    def _record_hedge(self, first: int, second: int, *, overtaken: bool) -> None:
        HEDGES.labels(self._name, "second" if overtaken else "first").inc()
        if overtaken and second != first:
            # A hanging process never returns an error, so losing to a second call is its failure.
            self._backends[first].breaker.failed()

    async def _try(self, method: "_Method", number: int, request: Any, deadline: float) -> Any:
        """Send a call once to one address and record the result in its breaker."""
        breaker = self._backends[number].breaker
        allowed, started = max(0.0, deadline - _now()), _now()
        trial = breaker.begin()
        try:
            response = await method.calls[number](request, timeout=allowed)
        except asyncio.CancelledError:
            breaker.abandoned(trial)
            raise
        except grpc.aio.AioRpcError as fault:
            self._record_failure(breaker, fault, allowed, trial)
            raise
        breaker.succeeded()
        method.latencies.add(_now() - started)
        return response

    def _record_failure(
        self, breaker: Breaker, fault: grpc.aio.AioRpcError, allowed: float, trial: bool
    ) -> None:
        if fault.code() is grpc.StatusCode.UNAVAILABLE:
            breaker.failed()
            if isinstance(error := error_of(fault), NotReady):
                self._reason, self._message = error.reason, error.message
        elif fault.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
            # Any other code comes from a process that is running.
            breaker.succeeded()
        elif allowed >= _MIN_CONCLUSIVE_SECONDS:
            breaker.failed()
        else:
            breaker.abandoned(trial)


@dataclass(frozen=True)
class _Method:
    """One method of the service.

    Attributes:
        name: Its full name.
        calls: How to call it, one function per address.
        latencies: How long its calls take.
    """

    name: str
    calls: Sequence[Callable[..., Any]]
    latencies: _Latencies


async def _first_answer(calls: Sequence["asyncio.Future[Any]"]) -> "asyncio.Future[Any]":
    """Wait for the first call that succeeds; if all fail, choose the first call."""
    pending = set(calls)
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for call in done:
            if call.exception() is None:
                return call
    return calls[0]


def _may_be_many(address: str) -> bool:
    """Decide whether an address may stand for several machines: a name may, a number may not."""
    host = bare_host(address.rpartition(":")[0])
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host != "localhost"
    return False


def _now() -> float:
    return asyncio.get_running_loop().time()
