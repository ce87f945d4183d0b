"""Choose the vector index of a model by the settings: FAISS in this process, or Milvus."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from quintet_engine.engine import Engine
from quintet_engine.index import FaissIndex
from quintet_engine.vectors import VectorIndex

from quintet_ranker.adapters.engine_model import EngineModel
from quintet_ranker.adapters.external_index import ExternalIndex, NamedCollections, published
from quintet_ranker.settings import RankerSettings


def model_loader(settings: RankerSettings) -> Callable[[Path], EngineModel]:
    """Build the function that loads a bundle, with the vector index of the settings."""
    load = partial(EngineModel.load, accelerate=settings.accelerate)
    if settings.vector_index == "faiss":
        return load
    # pymilvus is an extra, so it is imported only if the settings ask for it.
    from quintet_ranker.adapters.milvus import MilvusCollections, MilvusOptions

    collections = MilvusCollections(
        MilvusOptions(
            settings.milvus_uri,
            settings.milvus_token.get_secret_value(),
            settings.milvus_timeout,
            settings.milvus_build_seconds,
        )
    )
    return partial(load, place=partial(_place, collections, settings))


def _place(collections: NamedCollections, settings: RankerSettings, engine: Engine) -> None:
    """Search the audio vectors, and those of a trained model, in collections outside."""

    def external(local: VectorIndex, kind: str, version: str) -> ExternalIndex:
        assert isinstance(local, FaissIndex), "a bundle brings its own indices"
        connect = partial(
            published,
            *(collections, kind, version, np.asarray(local.vectors), settings.kept_models),
        )
        return ExternalIndex(local, connect, settings.milvus_retry_seconds)

    engine.index = external(engine.index, "audio", engine.versions.index)
    if engine.collaborative is not None:
        taste = external(engine.collaborative.index, "taste", engine.versions.model)
        engine.collaborative = replace(engine.collaborative, index=taste)
