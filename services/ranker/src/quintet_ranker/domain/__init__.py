"""The rules of the ranker in plain Python: which model answers, and how two lists are merged."""

from quintet_ranker.domain.interleaving import PickOrigin, interleaved, team_draft
from quintet_ranker.domain.models import (
    ModelFacts,
    ModelSource,
    RankingModel,
    TrackIdentity,
    is_version,
)
from quintet_ranker.domain.player import Player
from quintet_ranker.domain.recommender import RecommendationAnswer, Recommender, Run, Trial, Variant
from quintet_ranker.domain.registered import (
    ModelList,
    Registered,
    RegisteredModel,
    RegistryState,
)

__all__ = [
    "ModelFacts",
    "ModelList",
    "ModelSource",
    "PickOrigin",
    "Player",
    "RankingModel",
    "RecommendationAnswer",
    "Recommender",
    "Registered",
    "RegisteredModel",
    "RegistryState",
    "Run",
    "TrackIdentity",
    "Trial",
    "Variant",
    "interleaved",
    "is_version",
    "team_draft",
]
