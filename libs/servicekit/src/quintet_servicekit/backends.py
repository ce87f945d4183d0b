"""One service at several addresses, called as if it were one that never fails.

Calls go round robin over the addresses whose breaker is closed. A read that meets an address that
is away is tried on another, or after a pause with jitter on the same; one that is slow, as a
process that hangs is, is sent to a second address too, and the first answer counts. Budgets keep
both to a share of all calls. What is no read is sent once.

gRPC's own retries stay on one channel and so on one address of a list, and its hedging policy is
not in Python; so both are here, and channels have none.
"""

import asyncio
import ipaddress
import random
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import grpc

from quintet_servicekit.breaker import Breaker, BreakerRules, RetryBudget
from quintet_servicekit.errors import NotReady, Reason
from quintet_servicekit.metrics import HEDGES, RETRIES
from quintet_servicekit.status import error_of

_SAMPLES: Final = 100
_FRESH_EVERY: Final = 20
_QUANTILE: Final = 0.95
# A call that was given less than this and ran out of it says nothing of its target.
_TELLING_SECONDS: Final = 0.1
_MOST_HEDGE_SECONDS: Final = 0.5


@dataclass(frozen=True)
class CallPolicy:
    """How much is done for a call.

    Attributes:
        breaker: When an address is left out.
        tries: How often a read is tried in all.
        backoff_seconds: The longest pause before the second try of an address; then twice as long.
        retry_share: Retries allowed for each call.
        hedge_share: Second calls allowed for each call; 0 for none.
        burst: Retries, and second calls, that may come at once.
        hedge_seconds: A read is slow after its 95th percentile, but not before this.
    """

    breaker: BreakerRules = field(default_factory=BreakerRules)
    tries: int = 3
    backoff_seconds: float = 0.1
    retry_share: float = 0.1
    hedge_share: float = 0.1
    burst: float = 50.0
    hedge_seconds: float = 0.05


def addresses_of(text: str) -> list[str]:
    """Returns the addresses in a list separated by commas, which may begin with `ipv4:`."""
    return [each.strip() for each in text.removeprefix("ipv4:").split(",") if each.strip()]


@dataclass
class _Backend:
    """One address.

    Attributes:
        channel: To it.
        breaker: Of it.
        many: Whether the name may stand for several machines, which gRPC takes in turns.
    """

    channel: grpc.aio.Channel
    breaker: Breaker
    many: bool


class _Latencies:
    """When a call counts as slow: the 95th percentile of the last ones, within bounds."""

    def __init__(self, least: float) -> None:
        self._least = least
        self._seconds: deque[float] = deque(maxlen=_SAMPLES)
        self._added = 0
        self.slow = 2 * least

    def add(self, seconds: float) -> None:
        self._seconds.append(seconds)
        self._added += 1
        if self._added % _FRESH_EVERY == 0:
            ordered = sorted(self._seconds)
            high = ordered[int(_QUANTILE * (len(ordered) - 1))]
            self.slow = min(max(high, self._least), _MOST_HEDGE_SECONDS)


class Backends:
    """The addresses of one service; generated stubs take it for a channel.

    Args:
        name: The service's name, for metrics.
        addresses: `host:port` of each.
        connect: Opens a channel to one.
        reads: Full methods that only read, such as `/package.Service/Method`.
        rules: How much is done for a call.
    """

    def __init__(
        self,
        name: str,
        addresses: Sequence[str],
        connect: Callable[[str], grpc.aio.Channel],
        reads: Collection[str],
        rules: CallPolicy,
    ) -> None:
        single = len(addresses) == 1
        targets = [name if single else f"{name}-{n + 1}" for n in range(len(addresses))]
        self._name = name
        self._backends = [
            _Backend(connect(address), Breaker(target, rules.breaker), _is_name(address))
            for target, address in zip(targets, addresses, strict=True)
        ]
        self._reads = frozenset(reads)
        self._rules = rules
        self._next = 0
        self._retries = RetryBudget(rules.retry_share, rules.burst)
        self._hedges = RetryBudget(rules.hedge_share, rules.burst)
        self._reason = Reason.UPSTREAM_UNAVAILABLE
        self._message = "A service behind this one is not reachable; try again soon."

    @property
    def channels(self) -> list[grpc.aio.Channel]:
        """The channel to each address."""
        return [backend.channel for backend in self._backends]

    async def close(self) -> None:
        """Closes the channels."""
        for channel in self.channels:
            await channel.close()

    def unary_unary(self, method: str, **serialising: Any) -> Callable[..., Any]:
        """Returns a function that makes a call; all that generated stubs ask of a channel."""
        calls = [backend.channel.unary_unary(method, **serialising) for backend in self._backends]
        latencies = _Latencies(self._rules.hedge_seconds)
        made = _Method(method, calls, latencies)

        async def call(request: Any, *, timeout: float) -> Any:
            return await self._call(made, request, timeout)

        return call

    async def _call(self, method: "_Method", request: Any, timeout: float) -> Any:
        """Calls within a time.

        Raises:
            AioRpcError: The last try failed, or the service refused.
            NotReady: No address may be tried now.
        """
        deadline = _now() + timeout
        read = method.name in self._reads
        self._retries.earn()
        tried: set[int] = set()
        for attempt in range(1, self._rules.tries + 1):
            number = self._pick(tried)
            if number is None:
                raise NotReady(self._reason, self._message)
            try:
                if read:
                    return await self._hedged(method, number, request, deadline)
                return await self._try(method, number, request, deadline)
            except grpc.aio.AioRpcError as fault:
                last = attempt == self._rules.tries or not read
                if last or fault.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
                tried.add(number)
                if not await self._may_retry(tried, attempt, deadline):
                    raise
        raise AssertionError("the last try answers or raises")

    async def _may_retry(self, tried: set[int], attempt: int, deadline: float) -> bool:
        """Waits for the time of the next try; returns False where there is none."""
        fresh = any(
            number not in tried and backend.breaker.admits
            for number, backend in enumerate(self._backends)
        )
        most = 0.0 if fresh else self._rules.backoff_seconds * 2 ** (attempt - 1)
        pause = random.uniform(0.0, most)
        if _now() + pause >= deadline:
            return False
        if not self._retries.take():
            RETRIES.labels(self._name, "refused").inc()
            return False
        RETRIES.labels(self._name, "made").inc()
        await asyncio.sleep(pause)
        return True

    def _pick(self, but: Collection[int]) -> int | None:
        """Returns the next address that may be called, others than `but` before those."""
        count = len(self._backends)
        order = [(self._next + step) % count for step in range(count)]
        admitted = [number for number in order if self._backends[number].breaker.admits]
        if not admitted:
            return None
        picked = next((number for number in admitted if number not in but), admitted[0])
        self._next = (picked + 1) % count
        return picked

    async def _hedged(self, method: "_Method", number: int, request: Any, deadline: float) -> Any:
        """Makes a call, and a second one where the first is slow; the first answer counts."""
        if not self._rules.hedge_share or (len(self._backends) == 1 and not self._backends[0].many):
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
                self._note_hedge(number, other, overtaken=not first.done())
            return won.result()
        finally:
            for call in calls:
                call.cancel()

    def _second(self, first: int) -> int | None:
        """Returns where a slow call is sent too; None where there is nowhere, or no budget."""
        others = [
            number
            for number, backend in enumerate(self._backends)
            if backend.breaker.closed and (number != first or backend.many)
        ]
        if not others or not self._hedges.take():
            return None
        # One that is known to be slow is not what a slow call needs.
        return next((number for number in others if number != first), first)

    def _note_hedge(self, first: int, second: int, *, overtaken: bool) -> None:
        HEDGES.labels(self._name, "second" if overtaken else "first").inc()
        if overtaken and second != first:
            # A process that hangs never fails a call by itself.
            self._backends[first].breaker.failed()

    async def _try(self, method: "_Method", number: int, request: Any, deadline: float) -> Any:
        breaker = self._backends[number].breaker
        allowed, started = max(0.0, deadline - _now()), _now()
        trial = breaker.begin()
        try:
            response = await method.calls[number](request, timeout=allowed)
        except asyncio.CancelledError:
            breaker.abandoned(trial)
            raise
        except grpc.aio.AioRpcError as fault:
            self._note_failure(breaker, fault, allowed, trial)
            raise
        breaker.succeeded()
        method.latencies.add(_now() - started)
        return response

    def _note_failure(
        self, breaker: Breaker, fault: grpc.aio.AioRpcError, allowed: float, trial: bool
    ) -> None:
        if fault.code() is grpc.StatusCode.UNAVAILABLE:
            breaker.failed()
            if isinstance(error := error_of(fault), NotReady):
                self._reason, self._message = error.reason, error.message
        elif fault.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
            breaker.succeeded()  # whatever it says, it is there
        elif allowed >= _TELLING_SECONDS:
            breaker.failed()
        else:
            breaker.abandoned(trial)


@dataclass(frozen=True)
class _Method:
    """A method: its full name, how to call it at each address, and how long that takes."""

    name: str
    calls: Sequence[Callable[..., Any]]
    latencies: _Latencies


async def _first_answer(calls: Sequence["asyncio.Future[Any]"]) -> "asyncio.Future[Any]":
    """Returns the call that answers first; where all fail, the first of them."""
    pending = set(calls)
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for call in done:
            if call.exception() is None:
                return call
    return calls[0]


def _is_name(address: str) -> bool:
    """Returns whether an address may stand for several machines."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host != "localhost"
    return False


def _now() -> float:
    return asyncio.get_running_loop().time()
