"""Calibration over a catalogue: who is compared, what is stored, and what is not used."""

import numpy as np
import pytest
from quintet_analysis.calibration import (
    CalibrationInvalid,
    apply_calibration,
    fit_calibration,
    load_calibration,
    save_calibration,
)
from quintet_analysis.catalogue import MEASURED_HERE, PERCEIVED_HERE
from quintet_settings import sqlite_url
from quintet_store import open_engine, reading, writing
from quintet_store.features import chosen_features, features_of, put_features

from tests.store.library_rows import add_tracks

COUNT = 240


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """Analysed tracks; all but the last five have published features, energy on another scale."""
    random = np.random.default_rng(3)
    made = open_engine(sqlite_url(tmp_path_factory.mktemp("home") / "quintet.db"))
    ids = [f"t{number:03}" for number in range(COUNT)]
    energy, valence = random.uniform(0, 0.5, COUNT), random.uniform(0, 1, COUNT)
    noise = random.normal(0, 0.03, COUNT)
    published = {
        track_id: {
            "energy": float(np.clip(2 * energy[n] + noise[n], 0, 1)),
            "valence": float(np.clip(valence[n] + noise[n], 0, 1)),
            **{"tempo": 120.0, "key": 7.0, "mode": 1.0},
        }
        for n, track_id in enumerate(ids[:-5])
    }
    with writing(made) as connection:
        add_tracks(connection, {track_id: {} for track_id in ids})
        put_features(connection, "reccobeats", published.items())
        # A listener's tags are no published scale.
        put_features(connection, "tags:music", [(each, {"energy": 1.0}) for each in ids[-5:]])
        ours = [
            (each, {"tempo": (60.0, 120.0, 90.0)[n % 3], "key": float(n % 2), "mode": 1.0})
            for n, each in enumerate(ids)
        ]
        put_features(connection, MEASURED_HERE, ours)
        heard = [
            (i, {"energy": e, "valence": v}) for i, e, v in zip(ids, energy, valence, strict=True)
        ]
        put_features(connection, PERCEIVED_HERE, heard)
    yield made
    made.dispose()


def test_only_what_helps_is_used_and_the_rest_is_reported(engine):
    found = fit_calibration(engine)
    assert set(found.fits) == {"energy", "valence"}
    assert found.fits["energy"].pairs == COUNT - 5
    assert found.fits["energy"].curve is not None
    assert found.fits["energy"].calibrated_error < 0.2 * found.fits["energy"].error
    assert found.fits["valence"].curve is None
    assert found.agreement["tempo"][1] == pytest.approx(2 / 3, abs=0.01)
    # Key 0 is a fifth away from 7; key 1 is not.
    assert found.agreement["key"][1] == pytest.approx(0.5, abs=0.01)
    assert found.agreement["mode"] == (COUNT - 5, 1.0)


def test_calibrated_values_are_stored_beside_the_raw_ones_and_count_before_them(engine, tmp_path):
    path = tmp_path / "calibration.json"
    save_calibration(path, fit_calibration(engine))
    again = load_calibration(path)
    assert again == fit_calibration(engine)
    assert apply_calibration(engine, again) == COUNT
    with reading(engine) as connection:
        values = features_of(connection, ["t239"])["t239"]
        chosen = chosen_features(connection, ["t000", "t239"])
    assert set(values["calibrated"]) == {"energy"}
    assert values["calibrated"]["energy"] == pytest.approx(
        2 * values[PERCEIVED_HERE]["energy"], abs=0.05
    )
    assert chosen["t239"]["valence"].provenance == PERCEIVED_HERE
    assert chosen["t000"]["energy"].provenance == "reccobeats"
    # Once more with a calibration that uses nothing: the values are gone.
    assert apply_calibration(engine, type(again)({})) == 0
    with reading(engine) as connection:
        assert "calibrated" not in features_of(connection, ["t239"])["t239"]


def test_too_few_tracks_and_a_damaged_file_say_what_to_do(tmp_path):
    empty = open_engine(sqlite_url(tmp_path / "quintet.db"))
    with pytest.raises(CalibrationInvalid, match=r"at least 100 tracks .* there are 0; import"):
        fit_calibration(empty)
    empty.dispose()
    assert load_calibration(tmp_path / "none.json") is None
    for text in ("", "[]", '{"fits": {"energy": {}}, "agreement": {}}'):
        (tmp_path / "bad.json").write_text(text, encoding="utf-8")
        with pytest.raises(CalibrationInvalid, match="quintet analyse calibrate"):
            load_calibration(tmp_path / "bad.json")
