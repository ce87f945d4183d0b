"""What the ranker promises, in plain Python: models are asked, lists drafted, errors named."""

from quintet_ranker.domain.interleaving import Origin, interleaved, team_draft
from quintet_ranker.domain.models import Marks, Model, ModelFacts, Source, is_version
from quintet_ranker.domain.recommender import Answer, Recommender, Run, Trial, Variant

__all__ = [
    "Answer",
    "Marks",
    "Model",
    "ModelFacts",
    "Origin",
    "Recommender",
    "Run",
    "Source",
    "Trial",
    "Variant",
    "interleaved",
    "is_version",
    "team_draft",
]
