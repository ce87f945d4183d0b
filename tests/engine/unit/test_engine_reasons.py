import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quintet_contract.attributes import ATTRIBUTES
from quintet_engine.query import Query, Seed, SeedKind
from quintet_modelkit.features import COLUMN

MORE = {
    "more energetic": ("energy", 1),
    "calmer": ("energy", -1),
    "more acoustic": ("acousticness", 1),
    "less acoustic": ("acousticness", -1),
    "more danceable": ("danceability", 1),
    "less danceable": ("danceability", -1),
    "happier": ("valence", 1),
    "sadder": ("valence", -1),
    "more instrumental": ("instrumentalness", 1),
    "less instrumental": ("instrumentalness", -1),
    "wordier": ("speechiness", 1),
    "less wordy": ("speechiness", -1),
    "more of a live sound": ("liveness", 1),
    "less of a live sound": ("liveness", -1),
}
ALIKE = {
    "similar energy": "energy",
    "equally acoustic": "acousticness",
    "equally danceable": "danceability",
    "similar mood": "valence",
}


def relative_major(raw: np.ndarray) -> float:
    return (raw[COLUMN["key"]] + (0 if raw[COLUMN["mode"]] >= 0.5 else 3)) % 12


def is_true(clause: str, engine, row: int, seed: int, seeds: list[int]) -> bool:
    catalogue = engine.catalogue
    track, reference = catalogue.columns[row], catalogue.columns[seed]
    gaps = (track - reference) / catalogue.deviations
    ratio = track[COLUMN["tempo"]] / reference[COLUMN["tempo"]]
    if clause in MORE:
        name, sign = MORE[clause]
        return bool(sign * gaps[COLUMN[name]] >= 0.75)
    if clause in ALIKE:
        return bool(abs(gaps[COLUMN[ALIKE[clause]]]) <= 0.25)
    if clause.startswith("also by "):
        names = {n for s in seeds for n in catalogue.snapshot.tracks["artists"][s].as_py()}
        return clause.removeprefix("also by ") in names & set(
            catalogue.snapshot.tracks["artists"][row].as_py()
        )
    if clause in ("from a seed's album", "from the same album"):
        return catalogue.album[row] in catalogue.album[seeds] and catalogue.album[row] >= 0
    if clause.startswith("also "):
        genre = clause.removeprefix("also ")
        lists = catalogue.snapshot.tracks["genres"]
        return genre in lists[row].as_py() and any(genre in lists[s].as_py() for s in seeds)
    steps = 7 * (relative_major(track) - relative_major(reference)) % 12
    known = track[COLUMN["key"]] >= 0 and reference[COLUMN["key"]] >= 0
    return {
        "same tempo range": abs(ratio - 1) <= 0.08,
        "double the tempo": 0.92 <= ratio / 2 <= 1.09,
        "half the tempo": 0.92 <= ratio * 2 <= 1.09,
        "compatible key": known and min(steps, 12 - steps) <= 1,
    }[clause]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seeds=st.lists(st.integers(0, 299), min_size=1, max_size=5, unique=True))
def test_a_sentence_says_only_what_the_numbers_show(engine, seeds):
    catalogue = engine.catalogue
    names = tuple(Seed(SeedKind.TRACK, f"t{row:05d}") for row in seeds)
    for track in engine.recommend(Query(names, limit=30)).tracks:
        row = catalogue.snapshot.row_of[track.track_id]
        closest = catalogue.snapshot.row_of[track.reasons.closest_seed]
        cosines = catalogue.unit[seeds] @ catalogue.unit[row]
        assert np.isclose(track.reasons.closest_similarity, cosines.max(), atol=1e-5)
        head, _, rest = track.reasons.sentence.rstrip(".").partition(": ")
        assert head.startswith("Close to" if cosines.max() >= 0.5 else "Nearest to")
        assert f"'Song {closest}'" in head
        for clause in filter(None, rest.split(", ")):
            assert is_true(clause, engine, row, closest, seeds), track.reasons.sentence


def test_shares_of_the_attributes_sum_to_the_similarity(engine):
    names = tuple(Seed(SeedKind.TRACK, f"t{row:05d}") for row in (1, 40, 77))
    for track in engine.recommend(Query(names, limit=30)).tracks:
        assert [item.attribute for item in track.reasons.comparisons] == list(ATTRIBUTES)
        total = sum(item.similarity_share for item in track.reasons.comparisons)
        assert np.isclose(total, track.similarity, atol=1e-5)
