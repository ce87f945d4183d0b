"""What has drifted is told, what is in use is never removed."""

import os
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_command import housekeeping, models
from quintet_command.settings import CommandSettings
from quintet_modelkit.publication import publish, staged, write_manifest
from quintet_training.drift import ks, psi

values = st.lists(st.floats(-5, 5), min_size=20, max_size=60).map(np.array)


@given(values)
def test_nothing_has_drifted_from_itself(sample):
    assert psi(sample, sample) == pytest.approx(0)
    assert ks(sample, sample) == 0


@given(values, values)
def test_distances_stay_in_their_ranges(before, after):
    assert psi(before, after) >= 0
    assert 0 <= ks(before, after) <= 1


def test_a_shift_by_a_deviation_is_drift_and_a_new_sample_is_none():
    random = np.random.default_rng(0)
    before, again = random.normal(size=5_000), random.normal(size=5_000)
    assert psi(before, again) < 0.02
    assert psi(before, again + 1) > 0.25
    assert ks(before, again + 1) > 0.3


def test_the_index_of_two_known_mixes_is_what_the_formula_gives():
    before = np.array([0.0] * 50 + [1.0] * 50)
    after = np.array([0.0] * 25 + [1.0] * 75)
    # Halves against a quarter and three: 0.25 ln(0.75 / 0.5) - 0.25 ln(0.25 / 0.5).
    expected = 0.25 * np.log(1.5) - 0.25 * np.log(0.5)
    assert psi(before, after) == pytest.approx(expected)


def test_values_that_are_missing_now_are_drift():
    before = np.linspace(0, 1, 100)
    assert psi(before, np.full(100, np.nan)) > 1


def version(root, name, age):
    with staged(root) as folder:
        (folder / "file").write_bytes(b"x" * 1000)
        write_manifest(folder, {})
        made = publish(folder, root, name, make_current=False)
    moment = time.time() - age
    os.utime(made, (moment, moment))


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "registered", lambda _: [])
    return CommandSettings(home=tmp_path, housekeeping_versions=2)


def test_the_newest_and_what_is_in_use_stay(settings):
    models = settings.home / "models"
    for number in range(6):
        version(models, f"trained-{number}", age=86_400 * (10 - number))
    (models / "current").write_text("trained-0\n", encoding="utf-8")
    before = housekeeping.sweep(settings, dry_run=True)
    assert before.models == ("trained-1", "trained-2", "trained-3")
    assert len(list(models.glob("trained-*"))) == 6
    swept = housekeeping.sweep(settings)
    assert swept == before
    assert swept.bytes > 3_000
    left = {path.name for path in models.glob("trained-*")}
    assert left == {"trained-0", "trained-4", "trained-5"}
    assert housekeeping.sweep(settings).models == ()


def test_what_was_just_made_stays(settings):
    for number in range(6):
        version(settings.home / "catalogue", f"cat-{number}", age=60)
    assert housekeeping.sweep(settings).catalogues == ()


def test_an_index_goes_with_its_catalogue(settings):
    for number in range(4):
        version(settings.home / "catalogue", f"cat-{number}", age=86_400 * (9 - number))
        version(settings.home / "search", f"cat-{number}", age=86_400)
    swept = housekeeping.sweep(settings)
    assert swept.catalogues == swept.indices == ("cat-0", "cat-1")


def test_files_of_runs_go_after_their_days(settings):
    runs = settings.home / "runs"
    for name, days in (("old", 31), ("new", 29)):
        (runs / name).mkdir(parents=True)
        moment = time.time() - 86_400 * days
        os.utime(runs / name, (moment, moment))
    assert housekeeping.sweep(settings).files == ("old",)
    assert [path.name for path in runs.iterdir()] == ["new"]
