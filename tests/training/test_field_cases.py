"""The field cases beside this clone, imported in their order; skipped where they are missing."""

from pathlib import Path

import pytest
from quintet_training import datasets
from quintet_training.datasets import DatasetInvalid, Options
from quintet_training.datasets.entries import Reading
from quintet_training.settings import TrainingSettings

from tests.needs import FIELD_CASES, skip
from tests.root import SHARED

CASES = SHARED.parent / "cases"
if not (CASES / "00-base.csv").exists():
    skip(FIELD_CASES, whole_module=True)
# File, encoding, rows stored, playlists.
PLAYLISTS = [
    ("01-exportify-escaped-commas.csv", "", 4, 1),
    ("02-exportify-spanish.csv", "", 2, 1),
    ("03-tunemymusic-three-playlists.csv", "", 6, 3),
    ("04-space-before-quote.csv", "", 3, 2),
    ("04b-space-before-quote.csv", "", 3, 1),
    ("05-listenbrainz-array.json", "", 3, 1),
    ("05b-listenbrainz-array-one-line.json", "", 3, 1),
    ("06-m3u-cr.m3u", "", 2, 1),
    ("08-m3u-percent.m3u8", "", 4, 1),
    ("09-xspf-no-namespace.xspf", "", 2, 1),
    ("11-names-of-signs.csv", "", 4, 1),
    ("14-letters.csv", "", 5, 1),
    ("30-spotify-account-playlists.json", "", 1, 1),
    ("31b-jspf-bom.json", "", 2, 1),
    ("32-mpd-bom.json", "", 1, 1),
    ("37-lastfm.csv", "", 2, 1),
    ("37b-youtube-takeout.csv", "", 2, 1),
    ("22c-playlist-cp1252.csv", "cp1252", 2, 1),
]
# File, encoding, rows stored, rows rejected.
CATALOGUES = [
    ("20-category-words.parquet", "", 4, 0),
    ("20b-category-numbers.parquet", "", 4, 0),
    ("22-excel-german.csv", "cp1252", 2, 0),
    ("22b-excel-sep-line.csv", "", 2, 0),
    ("24-addresses-as-ids.csv", "", 6, 0),
    ("25-ids-of-ones-own.csv", "", 1, 8),
    ("26-exportify-as-catalogue.csv", "", 2, 0),
    ("26b-genres-by-commas.csv", "", 4, 0),
    ("27-units.csv", "", 11, 2),
    ("27b-duration-in-seconds.csv", "", 2, 0),
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> TrainingSettings:
    settings = TrainingSettings(home=tmp_path_factory.mktemp("home"), database_url="")
    datasets.import_catalogue(settings, datasets.preview(CASES / "00-base.csv"))
    return settings


@pytest.mark.parametrize(("name", "encoding", "stored", "playlists"), PLAYLISTS)
def test_playlists(
    base: TrainingSettings, name: str, encoding: str, stored: int, playlists: int
) -> None:
    report = datasets.import_playlists(base, CASES / name, how=Reading(encoding=encoding))
    assert (report.counts.rows_stored, report.playlists) == (stored, playlists)
    assert not report.failure


@pytest.mark.parametrize(("name", "encoding", "stored", "rejected"), CATALOGUES)
def test_catalogues(tmp_path: Path, name: str, encoding: str, stored: int, rejected: int) -> None:
    settings = TrainingSettings(home=tmp_path, database_url="")
    plan = datasets.preview(CASES / name, Options(encoding=encoding))
    counts = datasets.import_catalogue(settings, plan).counts
    assert (counts.rows_stored, counts.rows_quarantined) == (stored, rejected)


@pytest.mark.parametrize("name", ["22-excel-german.csv", "22c-playlist-cp1252.csv"])
def test_an_encoding_that_is_not_known_is_one_line(name: str, base: TrainingSettings) -> None:
    with pytest.raises(DatasetInvalid, match=r"not utf-8 text; name its encoding"):
        datasets.preview(CASES / name)
    with pytest.raises(DatasetInvalid, match=r"not utf-8 text; name its encoding"):
        datasets.import_playlists(base, CASES / name)


def test_shared_addresses_match(base: TrainingSettings) -> None:
    datasets.import_catalogue(base, datasets.preview(CASES / "24-addresses-as-ids.csv"))
    report = datasets.import_playlists(base, CASES / "24b-playlist.csv")
    assert report.counts.rows_stored == 4
