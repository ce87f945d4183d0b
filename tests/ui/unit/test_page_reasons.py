"""Why a track is here, in both languages, from the numbers alone; covers and files."""

import base64
import csv
import io
import json
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_client.models import (
    Pool,
    RankedTrack,
    Reasons,
    Recommendations,
    SeedUsed,
    Track,
    Versions,
)
from quintet_engine.reasons import CLOSE_COSINE
from quintet_engine.recipes import RECIPES
from quintet_ui.cards import bare, cards_data, duration, visible
from quintet_ui.covers import cover_of
from quintet_ui.feature_names import feature_name
from quintet_ui.playlist_files import csv_of, jspf_of, m3u8_of
from quintet_ui.preferences import Preferences
from quintet_ui.radar import mean_of, profile_of, radar_figure
from quintet_ui.reasons import CLOSE, bars_of, sentence_of
from quintet_ui.translations import translations_for

EN, KO = translations_for("en"), translations_for("ko")
MEANS = {
    "energy": 0.5, "tempo": 120.0, "valence": 0.5, "acousticness": 0.3, "danceability": 0.5,
    "instrumentalness": 0.1, "speechiness": 0.05, "liveness": 0.2,
}  # fmt: skip


def changed(track, **facts):
    """Returns a track with other facts, checked as an answer is."""
    return Track.model_validate({**track.model_dump(), **facts})


def with_track(item, **facts):
    return item.model_copy(update={"track": changed(item.track, **facts)})


def ranked(
    track_id="t1", *, similarity=0.9, contributions=(), sentence="Said by the ranker.", **values
):
    track = changed(
        bare(track_id),
        title=f"Title {track_id}",
        artists=[{"id": f"a-{track_id}", "name": f"Artist {track_id}"}],
        duration_ms=201_000,
    )
    reasons = {
        "sentence": sentence,
        "closest_seed": {"id": "s", "title": "Seed", "similarity": similarity},
        "contributions": [
            {"feature": name, "contribution": share, "value": 0.0} for name, share in contributions
        ],
        "comparisons": [
            {"attribute": name, "value": values.get(name, mean), "seeds_mean": mean,
             "similarity_share": values.get(name, mean) - mean}
            for name, mean in MEANS.items()
        ],
    }  # fmt: skip
    return RankedTrack(
        rank=1, score=1.0, similarity=similarity, channels=(), track=track,
        reasons=Reasons.model_validate(reasons),
    )  # fmt: skip


def answer(*tracks, seeds=()):
    return Recommendations(
        recommendation_id="r", request_id="q", tracks=tracks, profile={}, degraded=(),
        seeds=tuple(SeedUsed(track=seed, weight=1.0) for seed in seeds),
        versions=Versions(model="m", index="i", catalogue="c"),
        pool=Pool(initial=3, after_filtering=3, candidates=3, after_relinking=3),
    )  # fmt: skip


def test_english_is_what_the_ranker_said():
    assert sentence_of(ranked(), [], EN) == "Said by the ranker."


def test_korean_is_made_from_the_numbers():
    told = sentence_of(ranked(energy=0.9), [], KO)
    assert told == "'Seed' 느낌과 가까움: 비슷한 템포, 더 힘참."


def test_a_far_seed_is_only_the_nearest():
    assert CLOSE == CLOSE_COSINE
    assert "가장 가까움" in sentence_of(ranked(similarity=0.2), [], KO)


def test_the_strongest_difference_is_the_one_named():
    told = sentence_of(ranked(energy=0.7, valence=0.05, sentence=""), [], EN)
    assert told == "Close to 'Seed': same tempo range, sadder."


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"album_id": "x"}, "같은 앨범"),
        ({"artists": [{"id": "a", "name": "Queen"}]}, "Queen의 다른 곡"),
        ({"genres": ["rock"]}, "같은 장르 rock"),
    ],
)
def test_what_ties_a_track_to_the_seeds_is_said(change, said):
    item = with_track(ranked(), **change)
    assert said in sentence_of(item, [changed(bare("s"), **change)], KO)


@pytest.mark.parametrize(
    ("clause", "said"),
    [
        ("in a playlist with 'Halo'", "재생 목록 1개에 'Halo'"),
        (
            "in 12 playlists with 'Don't Stop, Now: Live'",
            "재생 목록 12개에 'Don't Stop, Now: Live'",
        ),
        ("Queen is in 3 playlists with Tyler, The Creator", "3개에 Queen와(과) Tyler, The Creator"),
        ("near 'Halo' in listeners' taste", "취향에서 'Halo'"),
    ],
)
def test_what_playlists_say_is_said_in_korean_too(clause, said):
    item = ranked(sentence=f"Close to 'Seed': same tempo range, {clause}.")
    assert said in sentence_of(item, [], KO)
    assert said in sentence_of(ranked(sentence=f"Nearest to 'Seed': {clause}."), [], KO)


@pytest.mark.parametrize("kind", sorted(RECIPES))
@pytest.mark.parametrize("texts", [EN, KO], ids=["en", "ko"])
def test_every_feature_of_every_kind_of_model_has_a_name(kind, texts):
    names = {name: feature_name(name, texts) for name in RECIPES[kind].names}
    other = texts("feature.other", name="")
    assert [name for name, told in names.items() if told.startswith(other)] == []


def test_an_empty_album_ties_nothing():
    assert "앨범" not in sentence_of(ranked(), [bare("s")], KO)


def test_bars_are_shares_of_the_strongest_with_their_sign():
    bars = bars_of(ranked(contributions=[("artist_share", 2.0), ("energy_gap", -0.5)]), EN)
    assert [(b["name"], b["share"], b["sign"]) for b in bars] == [
        ("Same artist", 1.0, "up"),
        ("Energy", 0.25, "down"),
    ]


def test_features_of_one_name_are_one_bar():
    shares = [("track_by_ridge", 1.0), ("artist_share", 0.5), ("album_by_artist", 0.5)]
    bars = bars_of(ranked(contributions=shares), EN)
    assert [(b["name"], b["text"]) for b in bars] == [
        ("In playlists like yours", "+1.50"),
        ("Same artist", "+0.50"),
    ]


def test_a_feature_of_a_newer_model_is_named_as_it_is():
    bars = bars_of(ranked(contributions=[("brand_new_thing", 1.0)]), EN)
    assert bars[0]["name"] == "Other: brand new thing"


def test_without_a_booster_bars_show_what_is_alike():
    bars = bars_of(ranked(energy=0.9), EN)
    assert bars[0] == {"name": "Energy", "share": 1.0, "sign": "up", "text": "+0.40"}


def test_what_was_refused_is_gone_at_once():
    one, two, three = ranked("t1"), ranked("t2"), ranked("t3")
    left = visible(answer(one, two, three), Preferences(skipped=("t1",), muted=("a-t2",)))
    assert left == [three]


def test_cards_of_tracks_that_search_did_not_know_show_their_id():
    item = with_track(ranked("t9"), title="")
    card = cards_data(answer(item), Preferences(), (), "", EN, stale=False)["tracks"][0]
    assert card["title"] == "t9"
    assert card["cover"].startswith("data:image/svg+xml")


@pytest.mark.parametrize(
    ("milliseconds", "shown"), [(0, ""), (59_999, "1:00"), (201_000, "3:21"), (3_600_000, "60:00")]
)
def test_lengths_are_minutes_and_seconds(milliseconds, shown):
    assert duration(milliseconds) == shown


@given(
    st.fixed_dictionaries(
        {
            "energy": st.floats(0, 1), "valence": st.floats(0, 1), "danceability": st.floats(0, 1),
            "acousticness": st.floats(0, 1), "instrumentalness": st.floats(0, 1),
            "tempo": st.floats(0, 1000), "key": st.floats(-1, 11),
        }
    )
)  # fmt: skip
def test_every_cover_is_a_small_picture_and_the_same_sound_gives_the_same(features):
    cover = cover_of(features)
    svg = base64.b64decode(cover.partition(",")[2])
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert len(svg) < 8_000
    assert cover == cover_of(dict(features))


def test_different_sounds_give_different_covers():
    calm = {"energy": 0.1, "acousticness": 0.9}
    assert len({cover_of(calm), cover_of({"energy": 0.9}), cover_of({}), cover_of(None)}) == 3


def test_the_radar_shows_profile_track_and_list():
    tracks = [ranked(energy=0.9), ranked("t2", energy=0.1)]
    assert mean_of(tracks)["energy"] == pytest.approx(0.5)
    assert profile_of(answer(*tracks))["tempo"] == 120.0
    figure = radar_figure({"a": MEANS, "b": mean_of(tracks)}, KO)
    assert [trace.name for trace in figure.data] == ["a", "b"]
    assert "에너지" in figure.data[0].theta


def exported():
    item = with_track(ranked(), title='=cmd "x",\ny', album="Album", isrc="GBUM71029604")
    return [item, ranked("t2")]


def test_m3u8_has_one_address_a_track_and_no_broken_line():
    lines = m3u8_of("My\nlist", exported()).decode().splitlines()
    assert lines[:2] == ["#EXTM3U", "#PLAYLIST:My list"]
    assert sum(not line.startswith("#") for line in lines) == 2
    assert lines[2].startswith("#EXTINF:201,Artist t1 - =cmd")


def test_csv_is_read_back_and_runs_no_formula():
    rows = list(csv.DictReader(io.StringIO(csv_of(exported()).decode("utf-8-sig"))))
    assert rows[0]["title"] == '\'=cmd "x",\ny'
    assert rows[1]["track_id"] == "t2"
    assert rows[1]["why"] == "Said by the ranker."


def test_jspf_carries_titles_and_isrcs():
    playlist = json.loads(jspf_of("Quintet", exported()))["playlist"]
    assert playlist["track"][0]["identifier"] == ["isrc:GBUM71029604"]
    assert [entry["title"] for entry in playlist["track"]] == ['=cmd "x",\ny', "Title t2"]
