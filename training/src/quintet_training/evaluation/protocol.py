"""The evaluation: hold playlists out, train on the others, ask every method the same cases."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from quintet_engine.catalogue import Catalogue, Mask, Rows
from threadpoolctl import threadpool_limits

from quintet_training.datasets.playlist_groups import near_duplicates, split_groups
from quintet_training.evaluation.baselines import (
    HAND_MADE,
    STANDARDISED_COSINE,
    Recommender,
    baselines,
)
from quintet_training.evaluation.calibrating import Scored, measure_calibration
from quintet_training.evaluation.cases import (
    Case,
    cold_cases,
    draw_cases,
    draw_cold_tracks,
    without,
)
from quintet_training.evaluation.dial import Dial, measure_dial
from quintet_training.evaluation.growth import measure_growth
from quintet_training.evaluation.measuring import (
    Measured,
    deciles,
    differences,
    measure,
    quotients,
    section,
)
from quintet_training.evaluation.metrics import METRICS, Yardstick
from quintet_training.evaluation.report import (
    MODEL,
    WITHOUT_PLAYLISTS,
    Calibration,
    DialPoint,
    GrowthPoint,
    Report,
    Section,
    kind_name,
)

Train = Callable[[Sequence[Rows], Sequence[str], str], Recommender]
"""Trains on playlists, with their kinds if known, for a purpose: `main`, `share_…` or `cold`."""
OnProgress = Callable[[float, str], None]
"""Receives the completed share, 0..1, and the current step."""

_NAMES: Final = {
    1: ("one_seed", "One seed"),
    5: ("five_seeds", "Five seeds"),
    10: ("ten_seeds", "Ten seeds"),
    25: ("twenty_five_seeds", "Twenty-five seeds"),
}
# The page asks for five seeds.
_PRIMARY: Final = 5
# Shares of the whole work, for the progress bar; training takes most of it.
_TRAINED, _MEASURED, _TRAINED_COLD = 0.45, 0.55, 0.95


class EvaluationImpossible(Exception):
    """There are too few playlists to hold some out and ask about them."""


@dataclass(frozen=True)
class EvaluationOptions:
    """How to evaluate.

    Attributes:
        held_out: Share of the playlists to hold out, 0..1; near-duplicates stay together.
        seed: Of every random choice.
        seed_counts: How many seeds to ask with. Comparisons use five if it is among them, else the
            first.
        cold_share: Share of the catalogue's tracks to remove from the training playlists of
            the second training.
        limit: Length of the lists, 1..500.
        min_length: Shorter playlists are held out but not asked about.
        growth: Shares of the training playlists to train on as well, ascending, 0..1.
    """

    held_out: float = 0.25
    seed: int = 1
    seed_counts: tuple[int, ...] = (1, 5, 10, 25)
    cold_share: float = 0.2
    limit: int = 500
    min_length: int = 10
    growth: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        shares = 0 < self.held_out < 1 and 0 <= self.cold_share < 1
        shares &= all(0 < share < 1 for share in self.growth)
        counts = bool(self.seed_counts) and min(self.seed_counts) >= 1
        if not (shares and counts and self.limit >= 1 and self.min_length >= 2):
            raise ValueError(f"{self} cannot be evaluated with")

    def random(self, purpose: int) -> np.random.Generator:
        """Make the generator of one purpose, so that no part changes what another samples."""
        return np.random.default_rng([self.seed, purpose])

    def hold_out(self, groups: NDArray[np.int64]) -> Mask:
        """Choose the playlists to hold out, bool (p,); groups of near-duplicates stay together."""
        return split_groups(groups, self.held_out, self.random(0))

    def cases(self, playlists: Sequence[Rows], held_out: Mask) -> dict[int, list[Case]]:
        """Sample the questions about held-out playlists, by the number of seeds."""
        asked = np.flatnonzero(held_out)
        return draw_cases(playlists, asked, self.seed_counts, self.min_length, self.random(1))

    @property
    def primary(self) -> int:
        """The number of seeds that the comparisons are made with."""
        return _PRIMARY if _PRIMARY in self.seed_counts else self.seed_counts[0]


@dataclass(frozen=True)
class _Evaluation:
    """What all parts of one run share: data, split, options and progress."""

    catalogue: Catalogue
    playlists: Sequence[Rows]
    playlist_ids: Sequence[str]
    kinds: Sequence[str]
    held_out: Mask
    options: EvaluationOptions
    on_progress: OnProgress

    @property
    def asked(self) -> Rows:
        return np.flatnonzero(self.held_out)

    @property
    def train(self) -> list[Rows]:
        """The playlists that methods may learn from."""
        known = np.flatnonzero(~self.held_out).tolist()
        return [self.playlists[number] for number in known]

    @property
    def train_kinds(self) -> list[str]:
        """Their kinds; empty if unknown."""
        known = np.flatnonzero(~self.held_out).tolist()
        return [self.kinds[number] for number in known] if self.kinds else []

    def several_kinds(self, cases: Sequence[Case]) -> list[str]:
        """Return the kind of each case's playlist; empty if all are of one kind."""
        kinds = [self.kinds[case.playlist] for case in cases if self.kinds]
        return kinds if len(set(kinds)) > 1 else []

    def ask(
        self,
        methods: Mapping[str, Recommender],
        cases: Sequence[Case],
        train: Sequence[Rows],
        span: tuple[float, float],
    ) -> dict[str, Measured]:
        """Ask every method the same cases, while progress goes from `span[0]` to `span[1]`."""
        yardstick = Yardstick.of(self.catalogue, train, self.options.limit)
        start, step = span[0], (span[1] - span[0]) / len(methods)
        measured = {}
        for number, (name, method) in enumerate(methods.items()):
            at = start + number * step

            def told(done: int, at: float = at, name: str = name) -> None:
                self.on_progress(at + step * done / len(cases), f"asking {name}")

            # One question is too small to share out: a second BLAS thread costs more than it does.
            with threadpool_limits(1, "blas"):
                measured[name] = measure(method, cases, yardstick, told)
        return measured


def run(
    catalogue: Catalogue,
    playlists: Sequence[Rows],
    playlist_ids: Sequence[str],
    train: Train,
    options: EvaluationOptions,
    on_progress: OnProgress = lambda _share, _text: None,
    bootstrap: Recommender | None = None,
    kinds: Sequence[str] = (),
    dial: Dial | None = None,
    defaults: Callable[[], Recommender] | None = None,
    scored: Callable[[], Scored] | None = None,
) -> Report:
    """Evaluate a trainer; the same arguments give the same report.

    Args:
        catalogue: What is recommended from.
        playlists: Distinct rows of each playlist.
        playlist_ids: The id of each playlist, for the report.
        train: Called with the training playlists and `main`, with shares of them, then with those
            playlists without cold tracks and `cold`; a recommender is not used after the next call.
        options: How to evaluate.
        on_progress: Receives the progress.
        bootstrap: The model without any playlist, to compare with audio cosine.
        dial: Gives the recommender of `main` with the dial from familiar to new at a value; called
            before the training without cold tracks. None to measure no dial.
        defaults: Gives the recommender of `main` with the product's default settings, likewise.
        scored: Gives the recommender of `main` with its scores, likewise.
        kinds: The kind of each playlist, to report by kind; empty to report all together.

    Raises:
        EvaluationImpossible: Too few playlists, or too short ones.
        RecommendationInvalid: A recommender broke its rules.
    """
    on_progress(0.0, "looking for near-duplicate playlists")
    groups = near_duplicates(playlists, len(catalogue))
    held_out = options.hold_out(groups)
    this = _Evaluation(catalogue, playlists, playlist_ids, kinds, held_out, options, on_progress)
    cases = options.cases(playlists, held_out)
    if not cases[options.primary] or not any(len(rows) for rows in this.train):
        raise EvaluationImpossible(
            f"of {len(playlists)} playlists none can be held out and asked about with "
            f"{options.primary} seeds: at least {max(options.min_length, 2 * options.primary)} "
            "tracks are needed, and other playlists to learn from"
        )
    counts = {
        "tracks": len(catalogue),
        "playlists": len(playlists),
        "groups": int(groups.max()) + 1,
        "training": int((~held_out).sum()),
        "held_out": int(held_out.sum()),
    }
    found = _main_parts(this, cases, train, bootstrap, dial, defaults, scored)
    if options.growth:
        found["growth"] = _growth_part(this, cases[options.primary], train, found.pop("scores"))
    found.pop("scores", None)
    found |= _cold_part(this, train)
    on_progress(1.0, "evaluated")
    return Report(options=asdict(options), counts=counts, **found)


def _main_parts(
    this: _Evaluation,
    cases: Mapping[int, list[Case]],
    train: Train,
    bootstrap: Recommender | None,
    dial: Dial | None,
    defaults: Callable[[], Recommender] | None,
    scored: Callable[[], Scored] | None,
) -> dict[str, Any]:
    """Train once, then measure model and baselines at each number of seeds."""
    options, known = this.options, this.train
    this.on_progress(0.01, f"training on {len(known)} playlists")
    methods = {MODEL: train(known, this.train_kinds, "main")}
    this.on_progress(_TRAINED, "fitting the baselines")
    methods |= baselines(this.catalogue, known, options.seed, options.limit)
    asked = [count for count in options.seed_counts if cases[count]]
    step = (_MEASURED - _TRAINED) / len(asked)
    sections = {}
    for place, count in enumerate(asked):
        span = (_TRAINED + place * step, _TRAINED + (place + 1) * step)
        measured = this.ask(methods, cases[count], known, span)
        sections[count] = section(*_naming(count), cases[count], measured, options.seed)
        if count == options.primary:
            # Measured answers of one count fill memory; only the primary ones are compared.
            found = _comparisons(this, cases[count], measured)
            found["by_kind"] = _by_kind(this, cases[count], measured)
            found["scores"] = measured[MODEL].scores
    found["by_seeds"] = tuple(sections.values())
    if bootstrap is not None:
        found |= _only_audio_part(this, cases[options.primary], methods, bootstrap)
    if dial is not None:
        found["dial"] = _dial_part(this, cases[options.primary], known, dial)
    if defaults is not None:
        found["defaults"] = _defaults_part(this, cases[options.primary], defaults())
    if scored is not None:
        found["calibration"] = _calibration_part(this, cases[options.primary], scored())
    return found


def _defaults_part(this: _Evaluation, cases: Sequence[Case], with_defaults: Recommender) -> Section:
    """Measure what a listener gets who changes no setting."""
    measured = this.ask({MODEL: with_defaults}, cases, this.train, (_MEASURED, _MEASURED))
    title = "With the default settings, among them three tracks per artist"
    return section("defaults", title, cases, measured, this.options.seed)


def _calibration_part(this: _Evaluation, cases: Sequence[Case], scored: Scored) -> Calibration:
    """Compare the scores of the lists with their hits."""
    this.on_progress(_MEASURED, "comparing scores with hits")
    options = this.options
    with threadpool_limits(1, "blas"):
        return measure_calibration(
            scored, cases, this.several_kinds(cases), options.random(5), options.seed
        )


def _growth_part(
    this: _Evaluation, cases: Sequence[Case], train: Train, whole: NDArray[np.float64]
) -> tuple[GrowthPoint, ...]:
    """Train on shares of the playlists and ask the primary cases."""
    options = this.options

    def on_share(chosen: Rows, purpose: str) -> NDArray[np.float64]:
        this.on_progress(_MEASURED, f"training on {len(chosen)} of the playlists")
        known = [this.train[number] for number in chosen.tolist()]
        of_known = [this.train_kinds[number] for number in chosen.tolist() if this.kinds]
        method = {MODEL: train(known, of_known, purpose)}
        return this.ask(method, cases, known, (_MEASURED, _MEASURED))[MODEL].scores

    several, random = this.several_kinds(cases), options.random(4)
    return measure_growth(
        len(this.train), options.growth, whole, several, on_share, random, options.seed
    )


def _dial_part(
    this: _Evaluation, cases: Sequence[Case], known: Sequence[Rows], dial: Dial
) -> tuple[DialPoint, ...]:
    """Measure the model along the dial on the primary cases."""
    yardstick = Yardstick.of(this.catalogue, known, this.options.limit)
    this.on_progress(_MEASURED, "asking along the dial")
    with threadpool_limits(1, "blas"):
        return measure_dial(dial, this.catalogue, cases, yardstick, this.options.seed)


def _comparisons(
    this: _Evaluation, cases: Sequence[Case], measured: Mapping[str, Measured]
) -> dict[str, Any]:
    """Compare the model with the baselines on the primary cases, playlist by playlist."""
    seed = this.options.seed
    return {
        "primary": _naming(this.options.primary)[0],
        "differences": differences(measured, MODEL, seed),
        "to_hand_made": quotients(measured[MODEL], measured[HAND_MADE], seed),
        "deciles": deciles(cases, measured, this.catalogue.popularity),
        "playlists": tuple(
            {
                "playlist_id": this.playlist_ids[case.playlist],
                "hidden": len(case.truth),
                **dict(zip(METRICS, scores.tolist(), strict=True)),
            }
            for case, scores in zip(cases, measured[MODEL].scores, strict=True)
        ),
    }


def _by_kind(
    this: _Evaluation, cases: Sequence[Case], measured: Mapping[str, Measured]
) -> tuple[Section, ...]:
    """Summarise the same answers kind by kind, so that no kind hides behind another."""
    if len(set(this.kinds)) < 2:
        return ()
    of_case = np.array([this.kinds[case.playlist] for case in cases])
    sections = []
    for kind in sorted(set(of_case.tolist())):
        chosen = np.flatnonzero(of_case == kind)
        title = f"Playlists of the kind {kind}" if kind else "Playlists without a kind"
        part = [cases[number] for number in chosen.tolist()]
        answers = {method: one.of(chosen) for method, one in measured.items()}
        sections.append(section(kind_name(kind), title, part, answers, this.options.seed))
    return tuple(sections)


def _only_audio_part(
    this: _Evaluation,
    cases: Sequence[Case],
    methods: Mapping[str, Recommender],
    bootstrap: Recommender,
) -> dict[str, Any]:
    pair = {WITHOUT_PLAYLISTS: bootstrap, STANDARDISED_COSINE: methods[STANDARDISED_COSINE]}
    # Two fast methods: they get no share of the progress bar.
    measured = this.ask(pair, cases, this.train, (_MEASURED, _MEASURED))
    seed = this.options.seed
    compared = differences(measured, WITHOUT_PLAYLISTS, seed)[STANDARDISED_COSINE]
    title = "Only audio features known"
    return {
        "only_audio": section("only_audio", title, cases, measured, seed),
        "only_audio_differences": compared,
    }


def _cold_part(this: _Evaluation, train: Train) -> dict[str, Any]:
    """Train without some tracks and ask for them alone; no parts if no playlist has such tracks."""
    options, random = this.options, this.options.random(2)
    cold = draw_cold_tracks(len(this.catalogue), options.cold_share, random)
    cases = cold_cases(this.playlists, this.asked, cold, options.primary, random)
    known = without(this.train, cold)
    if not cases or not known:
        return {}
    this.on_progress(_MEASURED, f"training on {len(known)} playlists without cold tracks")
    long = [int((~cold[rows]).sum()) > 1 for rows in this.train]
    of_known = [kind for kind, kept in zip(this.train_kinds, long, strict=False) if kept]
    methods = {MODEL: train(known, of_known, "cold")}
    this.on_progress(_TRAINED_COLD, "fitting the baselines without cold tracks")
    methods |= baselines(this.catalogue, known, options.seed, options.limit)
    measured = this.ask(methods, cases, known, (_TRAINED_COLD, 1.0))
    part: Section = section("cold", "Cold tracks alone", cases, measured, options.seed)
    compared = quotients(measured[MODEL], measured[STANDARDISED_COSINE], options.seed)
    return {"cold": part, "cold_to_cosine": compared}


def _naming(count: int) -> tuple[str, str]:
    return _NAMES.get(count, (f"seeds_{count}", f"{count} seeds"))
