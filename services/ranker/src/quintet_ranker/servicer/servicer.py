"""The methods of RankerService."""

from typing import Any

from quintet.ranker.v1 import ranker_pb2, ranker_pb2_grpc
from quintet_servicekit.degradation import Part
from quintet_servicekit.errors import InvalidInput, Reason
from quintet_servicekit.logs import note_answered
from quintet_servicekit.metrics import DEGRADED

from quintet_ranker.domain import ModelList, ModelSource, Recommender, is_version
from quintet_ranker.servicer.requests import query_of, trial_of
from quintet_ranker.servicer.responses import models_response, response_of


class RankerServicer(ranker_pb2_grpc.RankerServiceServicer):
    """The methods of RankerService.

    Args:
        source: The models served.
        recommender: Chooses which models answer a request.
        registered: Lists the models of the registry.
    """

    def __init__(
        self, source: ModelSource, recommender: Recommender, registered: ModelList
    ) -> None:
        self._source = source
        self._recommender = recommender
        self._registered = registered

    async def RecommendTracks(
        self, request: ranker_pb2.RecommendTracksRequest, _context: Any
    ) -> ranker_pb2.RecommendTracksResponse:
        """Recommend tracks for seeds."""
        answer = await self._recommender.answer(query_of(request), trial_of(request))
        response = response_of(answer, request.seeds)
        if self._source.registry_unavailable:
            response.degraded.append(Part.REGISTRY)
        for part in response.degraded:
            DEGRADED.labels(part).inc()
        note_answered(
            model=answer.ranking.model_version, catalogue=answer.ranking.catalogue_version
        )
        return response

    async def GetModel(
        self, _request: ranker_pb2.GetModelRequest, _context: Any
    ) -> ranker_pb2.GetModelResponse:
        """Report the model served and the version rejected last; changes nothing."""
        facts = self._source.value.facts
        response = ranker_pb2.GetModelResponse(
            versions=ranker_pb2.Versions(
                model_version=facts.model_version,
                index_version=facts.index_version,
                catalogue_version=facts.catalogue_version,
            ),
            kind=facts.kind,
            feature_names=facts.feature_names,
            feature_hash=facts.feature_hash,
            track_count=facts.track_count,
            channels=facts.channels,
            metrics=facts.metrics,
            refused_version=self._source.refused_version,
            refused_reason=self._source.refused_reason,
            challenger_version=self._source.challenger_version,
            challenger_refused_reason=self._source.challenger_refused_reason,
        )
        response.create_time.FromDatetime(facts.create_time)
        if self._source.load_time is not None:
            response.load_time.FromDatetime(self._source.load_time)
        return response

    async def HoldChallenger(
        self, request: ranker_pb2.HoldChallengerRequest, _context: Any
    ) -> ranker_pb2.HoldChallengerResponse:
        """Start loading a challenger, or keep it for some minutes more; does not wait for it."""
        version = request.challenger_version
        if not is_version(version):
            raise InvalidInput(
                Reason.REQUEST_MALFORMED,
                "challenger_version must be 1 to 128 letters, digits and ._-, beginning with a "
                f"letter or a digit, such as a version that GetModel names; got {version!r}",
                field="challenger_version",
            )
        # No await between the two calls: the reason is that of this version.
        held = self._source.hold_challenger(version) is not None
        reason = "" if held else self._source.challenger_refused_reason
        return ranker_pb2.HoldChallengerResponse(held=held, refused_reason=reason)

    async def ListModels(
        self, _request: ranker_pb2.ListModelsRequest, _context: Any
    ) -> ranker_pb2.ListModelsResponse:
        """List the models of the registry; changes nothing."""
        return models_response(await self._registered.newest())
