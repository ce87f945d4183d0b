"""Implementations of the domain's ports: engine, bundles on disk, model registry, vector stores."""

from quintet_ranker.adapters.engine_model import EngineModel as EngineModel
from quintet_ranker.adapters.registered_models import RegisteredModels as RegisteredModels
from quintet_ranker.adapters.registry_follower import ModelFollower as ModelFollower
from quintet_ranker.adapters.registry_follower import follow_models as follow_models
from quintet_ranker.adapters.registry_follower import registry_of as registry_of
