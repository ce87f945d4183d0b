"""Features are kept per provenance, each may be missing, and one order says which value counts."""

import math
from itertools import permutations

import pytest
from quintet_store import reading, writing
from quintet_store.catalogue import upsert_tracks
from quintet_store.features import (
    PROVENANCE_ORDER,
    ChosenFeature,
    FeatureInvalid,
    chosen_features,
    count_features,
    count_provenances,
    delete_features,
    features_of,
    put_features,
)
from quintet_store.state import catalogue_token

from tests.store.library_rows import add_tracks, opened


def test_the_value_that_counts_is_chosen_attribute_by_attribute(database_url: str) -> None:
    with opened(database_url) as engine:
        with writing(engine) as connection:
            add_tracks(connection, {"t": {"energy": 0.5}}, source="label")
            put_features(connection, "analysis", [("t", {"energy": 0.9, "tempo": 120.0})])
            put_features(connection, "tags:music", [("t", {"tempo": 121.0, "key": None})])
        with reading(engine) as connection:
            chosen = chosen_features(connection, ["t"])
            assert chosen == {
                "t": {
                    "energy": ChosenFeature(0.5, "import:label"),
                    "tempo": ChosenFeature(121.0, "tags:music"),
                }
            }
            assert list(features_of(connection, ["t"])["t"]) == [
                "import:label",
                "tags:music",
                "analysis",
            ]
            assert count_features(connection) | {"energy": 0, "tempo": 0} == dict.fromkeys(
                count_features(connection), 0
            )
            assert count_features(connection)["energy"] == 1
            assert set(count_provenances(connection)) == {"import:label", "tags:music", "analysis"}


def test_the_choice_does_not_depend_on_the_order_of_writing(tmp_path) -> None:
    found = set()
    kinds = ("import:x", "reccobeats", "analysis")
    for number, order in enumerate(permutations(kinds)):
        with opened(f"sqlite:///{tmp_path / str(number)}.db") as engine, writing(engine) as c:
            add_tracks(c, {"t": {}})
            for kind in order:
                put_features(c, kind, [("t", {"valence": kinds.index(kind) / 10})])
            found.add(chosen_features(c, ["t"])["t"]["valence"])
    assert found == {ChosenFeature(0.0, "import:x")}


def test_of_two_imports_the_newest_counts(database_url: str) -> None:
    with opened(database_url) as engine, writing(engine) as connection:
        add_tracks(connection, {"t": {}})
        put_features(connection, "import:b", [("t", {"mode": 1.0})], now="2026-01-02")
        put_features(connection, "import:a", [("t", {"mode": 0.0})], now="2026-01-01")
        assert chosen_features(connection, ["t"])["t"]["mode"].provenance == "import:b"


def test_an_unknown_value_never_replaces_a_known_one(database_url: str) -> None:
    with opened(database_url) as engine, writing(engine) as connection:
        add_tracks(connection, {"t": {"energy": 0.5, "popularity": 40.0}})
        add_tracks(connection, {"t": {"tempo": 99.0}, "u": {}})
        put_features(connection, "analysis", [("t", {"key": 3.0})])
        put_features(connection, "analysis", [("t", {"key": math.nan, "mode": 1.0})])
        known = {name: each.value for name, each in chosen_features(connection, ["t"])["t"].items()}
        assert known == {"energy": 0.5, "tempo": 99.0, "key": 3.0, "mode": 1.0}
        popularity = "SELECT popularity FROM tracks WHERE track_id = 't'"
        assert connection.exec_driver_sql(popularity).scalar_one() == 40.0
        assert chosen_features(connection, ["u"]) == {}


def test_within_one_import_later_rows_only_fill_in(database_url: str) -> None:
    with opened(database_url) as engine, writing(engine) as connection:
        import_id = add_tracks(connection, {"t": {"energy": 0.5}})
        query = "SELECT * FROM tracks"
        row = dict(connection.exec_driver_sql(query).mappings().one())
        upsert_tracks(
            connection,
            [{**row, "artists": ["A"], "import_id": import_id, "energy": 0.9, "tempo": 100.0}],
        )
        known = {name: each.value for name, each in chosen_features(connection, ["t"])["t"].items()}
        assert known == {"energy": 0.5, "tempo": 100.0}


@pytest.mark.parametrize(
    ("provenance", "values", "message"),
    [
        ("analysis", {"energy": 1.5}, "energy: 1.5 is outside 0 to 1"),
        ("analysis", {"key": 3.5}, "key: 3.5 is not a whole number"),
        ("analysis", {"tempo": math.inf}, "tempo: inf is outside 0 to 1000"),
        ("analysis", {"duration_ms": 1.0}, "duration_ms is not an audio feature"),
        ("somebody", {"energy": 0.5}, "provenance 'somebody'"),
        ("import:" + "x" * 300, {"energy": 0.5}, "at most 207 characters"),
    ],
)
def test_what_is_not_allowed_is_refused_with_its_name_and_range(
    tmp_path, provenance: str, values: dict[str, float], message: str
) -> None:
    with opened(f"sqlite:///{tmp_path / 'q.db'}") as engine, writing(engine) as connection:
        add_tracks(connection, {"t": {}})
        with pytest.raises(FeatureInvalid, match=message):
            put_features(connection, provenance, [("t", values)])
        assert features_of(connection, ["t"]) == {}


def test_what_a_provenance_says_can_be_forgotten(database_url: str) -> None:
    with opened(database_url) as engine, writing(engine) as connection:
        add_tracks(connection, {"t": {}, "u": {}})
        put_features(connection, "analysis", [("t", {"mode": 1.0}), ("u", {"mode": 0.0})])
        before = catalogue_token(connection)
        assert delete_features(connection, "analysis", ["t"]) == 1
        assert set(features_of(connection, ["t", "u"])) == {"u"}
        assert delete_features(connection, "analysis") == 1
        assert catalogue_token(connection) != before


def test_every_kind_of_provenance_has_its_place() -> None:
    assert len(set(PROVENANCE_ORDER)) == len(PROVENANCE_ORDER)
    assert PROVENANCE_ORDER[0] == "import"
    assert PROVENANCE_ORDER[-1] == "analysis"
