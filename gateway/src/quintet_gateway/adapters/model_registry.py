"""Models of the registry for operators: the ranker lists them, a worker promotes and rolls back."""

from collections.abc import Callable
from datetime import UTC
from typing import Any, Final, Protocol, TypeVar

from quintet.ranker.v1 import ranker_pb2
from quintet_servicekit.errors import Conflict, NotFound, Reason
from quintet_store.library_requests import (
    MODEL_ACTIONS,
    Request,
    recent_requests,
    worker_seen,
)
from sqlalchemy import Connection

from quintet_gateway.adapters.music import OwnMusic
from quintet_gateway.adapters.music.sources import WORKER_COMMAND, request_queued, work_facts
from quintet_gateway.schemas.model_registry import (
    ModelRequestFacts,
    RegisteredModel,
    RegisteredModelsResponse,
)

T = TypeVar("T")
CHAMPION: Final = "champion"
_MOST_REQUESTS: Final = 20
_STATES: Final[dict[int, Any]] = {
    ranker_pb2.REGISTRY_STATE_UNSPECIFIED: "unknown",
    ranker_pb2.REGISTRY_STATE_UP: "up",
    ranker_pb2.REGISTRY_STATE_UNAVAILABLE: "unavailable",
    ranker_pb2.REGISTRY_STATE_OFF: "off",
}


class Ranker(Protocol):
    """What is needed of the ranker."""

    async def models(self) -> ranker_pb2.ListModelsResponse:
        """List the models of the registry."""


class ModelRegistry:
    """List models, and queue promotions and rollbacks.

    `quintet library work` does the work, since the gate and the registry take longer than a
    request may.

    Args:
        ranker: Lists the models.
        music: Runs work on the database in its threads.
        note: Adds an event to the log: kind, subject, detail.
    """

    def __init__(
        self, ranker: Ranker, music: OwnMusic, note: Callable[[str, str, str], None]
    ) -> None:
        self._ranker = ranker
        self._music = music
        self._note = note

    async def overview(self) -> RegisteredModelsResponse:
        """List the registry's models, and the latest requests.

        Raises:
            NotReady: The ranker or the database is unavailable.
        """
        found = await self._ranker.models()

        def read(connection: Connection) -> tuple[bool, list[ModelRequestFacts]]:
            requests = recent_requests(connection, _MOST_REQUESTS, MODEL_ACTIONS)
            return worker_seen(connection), [_request_facts(each) for each in requests]

        running, requests = await self._music.run(read)
        return RegisteredModelsResponse(
            registry=_STATES[found.registry],
            previous_champion=found.previous_champion,
            models=[_model_facts(model) for model in found.models],
            worker_running=running,
            worker_command=WORKER_COMMAND,
            requests=requests,
        )

    async def promote(self, number: str, without_gate: bool, caller: str) -> ModelRequestFacts:
        """Queue a promotion.

        Raises:
            NotFound: The registry has no such model.
            Conflict: It is champion already, the registry cannot be read, or the queue is full.
            NotReady: The ranker or the database is unavailable.
        """
        found = await self._readable()
        model = next((each for each in found.models if each.number == number), None)
        if model is None:
            raise NotFound(
                Reason.ID_UNKNOWN,
                f"The registry has no model {number!r}; /api/v1/operator/models lists them.",
                field="number",
            )
        if CHAMPION in model.aliases:
            raise Conflict(Reason.STATE_CONFLICT, f"Model {number} is champion already.")
        options: dict[str, object] = {"without_gate": True} if without_gate else {}
        return await self._queue("promote", number, options, caller)

    async def roll_back(self, champion: str, caller: str) -> ModelRequestFacts:
        """Queue a rollback from the present champion to the one before it.

        Raises:
            Conflict: Another model is champion, there is none to go back to, the registry cannot be
                read, or the queue is full.
            NotReady: The ranker or the database is unavailable.
        """
        found = await self._readable()
        now = next((each.number for each in found.models if CHAMPION in each.aliases), "")
        if now != champion:
            raise Conflict(
                Reason.STATE_CONFLICT,
                f"The champion is model {now or '(none)'}, not model {champion}; "
                "/api/v1/operator/models has the present one.",
            )
        if not found.previous_champion:
            raise Conflict(Reason.STATE_CONFLICT, "There is no previous champion to roll back to.")
        return await self._queue("rollback", champion, {}, caller)

    async def _readable(self) -> ranker_pb2.ListModelsResponse:
        found = await self._ranker.models()
        if found.registry != ranker_pb2.REGISTRY_STATE_UP:
            raise Conflict(
                Reason.STATE_CONFLICT,
                "The model registry cannot be read now: it is not configured "
                "(QUINTET_MLFLOW_URI), does not answer, or was not read yet; try again soon.",
            )
        return found

    async def _queue(
        self, action: str, number: str, options: dict[str, object], caller: str
    ) -> ModelRequestFacts:
        def write(connection: Connection) -> ModelRequestFacts:
            return _request_facts(request_queued(connection, action, number, options))

        made = await self._music.run(write, writes=True)
        kind = "promotion_requested" if action == "promote" else "rollback_requested"
        self._note(kind, number, caller)
        return made


def _request_facts(request: Request) -> ModelRequestFacts:
    return ModelRequestFacts(
        **work_facts(request),
        action=request.action,  # type: ignore[arg-type]
        number=request.source,
    )


def _model_facts(model: ranker_pb2.RegisteredModel) -> RegisteredModel:
    promoted = model.promote_time.ToDatetime(UTC) if model.HasField("promote_time") else None
    return RegisteredModel(
        number=model.number,
        model=model.model_version,
        kind=model.kind,
        catalogue=model.catalogue_version,
        aliases=list(model.aliases),
        create_time=model.create_time.ToDatetime(UTC).isoformat(),
        promote_time=None if promoted is None else promoted.isoformat(),
        metrics=dict(model.metrics),
    )
