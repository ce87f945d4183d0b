"""Evaluating on one listener's own data: what was heard next, and whether a list had it."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from quintet_contract.signals import NO_PREFERENCES, SignalRow
from quintet_engine.booster import Ranker
from quintet_engine.catalogue import Catalogue, Rows
from quintet_engine.correction import Correction
from quintet_engine.engine import Engine, Versions
from quintet_engine.query import Filters, Query, Seasonal, Seed, SeedKind, Variants
from quintet_engine.recipes import TRAINED
from quintet_modelkit.publication import current_folder
from quintet_modelkit.snapshot import Snapshot
from quintet_store import listeners, open_engine, reading
from quintet_store.feedback import GROUP_PREFIX, listener_playlists

from quintet_training.datasets.feedback import listener_hash
from quintet_training.datasets.history import SESSION_PREFIX
from quintet_training.datasets.listener_cases import ListenerCase, session_cases
from quintet_training.datasets.listener_queries import (
    NEVER,
    ListenerQueries,
    read_listener_queries,
)
from quintet_training.datasets.playlist_groups import near_duplicates
from quintet_training.evaluation import EvaluationOptions
from quintet_training.evaluation.listener_report import (
    BY_RULE,
    WITH_MEMORY,
    WITHOUT_MEMORY,
    ListenerReport,
    ListenerSection,
)
from quintet_training.evaluation.listening import (
    FIRST,
    LEAST_CASES,
    Method,
    chance,
    hits,
    playlist_cases,
    simple_methods,
)
from quintet_training.ranking import BootstrapParameters, TrainingParameters, train_model
from quintet_training.ranking.trainer import TooFewPlaylists
from quintet_training.settings import TrainingRefused, TrainingSettings
from quintet_training.steps.publishing import CATALOGUE, bootstrap_engine
from quintet_training.steps.training import Playlists, load_playlists

OnProgress = Callable[[float, str], None]


@dataclass(frozen=True)
class ListenerData:
    """Whose data to evaluate on.

    Attributes:
        listener: The listener whose sessions are asked about; empty for none.
        my_playlists: Whether the imported playlists are asked about.
    """

    listener: str = ""
    my_playlists: bool = False


def evaluate_listener(
    settings: TrainingSettings,
    data: ListenerData,
    parameters: TrainingParameters | None = None,
    options: EvaluationOptions | None = None,
    progress: OnProgress | None = None,
) -> ListenerReport:
    """Ask a model for what a listener heard next; publish nothing.

    The model is trained on the playlists that are not asked about; nothing of the listener is among
    them. If there are too few, the bootstrap model is asked. From listeners it learns what was
    heard and liked before the first session asked about.

    Args:
        settings: Names the home.
        data: Whose data.
        parameters: Of the training.
        options: Of the split of playlists, and the random seed.
        progress: Receives the completed share, 0..1, and what is being done.

    Raises:
        DatasetInvalid: The listener's id is invalid.
        TrainingRefused: The listener has no memory, or there are too few sessions or playlists.
        PublicationInvalid: No catalogue is published, or it is damaged.
        StoreUnavailable: The database cannot be used.
    """
    on_progress = progress or (lambda share, text: None)
    options = options or EvaluationOptions()
    on_progress(0.0, "reading catalogue and playlists")
    catalogue = Catalogue.of(Snapshot.load(current_folder(settings.home / CATALOGUE)))
    playlists = load_playlists(settings, catalogue)
    asked: dict[str, list[ListenerCase]] = {}
    known = list(range(len(playlists.ids)))
    if data.listener:
        signals, own = _memory(settings, data.listener)
        asked["sessions"] = _enough(session_cases(signals, catalogue), "sessions", data.listener)
        known = [number for number in known if playlists.ids[number] not in own]
    if data.my_playlists:
        known, held = _split(playlists, known, options, len(catalogue))
        cases = playlist_cases(playlists.rows, held, known, catalogue)
        asked["playlists"] = _enough(cases, "playlists", "")
    parameters = parameters or TrainingParameters()
    first = min((case.at for case in asked.get("sessions", ())), default=NEVER)
    listeners = read_listener_queries(
        settings,
        catalogue,
        [playlists.ids[number] for number in known],
        most=parameters.most_queries,
        seed=parameters.seed,
        before=first,
    )
    rows = [playlists.rows[number] for number in known]
    engine, learned = _engine(catalogue, rows, parameters, listeners, on_progress)
    sections = tuple(
        _section(name, cases, engine, options.seed, on_progress) for name, cases in asked.items()
    )
    on_progress(1.0, "evaluated")
    return ListenerReport(engine.recipe.kind, learned.playlists, learned.queries, sections)


def listening_method(engine: Engine, case: ListenerCase, *, memory: bool) -> Rows:
    """Recommend for one question as `evaluate` does for playlists, with or without the memory."""
    catalogue = engine.catalogue
    query = Query(
        tuple(Seed(SeedKind.TRACK, name) for name in catalogue.track_ids(case.seeds)),
        limit=FIRST,
        max_per_artist=0,
        variants=Variants.ALLOW,
        seasonal=Seasonal.ALLOW,
        reasons=False,
        filters=Filters(excluded_tracks=frozenset(catalogue.track_ids(case.excluded))),
        preferences=case.preferences if memory else NO_PREFERENCES,
    )
    row_of = catalogue.snapshot.row_of
    ranked = engine.recommend(query).tracks
    return np.array([row_of[track.track_id] for track in ranked], dtype=np.int64)


def _memory(settings: TrainingSettings, listener: str) -> tuple[list[SignalRow], set[str]]:
    """Read all signals of a listener, and the playlists made of them."""
    who = listener_hash(settings, listener)
    database = open_engine(settings.database_url)
    try:
        with reading(database) as connection:
            signals = listeners.read_signals(connection, who)
            own = listener_playlists(connection, who)
    finally:
        database.dispose()
    if not signals:
        raise TrainingRefused(
            f"listener {listener} has no memory here; import a history with "
            f"quintet history import FILE --listener {listener}"
        )
    return signals, own


def _enough(cases: list[ListenerCase], what: str, listener: str) -> list[ListenerCase]:
    if len(cases) >= LEAST_CASES:
        return cases
    if what == "sessions":
        raise TrainingRefused(
            f"evaluation needs at least {LEAST_CASES} sessions of {listener} with two or more "
            f"songs of the catalogue, one of them not heard within the two weeks before; there are "
            f"{len(cases)}. Import more of the history, or more of the catalogue"
        )
    raise TrainingRefused(
        f"evaluation needs at least {LEAST_CASES} held-out playlists of ten or more tracks of the "
        f"catalogue; there are {len(cases)}. Import more with quintet playlists import"
    )


def _split(
    playlists: Playlists, numbers: Sequence[int], options: EvaluationOptions, track_count: int
) -> tuple[list[int], list[int]]:
    """Split playlists into those that are known and those asked about, copies together."""
    rows = [playlists.rows[number] for number in numbers]
    if not rows:
        return [], []
    held = options.hold_out(near_duplicates(rows, track_count))
    known = [number for number, out in zip(numbers, held, strict=True) if not out]
    asked = [number for number, out in zip(numbers, held, strict=True) if out]
    # Sessions and feedback are stored as playlists too, but nobody made those.
    return known, [number for number in asked if not _is_derived(playlists.ids[number])]


def _is_derived(playlist_id: str) -> bool:
    return any(mark in playlist_id for mark in (SESSION_PREFIX, GROUP_PREFIX))


class _Learned(NamedTuple):
    """What a model learned from: how many playlists, and questions about listeners."""

    playlists: int = 0
    queries: int = 0


def _engine(
    catalogue: Catalogue,
    known: Sequence[Rows],
    parameters: TrainingParameters,
    listeners: ListenerQueries,
    on_progress: OnProgress,
) -> tuple[Engine, _Learned]:
    """Train on playlists, or make the bootstrap model if they are too few."""

    def report(share: float, text: str) -> None:
        on_progress(0.05 + 0.75 * share, text)

    try:
        trained = train_model(catalogue, known, parameters, report, listeners=listeners)
    except TooFewPlaylists:
        return bootstrap_engine(catalogue, BootstrapParameters(), report), _Learned()
    versions = Versions("main", "", catalogue.snapshot.version)
    listening = trained.listening
    engine = Engine(
        catalogue,
        trained.index,
        Ranker.from_text(trained.booster),
        versions,
        TRAINED,
        trained.learned,
        correction=Correction.from_text(listening.text) if listening.text else None,
    )
    return engine, _Learned(len(known), int(listening.facts["queries"]))


def _section(
    name: str, cases: Sequence[ListenerCase], engine: Engine, seed: int, on_progress: OnProgress
) -> ListenerSection:
    catalogue = engine.catalogue
    methods: Mapping[str, Method] = {
        WITH_MEMORY: partial(listening_method, engine, memory=True),
        **_by_rule(engine),
        WITHOUT_MEMORY: partial(listening_method, engine, memory=False),
        **simple_methods(catalogue, seed),
    }
    found = {}
    for number, (method, answer) in enumerate(methods.items()):
        on_progress(0.8 + 0.2 * number / len(methods), f"asking {method} about {name}")
        found[method] = hits(answer, cases)
    sizes = [len(case.truth) for case in cases]
    return ListenerSection.of(name, sizes, chance(cases, catalogue), found, seed)


def _by_rule(engine: Engine) -> Mapping[str, Method]:
    """Provide the same model without what it learned from listeners, if it did."""
    if engine.correction is None:
        return {}
    ruled = copy(engine)
    ruled.correction = None
    return {BY_RULE: partial(listening_method, ruled, memory=True)}
