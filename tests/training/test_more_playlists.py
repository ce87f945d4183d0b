"""More playlists make better lists, for each kind of playlist, on the real ones."""

from itertools import pairwise

import pytest
from quintet_training import datasets
from quintet_training.evaluation import EvaluationOptions
from quintet_training.ranking import TrainingParameters
from quintet_training.settings import TrainingSettings
from quintet_training.steps.evaluating import evaluate

from tests.needs import SHARED_DATA, needs
from tests.root import SHARED
from tests.slow import slow

# What four fits of one booster on the same rows differ by, at most.
TOLERANCE = 0.01


@pytest.mark.timeout(3600)
@slow("trains three times")
@needs(SHARED_DATA, (SHARED / "kinds/playlists.parquet").exists())
def test_a_tenth_a_half_and_all_of_the_playlists_make_better_and_better_lists(tmp_path):
    settings = TrainingSettings(home=tmp_path)
    for folder in (SHARED, SHARED / "kinds"):
        datasets.import_catalogue(settings, datasets.preview(folder / "tracks.parquet"))
    datasets.publish_catalogue(settings)
    for folder in (SHARED, SHARED / "kinds"):
        datasets.import_playlists(settings, folder / "playlists.parquet")
    options = EvaluationOptions(seed_counts=(5,), cold_share=0.0, growth=(0.1, 0.5))
    points = evaluate(
        settings, TrainingParameters(space_trials=0, booster_trials=0), options
    ).growth
    assert [point.share for point in points] == [0.1, 0.5, 1.0]
    for less, more in pairwise(points):
        assert more.ndcg.mean > less.ndcg.mean
        assert more.recall.mean > less.recall.mean
        for kind, found in more.by_kind.items():
            assert found.mean > less.by_kind[kind].mean - TOLERANCE
    assert points[-1].ndcg.lower > points[0].ndcg.upper
