"""A trained model in the registry: with what it was made of and how good its recipe is."""

import json

import numpy as np
import polars as pl
from quintet_command.cli.train import register_evaluated
from quintet_command.settings import CommandSettings
from quintet_engine.catalogue import Catalogue
from quintet_engine.recipes import TRAINED
from quintet_modelkit.publication import current_folder
from quintet_modelkit.registry import Registry
from quintet_modelkit.snapshot import Snapshot
from quintet_training import datasets
from quintet_training.ranking import TrainingParameters
from quintet_training.ranking.fitting import BoosterParameters
from quintet_training.steps import train

from tests.slow import slow

SMALL = TrainingParameters(
    folds=3,
    samplings=1,
    negatives=40,
    space_trials=0,
    booster_trials=0,
    booster=BoosterParameters(rounds=8, least_rows=10),
)


def import_playlists(settings: CommandSettings) -> None:
    """Sixty playlists, each of one genre's tracks."""
    catalogue = Catalogue.of(Snapshot.load(current_folder(settings.home / "catalogue")))
    random = np.random.default_rng(0)
    rows = []
    for number in range(60):
        genre = catalogue.genre_tracks.of(number % len(catalogue.genre_names))[:150]
        members = random.choice(genre, 15, replace=False)
        rows += [
            (f"p{number}", place, name)
            for place, name in enumerate(catalogue.track_ids(members.astype(np.int64)))
        ]
    path = settings.home / "made.csv"
    frame = pl.DataFrame(rows, schema=["playlist_id", "position", "track_id"], orient="row")
    frame.write_csv(path)
    datasets.import_playlists(settings, path, source="made", licence="CC0")


@slow("trains with a registry")
def test_parameters_metrics_report_data_and_features_are_logged(server, tmp_path):
    settings = CommandSettings(
        home=tmp_path,
        database_url=f"sqlite:///{tmp_path / 'quintet.db'}",
        mlflow_uri=server.uri,
        mlflow_model="logged",
    )
    datasets.prepare_embedded(settings)
    import_playlists(settings)
    report = train(settings, SMALL)
    number = register_evaluated(settings, report.version, SMALL)
    registry = Registry(server.uri, "logged")
    record = next(each for each in registry.versions() if each.version == number)
    assert record.bundle == report.version
    assert "challenger" in record.aliases
    assert 0 < record.metrics["ndcg_500.five_seeds"] <= 1
    assert "ratio.ndcg_500.hand_made.five_seeds" in record.metrics
    assert record.metrics["training_playlists"] == 60
    assert record.feature_hash == TRAINED.feature_hash
    assert registry.features(record) == TRAINED.names
    data = json.loads(registry.read(record, "data.json"))
    assert data["sources"][0]["licence"] == "CC0"
    assert json.loads(registry.read(record, "report.json"))["counts"]["held_out"] > 0
    assert "<html" in registry.read(record, "report.html")
    pulled = registry.pull(number, tmp_path / "elsewhere")
    assert (pulled / "collaborative" / "taste.faiss").is_file()
