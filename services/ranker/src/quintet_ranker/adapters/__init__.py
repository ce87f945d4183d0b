"""The domain's ports filled with real things: the engine, bundles on disk, the registry."""

from quintet_ranker.adapters.engine_model import EngineModel as EngineModel
from quintet_ranker.adapters.registry_follower import ModelFollower as ModelFollower
from quintet_ranker.adapters.registry_follower import follow_models as follow_models
