"""What feedback teaches: position bias, signals, playlists for training, and their end."""

import json
import os
import struct
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from quintet_access.pseudonyms import Pseudonyms
from quintet_command.cli import group
from quintet_store import feedback as store
from quintet_store import open_engine, writing
from quintet_store.undoing import undo_event
from quintet_training import datasets
from quintet_training.datasets import feedback
from quintet_training.datasets.feedback import (
    MAX_WEIGHT,
    PRIOR_EXPONENT,
    PositionBias,
    estimate_position_bias,
)
from quintet_training.settings import TrainingSettings
from typer.testing import CliRunner

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
NAMES = ["profile_cosine", "popularity"]


def lists_of(given: str, tracks: list[str], listener: str = "", seeds: Sequence[Any] = ()) -> Any:
    row = {
        "recommendation_id": given,
        "listener": listener,
        "shown_at": store.stamp(NOW),
        "surface": "/api/v1/recommendations",
        "seeds": list(seeds) or [{"track_id": "A", "weight": 1.0}],
        "model_version": "m1",
        "index_version": "i1",
        "catalogue_version": "c1",
        "feature_hash": "h",
    }
    shown = [
        {
            "recommendation_id": given,
            "position": place,
            "track_id": track,
            "score": 1.0 / place,
            "channels": "audio,artist",
            "features": struct.pack("<2f", place, 0.5),
        }
        for place, track in enumerate(tracks, start=1)
    ]
    return [row], shown


def act(given: str, track: str, kind: str, number: int, **changes: Any) -> dict[str, Any]:
    moment = store.stamp(NOW + timedelta(seconds=number))
    return {
        "client": "c",
        "event_id": f"e{number}",
        "recommendation_id": given,
        "track_id": track,
        "kind": kind,
        "position": None,
        "dwell_ms": None,
        "listener": "",
        "occurred_at": moment,
        "received_at": moment,
        **changes,
    }


def write(settings: TrainingSettings, lists: list[Any], events: list[dict[str, Any]]) -> None:
    engine = open_engine(settings.database_url)
    with writing(engine) as connection:
        for rows, shown in lists:
            sets = [{"feature_hash": "h", "names": NAMES}]
            store.add_shown(connection, sets, rows, shown)
        assert store.add_events(connection, events) == len(events)
    engine.dispose()


# Position bias


def sessions(exponent: float, lists: int, seed: int = 3) -> pl.DataFrame:
    """Lists of 20 out of 200 tracks, the relevant ones higher; acts follow relevance and place."""
    generator = np.random.default_rng(seed)
    relevance = generator.beta(1.0, 3.0, 200)
    parts = []
    for _ in range(lists):
        chosen = generator.choice(200, 20, replace=False)
        order = chosen[np.argsort(-(relevance[chosen] + generator.normal(0, 0.15, 20)))]
        places = np.arange(1, 21)
        acted = generator.random(20) < relevance[order] * places**-exponent
        parts.append(
            pl.DataFrame({"track_id": order.astype(str), "position": places, "acted": acted})
        )
    return pl.concat(parts)


@pytest.mark.parametrize("exponent", [0.0, 0.4, 1.0])
def test_position_bias_is_found_though_better_tracks_stand_higher(exponent: float) -> None:
    shown = sessions(exponent, 3000)
    found = estimate_position_bias(shown)
    assert found.exponent == pytest.approx(exponent, abs=0.12)
    assert found.acts == shown["acted"].sum()
    # What rates by place alone would say is far off: they mistake relevance for attention.
    rates = shown.group_by("position").agg(pl.col("acted").mean()).filter(pl.col("acted") > 0)
    naive = -np.polyfit(np.log(rates["position"]), np.log(rates["acted"]), 1)[0]
    assert abs(naive - exponent) > 2 * abs(found.exponent - exponent)


def test_without_acts_the_prior_decides() -> None:
    shown = sessions(1.0, 1).with_columns(acted=pl.lit(False))
    assert estimate_position_bias(shown) == PositionBias(PRIOR_EXPONENT, 0)
    assert estimate_position_bias(shown.clear()).exponent == PRIOR_EXPONENT


def test_tracks_that_always_stand_at_one_place_tell_nothing_of_places() -> None:
    shown = pl.DataFrame(
        {"track_id": ["a", "b"] * 500, "position": [1, 2] * 500, "acted": [True, False] * 500}
    )
    assert estimate_position_bias(shown).exponent == pytest.approx(PRIOR_EXPONENT, abs=1e-6)


def test_a_few_acts_move_the_estimate_a_little() -> None:
    shown = pl.DataFrame(
        {"track_id": ["a"] * 4, "position": [1, 10, 1, 10], "acted": [True, False, True, False]}
    )
    assert PRIOR_EXPONENT < estimate_position_bias(shown).exponent < PRIOR_EXPONENT + 0.1


def test_propensity_falls_from_one() -> None:
    got = PositionBias(1.0, 9).propensity(np.array([1, 2, 4]))
    assert got.tolist() == [1.0, 0.5, 0.25]


# Signals


def test_signals_join_what_was_shown_and_what_was_done(settings: TrainingSettings) -> None:
    lists = [
        lists_of("r1", ["B", "C", "D", "E"], listener="hash-ann"),
        lists_of("r2", ["B", "F"]),
    ]
    events = [
        act("r1", "B", "play", 1, dwell_ms=60_000),
        act("r1", "B", "like", 2),
        act("r1", "C", "skip", 3),
        act("r1", "D", "like", 4),
        act("r1", "D", "dislike", 5),
        act("r2", "B", "play", 6, dwell_ms=900),
        act("r2", "X", "save", 7, position=9, listener="hash-bob"),
        act("lost", "B", "save", 8),
    ]
    write(settings, lists, events)
    signals = feedback.read_signals(settings)
    frame = signals.frame
    assert signals.feature_sets == {"h": NAMES}
    label = {(r, t): round(v, 3) for r, t, v in frame.select(
        "recommendation_id", "track_id", "label").iter_rows()}  # fmt: skip
    assert label == {
        ("r1", "B"): 0.8, ("r1", "C"): -0.3, ("r1", "D"): -1.0, ("r1", "E"): 0.0,
        ("r2", "B"): 0.1, ("r2", "F"): 0.0, ("r2", "X"): 1.0, ("lost", "B"): 1.0,
    }  # fmt: skip
    rows = {(r["recommendation_id"], r["track_id"]): r for r in frame.iter_rows(named=True)}
    shown = rows["r1", "C"]
    assert (shown["listener"], shown["position"], shown["channels"]) == (
        "hash-ann", 2, ["audio", "artist"],
    )  # fmt: skip
    assert shown["features"] == [2.0, 0.5]
    assert (shown["model_version"], shown["feature_hash"], shown["acts"]) == ("m1", "h", 1)
    expected = 2.0**-signals.bias.exponent
    assert shown["propensity"] == pytest.approx(expected, rel=1e-6)
    assert shown["weight"] == pytest.approx(1 / expected, rel=1e-6)
    assert rows["r1", "E"]["weight"] == 1.0
    unseen = rows["r2", "X"]
    assert (unseen["position"], unseen["listener"], unseen["features"]) == (9, "hash-bob", [])
    assert rows["lost", "B"]["position"] is None
    assert rows["lost", "B"]["propensity"] == 1.0


def test_no_feedback_is_an_empty_frame_of_the_same_shape(tmp_path: Path) -> None:
    empty = feedback.read_signals(TrainingSettings(home=tmp_path / "a")).frame
    settings = TrainingSettings(home=tmp_path / "b")
    write(settings, [lists_of("r", ["B"])], [act("r", "B", "like", 1)])
    full = feedback.read_signals(settings).frame
    assert empty.is_empty()
    assert empty.schema == full.schema
    assert full.schema["features"] == pl.List(pl.Float32)


def test_no_weight_is_beyond_its_bound() -> None:
    shown = pl.DataFrame(
        {name: ["x"] * 500 for name in store.IMPRESSION_COLUMNS} | {
            "track_id": [f"t{n}" for n in range(500)], "position": np.arange(1, 501),
            "score": [0.0] * 500, "features": [b""] * 500,
        },
        schema=dict(feedback._SHOWN_SCHEMA),
    )  # fmt: skip
    events = pl.DataFrame(
        [act("x", "t499", "like", 1)], schema=dict(feedback._EVENT_SCHEMA), orient="row"
    )
    frame = feedback.signals_of(shown, events, {}).frame
    assert 1.0 < frame["weight"].max() <= MAX_WEIGHT  # type: ignore[operator]


# Playlists


def fill(settings: TrainingSettings) -> None:
    settings.home.mkdir(parents=True, exist_ok=True)
    path = settings.home / "tracks.csv"
    names = (
        *("duration_ms", "danceability", "energy", "key", "loudness", "mode", "speechiness"),
        *("acousticness", "instrumentalness", "liveness", "valence", "tempo"),
    )
    audio = dict.fromkeys(names, 0.5) | {"key": 1, "mode": 1, "tempo": 120.0, "loudness": -7.0}
    audio["duration_ms"] = 200_000
    tracks = [
        {"track_id": name, "title": f"Song {name}", "artists": f"Artist {name}", **audio}
        for name in "ABCDEF"
    ]
    pl.DataFrame(tracks).write_csv(path)
    datasets.import_catalogue(settings, datasets.preview(path))


def stored(settings: TrainingSettings) -> dict[str, list[str]]:
    frame = datasets.read_playlists(settings)
    grouped = frame.group_by("playlist_id", maintain_order=True).agg("track_id")
    return {str(name): list(tracks) for name, tracks in grouped.iter_rows()}


def loop(settings: TrainingSettings, number: int) -> datasets.PlaylistReport:
    path = settings.home / f"feedback-{number}.jsonl"
    feedback.export_feedback(settings, path)
    return datasets.import_playlists(settings, path, source="feedback")


def test_what_is_liked_becomes_playlists_for_training(settings: TrainingSettings) -> None:
    fill(settings)
    negative = {"track_id": "F", "weight": 1.0, "negative": True}
    seeds = [{"track_id": "A", "weight": 1.0}, {"genre": "rock", "weight": 1.0}, negative]
    lists = [lists_of("r1", ["B", "C", "D"], "ann", seeds), lists_of("r2", ["D", "E"], "ann")]
    events = [
        act("r1", "D", "like", 1, listener="ann"),
        act("r1", "B", "save", 2, listener="ann"),
        act("r1", "B", "playlist_add", 3, listener="ann"),
        act("r1", "C", "like", 4, listener="ann"),
        act("r1", "C", "dislike", 5, listener="ann"),
        act("r2", "E", "play", 6, listener="ann"),
        act("r2", "E", "playlist_add", 7, listener="ann"),
    ]
    write(settings, lists, events)
    report = loop(settings, 1)
    assert report.format is datasets.Format.FEEDBACK
    assert report.counts.rows_quarantined == report.passed_over == 0
    mine = f"feedback:{store.listener_group('ann')}"
    assert stored(settings) == {
        "feedback:r1": ["A", "B", "D"], "feedback:r2": ["A", "E"], mine: ["D", "B", "E"],
    }  # fmt: skip

    # A later export adds what is new and moves nothing.
    write(settings, [], [act("r1", "C", "like", 8, listener="ann")])
    write(settings, [], [act("r1", "F", "save", 9, listener="ann")])
    loop(settings, 2)
    assert stored(settings) == {
        "feedback:r1": ["A", "B", "C", "D", "F"],
        "feedback:r2": ["A", "E"],
        mine: ["D", "B", "E", "C", "F"],
    }


def test_what_is_undone_leaves_signals_and_playlists_unless_another_event_holds_it(
    settings: TrainingSettings,
) -> None:
    fill(settings)
    events = [act("r1", "B", "save", 1, listener="ann"), act("r1", "C", "like", 2, listener="ann")]
    write(settings, [lists_of("r1", ["B", "C", "A"], "ann")], events)
    loop(settings, 1)
    mine = f"feedback:{store.listener_group('ann')}"
    before = stored(settings)
    more = [
        act("r1", "A", "like", 3, listener="ann"),  # the seed of the list
        act("r1", "B", "like", 4, listener="ann"),
        act("r1", "D", "like", 5, listener="ann"),
    ]
    write(settings, [], more)
    loop(settings, 2)
    assert stored(settings)[mine] == ["B", "C", "A", "D"]

    undo(settings, "e3", "e4", "e5", "e5")
    assert stored(settings) == before
    frame = feedback.read_signals(settings).frame.filter(pl.col("acts") > 0)
    assert sorted(frame["track_id"]) == ["B", "C"]
    loop(settings, 3)
    assert stored(settings) == before

    undo(settings, "e2")
    assert stored(settings) == {"feedback:r1": ["A", "B"]}


def undo(settings: TrainingSettings, *ids: str) -> None:
    engine = open_engine(settings.database_url)
    with writing(engine) as connection:
        for event_id in ids:
            assert undo_event(connection, "c", event_id, store.stamp(NOW)) is not None
    engine.dispose()


def test_one_track_alone_is_no_playlist(settings: TrainingSettings) -> None:
    write(
        settings,
        [lists_of("r", ["B"], seeds=[{"genre": "rock", "weight": 1.0}])],
        [act("r", "B", "like", 1, listener="ann")],
    )
    assert feedback.feedback_playlists(settings) == []


def test_an_export_tells_of_no_listener(tmp_path: Path) -> None:
    settings = TrainingSettings(home=tmp_path)
    hashed = Pseudonyms.of(tmp_path / "access").listener("ann")
    events = [act("r", track, "like", n, listener=hashed) for n, track in enumerate("BCD")]
    write(settings, [lists_of("r", ["B", "C", "D"], hashed)], events)
    feedback.export_feedback(settings, tmp_path / "out.jsonl")
    text = (tmp_path / "out.jsonl").read_text(encoding="utf-8")
    assert len(text.splitlines()) == 4 + 3
    assert hashed not in text
    assert all(json.loads(line)["recommendation_id"] for line in text.splitlines())
    assert list(tmp_path.glob(".out*")) == []


def test_deleting_a_listener_deletes_the_playlists_made_of_them(settings: TrainingSettings) -> None:
    fill(settings)
    names = Pseudonyms.of(settings.home / "access")
    ann, bob = names.listener("ann"), names.listener("bob")
    lists = [lists_of("r1", ["B", "C"], ann), lists_of("r2", ["B", "C"], bob)]
    events = [
        act(given, track, "like", number, listener=who)
        for number, (given, who, track) in enumerate(
            [("r1", ann, "B"), ("r1", ann, "C"), ("r2", bob, "B"), ("r2", bob, "C")]
        )
    ]
    write(settings, lists, events)
    loop(settings, 1)
    datasets.import_playlists(settings, settings.home / "feedback-1.jsonl", source="other")
    assert len(stored(settings)) == 8
    deleted = feedback.delete_listener(settings, "ann")
    assert deleted == store.Deleted(2, 1, 4, 2)
    hers = store.listener_group(ann)
    assert len(stored(settings)) == 4
    assert not any(name.endswith((":r1", f":{hers}")) for name in stored(settings))
    assert feedback.delete_listener(settings, "ann") == store.Deleted(0, 0, 0)
    assert feedback.feedback_info(settings).listeners == 1


def test_an_export_from_before_a_deletion_or_an_undo_brings_nothing_back(
    settings: TrainingSettings,
) -> None:
    fill(settings)
    names = Pseudonyms.of(settings.home / "access")
    ann, bob = names.listener("ann"), names.listener("bob")
    issued = [names.new_recommendation_id() for _ in range(3)]
    lists = [lists_of(issued[0], ["B", "C"], ann), lists_of(issued[1], ["B", "C", "D"], bob)]
    acts = [(0, ann, "B"), (0, ann, "C"), *((1, bob, track) for track in "BCD"), (2, ann, "E")]
    events = [
        act(issued[place], track, "like", number, listener=who)
        for number, (place, who, track) in enumerate(acts)
    ]
    write(settings, lists, events)
    path = settings.home / "early.jsonl"
    feedback.export_feedback(settings, path)
    with path.open("a", encoding="utf-8") as stream:  # of another installation
        for place, track in enumerate("EF"):
            line = {"recommendation_id": "elsewhere", "position": place}
            stream.write(json.dumps({**line, "track_id": track, "kind": "like"}) + "\n")
    feedback.delete_listener(settings, "ann")
    undo(settings, "e4")
    report = datasets.import_playlists(settings, path, source="feedback")
    his = store.listener_group(bob)
    assert stored(settings) == {
        f"feedback:{issued[1]}": ["A", "B", "C"],
        f"feedback:{his}": ["B", "C"],
        "feedback:elsewhere": ["E", "F"],
    }
    # Two lists of ann, her group, and the track that was undone in two playlists.
    assert (report.counts.rows_stored, report.passed_over) == (7, 6 + 2)
    assert report.counts.rows_read == report.counts.rows_stored + report.counts.rows_duplicate


def test_playlists_of_old_imports_go_with_the_retention_and_no_others(
    settings: TrainingSettings,
) -> None:
    fill(settings)
    write(settings, [lists_of("r", ["B", "C"])], [act("r", "B", "like", 1)])
    loop(settings, 1)
    own = settings.home / "own.csv"
    own.write_text("playlist_id,position,track_id\nmine,1,A\nmine,2,B\n", encoding="utf-8")
    datasets.import_playlists(settings, own)
    later = feedback.prune_feedback(settings, 10_000)
    assert later == store.Pruned(0, 0, 0)
    pruned = feedback.prune_feedback(settings, 0)
    assert pruned == store.Pruned(1, 1, 1)
    assert stored(settings) == {"mine": ["A", "B"]}
    assert feedback.feedback_info(settings) == store.FeedbackCounts({}, 0, 0, 0, "")


# Commands


def quintet(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(group("feedback"), list(arguments))
    return done.exit_code, " ".join(done.output.split())


def test_commands_go_round_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUINTET_HOME", str(tmp_path / "home"))
    settings = TrainingSettings()
    hashed = Pseudonyms.of(settings.home / "access").listener("ann")
    events = [act("r", "B", "like", 1, listener=hashed), act("r", "C", "skip", 2)]
    write(settings, [lists_of("r", ["B", "C"], hashed)], events)
    out = tmp_path / "out.jsonl"
    assert quintet("export", str(out)) == (0, f"1 playlists with 2 tracks written to {out}")
    code, text = quintet("info", "--json")
    assert (code, json.loads(text)["events"]) == (0, {"like": 1, "skip": 1})
    code, text = quintet("info")
    assert (code, "listeners │ 1" in text, "like events" in text) == (0, True, True)
    code, text = quintet("delete-listener", "ann")
    assert text == "1 events, 1 signals and 0 playlists deleted, 1 recommendations unlinked"
    code, text = quintet("prune", "--days", "0")
    assert text == "1 events, 1 recommendations and 0 playlists deleted"
    assert "none yet" in quintet("info")[1]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("export", "missing/out.jsonl"), "error: missing/out.jsonl: No such file or directory"),
        (("delete-listener", "a b"), "error: a listener's id is 1 to 128 letters"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_2(
    tmp_path: Path, arguments: tuple[str, ...], line: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "quintet_command", "feedback", *arguments],
        cwd=tmp_path,
        env={**os.environ, "QUINTET_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(line)
    assert done.stderr.count("\n") == 1
