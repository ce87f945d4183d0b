"""The domain's ports filled with real things: the engine, bundles on disk, the registry."""

from quintet_ranker.adapters.following import ModelFollower as ModelFollower
from quintet_ranker.adapters.following import follow_models as follow_models
from quintet_ranker.adapters.models import EngineModel as EngineModel
