"""Continue radio sessions and find paths with the model served now."""

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from quintet_engine.query import QueryInvalid, SeedUnknown
from quintet_engine.radio_session import Event, EventUnknown, Session
from quintet_engine.sequence import (
    Batch,
    BatchRequest,
    EndUnknown,
    Path,
    PathInvalid,
    PathNotFound,
    PathQuery,
)
from quintet_servicekit.errors import InvalidInput, NotFound, Reason

from quintet_ranker.domain.models import ModelSource

T = TypeVar("T")


class Run(Protocol):
    """Runs blocking work on a thread."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]:
        """Run the work; its error is raised here."""
        ...


class Player:
    """Continue sessions and find paths; experiments do not apply: the champion answers.

    Args:
        source: The models.
        run: Runs the work that listeners wait for.
    """

    def __init__(self, source: ModelSource, run: Run) -> None:
        self._source = source
        self._run = run

    async def play(self, session: Session, events: list[Event], request: BatchRequest) -> Batch:
        """Note events and choose the next tracks.

        Raises:
            InvalidInput: A rule is broken; the message contains field and range.
            NotFound: The catalogue lacks seeds, or an event names a track that was not played.
            NotReady: No model is loaded.
        """
        model = self._source.value
        with rejections():
            marked = session.marked(events)
            return await self._run(lambda: model.play(marked, request))

    async def path(self, query: PathQuery) -> tuple[Path, float]:
        """Find a path; the second value is the seconds it took.

        Raises:
            InvalidInput: A rule is broken; the message contains field and range.
            NotFound: An end is unknown, or there is no path.
            NotReady: No model is loaded.
        """
        model = self._source.value

        def timed() -> tuple[Path, float]:
            start = time.perf_counter()
            path = model.find_path(query)
            return path, time.perf_counter() - start

        with rejections():
            return await self._run(timed)


@contextmanager
def rejections() -> Iterator[None]:
    """Convert the errors of engine and session into those that callers see."""
    try:
        yield
    except QueryInvalid as fault:
        raise InvalidInput(Reason(fault.reason), str(fault), field=fault.field) from fault
    except SeedUnknown as fault:
        seeds = ",".join(seed.name for seed in fault.seeds)
        raise NotFound(
            Reason.SEED_UNKNOWN, str(fault), field="seeds", metadata={"seeds": seeds}
        ) from fault
    except EventUnknown as fault:
        field = f"events[{fault.place}].track_id"
        message = f"{field}: {fault}; send ids that an answer of this session contained"
        raise NotFound(Reason.TRACK_UNKNOWN, message, field=field) from fault
    except PathInvalid as fault:
        raise InvalidInput(Reason.PATH_ENDS, str(fault), field=fault.field) from fault
    except EndUnknown as fault:
        raise NotFound(Reason.TRACK_UNKNOWN, str(fault), field=fault.field) from fault
    except PathNotFound as fault:
        raise NotFound(Reason.PATH_NOT_FOUND, str(fault), field=fault.field) from fault
