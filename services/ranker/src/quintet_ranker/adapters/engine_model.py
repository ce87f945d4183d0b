"""Load bundles from disk as models that answer queries."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache, cached_property
from pathlib import Path as Folder

import numpy as np
from quintet_engine.engine import Engine
from quintet_engine.kernel.warm import load_all
from quintet_engine.path import find_path
from quintet_engine.query import Query, Ranking, Seed, SeedKind, SeedUnknown
from quintet_engine.radio import Radio
from quintet_engine.radio_session import Session
from quintet_engine.radio_session import check as check_session
from quintet_engine.sequence import Batch, BatchRequest, Path, PathQuery
from quintet_modelkit.publication import PublicationInvalid, read_manifest
from quintet_servicekit import garbage_collection
from quintet_servicekit.freed_memory import release_freed_memory
from quintet_servicekit.metrics import (
    CANDIDATES,
    LIST_ARTISTS,
    LIST_FILL,
    LIST_POPULARITY,
    SEEDS,
)
from quintet_servicekit.tracing import stage

from quintet_ranker.adapters.external_index import noted
from quintet_ranker.domain import ModelFacts, TrackIdentity


class EngineModel:
    """A loaded bundle: its engine, and the facts of its manifest."""

    def __init__(self, engine: Engine, facts: ModelFacts) -> None:
        self._engine = engine
        self.facts = facts

    @classmethod
    def load(
        cls,
        folder: Folder,
        place: Callable[[Engine], None] | None = None,
        *,
        accelerate: bool = True,
    ) -> "EngineModel":
        """Load and check a bundle; see `Engine.load` for its errors.

        Args:
            folder: The bundle.
            place: Replaces the engine's indices, for example by a vector database.
            accelerate: Rank by compiled code. It is read from the installation; where it was
                made for another processor, it is compiled first, which takes seconds.
        """
        engine = Engine.load(folder)
        if place is not None:
            place(engine)
        if accelerate:
            _load_compiled_code()
            engine.accelerate()
        return cls._of(engine, folder)

    @classmethod
    def salvage(cls, folder: Folder) -> "EngineModel":
        """Load the intact parts of a damaged bundle; see `Engine.salvage` for its errors."""
        return cls._of(Engine.salvage(folder), folder)

    @classmethod
    def _of(cls, engine: Engine, folder: Folder) -> "EngineModel":
        manifest = read_manifest(folder, verify=False)
        try:
            facts = ModelFacts(
                engine.versions.model,
                engine.versions.index,
                engine.versions.catalogue,
                str(manifest["kind"]),
                tuple(manifest["feature_names"]),
                str(manifest["feature_hash"]),
                int(manifest["track_count"]),
                datetime.fromisoformat(manifest["create_time"]),
                tuple(manifest["channels"]),
                {name: float(value) for name, value in manifest.get("metrics", {}).items()},
            )
        except (KeyError, TypeError, ValueError) as fault:
            raise PublicationInvalid(
                f"{folder.name}: a field of the manifest is missing or has the wrong type"
            ) from fault
        model = cls(engine, facts)
        model._warm_up()
        release_freed_memory()
        # After the warm-up, which is no request and should not appear in traces.
        engine.stage = stage
        return model

    def _warm_up(self) -> None:
        """Answer one request, so that no listener waits until files and code are in memory."""
        rows = np.arange(len(self._engine.catalogue))
        # A track from the middle; no iteration if the catalogue is empty.
        for name in self._engine.catalogue.track_ids(rows[len(rows) // 2 :][:1]):
            self._engine.recommend(Query((Seed(SeedKind.TRACK, name),)))

    def recommend(self, query: Query) -> Ranking:
        """Answer a query; blocks the thread for milliseconds."""
        try:
            with noted() as parts:
                ranking = self._engine.recommend(query)
        except SeedUnknown as fault:
            SEEDS.labels("unknown").inc(len(fault.seeds))
            raise
        self._measure(query, ranking)
        return replace(ranking, degraded=(*ranking.degraded, *parts)) if parts else ranking

    def play(self, session: Session, request: BatchRequest) -> Batch:
        """Choose the next tracks of a radio session; blocks the thread for milliseconds."""
        check_session(session)
        with noted() as parts:
            batch = self._radio.play(session, request)
        ranking = batch.ranking
        return replace(batch, ranking=replace(ranking, degraded=(*ranking.degraded, *parts)))

    def find_path(self, query: PathQuery) -> Path:
        """Find a path between two tracks; blocks the thread for milliseconds."""
        with noted() as parts:
            path = find_path(self._engine, query)
        return replace(path, degraded=(*path.degraded, *parts))

    @cached_property
    def _radio(self) -> Radio:
        """The player, made at the first batch: not every ranker plays."""
        return Radio(self._engine)

    def _measure(self, query: Query, ranking: Ranking) -> None:
        """Record the quality of a list in metrics: length, popularity, distinct artists."""
        SEEDS.labels("known").inc(len(query.seeds))
        CANDIDATES.observe(ranking.pool.candidates)
        # Below 1 if filters or the limit per artist left too few candidates.
        LIST_FILL.observe(len(ranking.tracks) / query.limit)
        if not ranking.tracks:
            return
        catalogue = self._engine.catalogue
        rows = [track.row for track in ranking.tracks]
        LIST_POPULARITY.observe(float(catalogue.popularity[rows].mean()))
        LIST_ARTISTS.observe(len(set(catalogue.first_artist[rows].tolist())) / len(rows))

    def identities(self, track_ids: Sequence[str]) -> dict[str, TrackIdentity]:
        """Look up recording and artists of the tracks that the catalogue has."""
        catalogue = self._engine.catalogue
        rows = {name: catalogue.snapshot.row_of.get(name) for name in track_ids}
        artists = catalogue.snapshot.tracks.column("artist_ids")
        return {
            name: TrackIdentity(
                int(catalogue.recording[row]), tuple(map(str, artists[row].as_py()))
            )
            for name, row in rows.items()
            if row is not None
        }


@cache
def _load_compiled_code() -> None:
    load_all()
    # The compiler creates as many objects as all other libraries together.
    garbage_collection.settle()
