"""The training step: from the playlists of the database to a published model."""

import contextlib
import hashlib
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quintet_engine.catalogue import Catalogue, Rows
from quintet_engine.recipes import TRAINED
from quintet_modelkit.publication import current_folder, set_current
from quintet_modelkit.snapshot import Snapshot

from quintet_training import datasets
from quintet_training.datasets.playlist_files import folder_of, playlist_parts
from quintet_training.datasets.playlist_members import (
    ReadFiles,
    members_of,
    read_here,
    row_numbers,
)
from quintet_training.ranking import TrainingParameters, train_model
from quintet_training.ranking.listening import LEAST_QUERIES
from quintet_training.settings import TrainingSettings
from quintet_training.steps.publishing import (
    CATALOGUE,
    MODELS,
    inputs_digest,
    publish_bundle,
    published_from,
    record_inputs,
)

if TYPE_CHECKING:  # an extra
    from quintet_training.ranking.dask_backend import DaskBackend


@dataclass(frozen=True)
class TrainReport:
    """What a training did.

    Attributes:
        version: The model.
        unchanged: The same data and parameters were trained on before, so it is there already.
        seconds: How long it took.
        metrics: Numbers about the training; empty where unchanged.
        importances: Total gain by feature, greatest first.
    """

    version: str
    unchanged: bool
    seconds: float
    metrics: Mapping[str, float]
    importances: Mapping[str, float]


@dataclass(frozen=True)
class Playlists:
    """Playlists as rows of a catalogue.

    Attributes:
        ids: One a playlist.
        rows: The distinct catalogue rows of each, in playlist order.
        kinds: The kind of each, empty for none.
        data: What they are: counts, SHA-256, sources and licences.
    """

    ids: Sequence[str]
    rows: Sequence[Rows]
    kinds: Sequence[str]
    data: Mapping[str, Any]


def load_playlists(
    settings: TrainingSettings, catalogue: Catalogue, read: ReadFiles | None = None
) -> Playlists:
    """Read the playlists of the database and its files as rows of a catalogue.

    Args:
        settings: Where database and files are.
        catalogue: Tracks that it lacks are left out.
        read: Reads the files; in this process where None.

    Raises:
        StoreUnavailable: The database cannot be used, or a file is missing or damaged.
    """
    kinds = datasets.read_kinds(settings)
    numbers = row_numbers(catalogue.snapshot)
    here, files = playlist_parts(settings)
    read = read or read_here(numbers)
    members, digests = dict[str, Rows](), dict[str, str]()
    for part in (members_of(here, numbers), *read(folder_of(settings), files)):
        members.update(zip(part.names, part.of_each, strict=True))
        digests.update(zip(part.names, part.digests, strict=True))
    ids = sorted(members)
    data = {
        "catalogue": catalogue.snapshot.version,
        "playlists": len(members),
        "rows": sum(map(len, members.values())),
        "sha256": _digest(digests, kinds),
        "sources": [
            {"name": s.name, "licence": s.licence, "playlists": s.playlists, "rows": s.rows}
            for s in datasets.read_sources(settings)
        ],
        "catalogue_sources": list(catalogue.snapshot.manifest.get("sources", ())),
    }
    rows = [members[name] for name in ids]
    return Playlists(ids, rows, [kinds.get(name, "") for name in ids], data)


def _digest(digests: Mapping[str, str], kinds: Mapping[str, str]) -> str:
    """Identify playlists and their kinds, however their rows are spread over files."""
    digest = hashlib.sha256()
    for name in sorted(digests):
        digest.update(f"{name}\n{digests[name]}\n".encode())
    for name in sorted(name for name, kind in kinds.items() if kind):
        digest.update(f"{name}\n{kinds[name]}\n".encode())
    return digest.hexdigest()


def train(
    settings: TrainingSettings,
    parameters: TrainingParameters | None = None,
    progress: Callable[[float, str], None] | None = None,
    *,
    serve: bool = True,
    cluster: str | None = None,
) -> TrainReport:
    """Train on the playlists of the database and, by default, serve the model from then on.

    The version names the content of the model. Training again on the same data with the same
    parameters and the same program changes nothing.

    Args:
        settings: Where data and models are.
        parameters: What decides the model.
        progress: Receives the completed share, 0..1, and the current step.
        serve: Whether the model is served from then on.
        cluster: A Dask cluster that reads files of playlists, makes rows and fits the booster: its
            scheduler's address, empty for one started here; None for this process.

    Raises:
        PublicationInvalid: No catalogue is published, or it is damaged.
        TooFewPlaylists: There is too little to train on.
        TrainingRefused: There is no such cluster.
        StoreUnavailable: The database cannot be used.
    """
    on_progress = progress or (lambda share, text: None)
    snapshot = current_folder(settings.home / CATALOGUE)
    with _backend(settings, snapshot, cluster) as backend:
        return _train(
            settings, parameters or TrainingParameters(), on_progress, snapshot, backend, serve
        )


def _train(
    settings: TrainingSettings,
    parameters: TrainingParameters,
    on_progress: Callable[[float, str], None],
    snapshot_folder: Path,
    backend: "DaskBackend | None",
    serve: bool,
) -> TrainReport:
    started = time.monotonic()
    models = settings.home / MODELS
    on_progress(0.0, "reading catalogue and playlists")
    catalogue = Catalogue.of(Snapshot.load(snapshot_folder), recommend_absent=True)
    playlists = load_playlists(settings, catalogue, backend.members if backend else None)
    listeners = datasets.read_listener_queries(
        settings,
        catalogue,
        playlists.ids,
        most=parameters.most_queries,
        seed=parameters.seed,
    )
    enough = len(listeners.cases) >= LEAST_QUERIES
    inputs = inputs_digest(
        TRAINED.kind,
        {
            "data": _without_times(playlists.data),
            "parameters": parameters.facts(),
            # Sums over several machines come out otherwise in the last digits, and so may trees.
            **({} if backend is None else {"trained_by": "dask"}),
            # Too few queries decide nothing.
            **({"listeners": listeners.sha256} if enough else {}),
        },
    )
    version = published_from(models, inputs)
    if version is not None:
        if serve:
            set_current(models, version)
        return TrainReport(version, True, time.monotonic() - started, {}, {})
    trained = train_model(
        catalogue, playlists.rows, parameters, on_progress, backend, listeners, playlists.kinds
    )
    on_progress(0.98, "publishing")
    facts = {
        "parameters": parameters.facts(),
        "budgets": parameters.budgets,
        "threads": parameters.threads,
        "seed": parameters.seed,
        "metrics": dict(trained.metrics),
        "chosen": dict(trained.chosen),
        "importances": dict(trained.importances),
        "data": dict(playlists.data),
        "listening": dict(trained.listening.facts),
    }
    version = publish_bundle(
        models,
        snapshot_folder,
        catalogue,
        trained.index,
        trained.booster,
        facts,
        trained.learned,
        listening_text=trained.listening.text,
        serve=serve,
    )
    record_inputs(models, inputs, version)
    on_progress(1.0, "published")
    seconds = time.monotonic() - started
    return TrainReport(version, False, seconds, trained.metrics, trained.importances)


def _without_times(data: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out when each source was imported: it does not decide the model."""
    sources = [
        {name: value for name, value in source.items() if name != "imported_at"}
        for source in data["catalogue_sources"]
    ]
    return {**data, "catalogue_sources": sources}


@contextlib.contextmanager
def _backend(
    settings: TrainingSettings, snapshot: Path, cluster: str | None
) -> Iterator["DaskBackend | None"]:
    if cluster is None:
        yield None
        return
    # An extra: Dask is not installed by default.
    from quintet_training.ranking.dask_backend import dask_backend

    with (
        # In QUINTET_HOME, which client and workers share; /tmp is local to each machine.
        tempfile.TemporaryDirectory(prefix="rows-", dir=settings.home) as folder,
        dask_backend(cluster, snapshot, Path(folder)) as backend,
    ):
        yield backend
