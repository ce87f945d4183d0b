"""Why a track is recommended, in both languages, from its facts; covers and files."""

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
from quintet_engine.recipes import RECIPES
from quintet_ui.cards import bare, cards_data, visible
from quintet_ui.covers import cover_of, initials_of
from quintet_ui.feature_names import feature_name
from quintet_ui.mood import with_mood
from quintet_ui.motifs import motif_of
from quintet_ui.playlist_files import csv_of, file_name, jspf_of, lines_of, m3u8_of
from quintet_ui.preferences import Preferences
from quintet_ui.presets import PRESETS, TEMPI, preset_of, tempo_of, with_preset, with_tempo
from quintet_ui.qr import qr_code
from quintet_ui.radar import mean_of, profile_of, radar_data
from quintet_ui.reasons import bars_of, chips_of, sentence_of
from quintet_ui.tracks import duration
from quintet_ui.translations import translations_for
from quintet_ui.why import why_data

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


def fact(kind, reference, **values):
    empty = {"attribute": "", "relation": "", "value": 0.0, "other_value": 0.0, "name": ""}
    return {"kind": kind, "reference": reference, "weight": 0.5, **empty, **values}


def ranked(
    track_id="t1",
    *,
    similarity=0.9,
    contributions=(),
    facts=(),
    sentence="Said by the ranker.",
    **values,
):
    track = changed(
        bare(track_id),
        title=f"Title {track_id}",
        artists=[{"id": f"a-{track_id}", "name": f"Artist {track_id}"}],
        duration_ms=201_000,
    )
    reasons = {
        "sentence": sentence,
        "facts": list(facts),
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


def test_the_page_words_the_facts_in_both_languages():
    reference = {"seed": 0, "kind": "track", "id": "s", "name": "Seed", "artist": "Queen"}
    facts = [
        fact("same_artist", reference, name="Queen"),
        fact("attribute", reference, attribute="energy", relation="more"),
        fact("target", None, attribute="valence", value=0.7, other_value=0.8),
    ]
    item = ranked(facts=facts)
    english = (
        "By Queen, whose “Seed” you picked; more energetic; happiness 70% (you asked for 80%)."
    )
    assert sentence_of(item, EN) == english
    korean = "고르신 “Seed”와 같은 Queen의 곡, 더 힘참, 밝은 정도는 70% (요청하신 값 80%)."
    assert sentence_of(item, KO) == korean


@pytest.mark.parametrize("changed_to", [{"kind": "lunar"}, {"relation": "opposite"}])
def test_a_fact_of_a_newer_gateway_leaves_its_sentence(changed_to):
    item = ranked(facts=[{**fact("target", None, attribute="energy"), **changed_to}])
    assert sentence_of(item, KO) == "Said by the ranker."


def test_a_track_without_reasons_has_no_sentence():
    assert sentence_of(ranked().model_copy(update={"reasons": None}), EN) == ""


@pytest.mark.parametrize("kind", sorted(RECIPES))
@pytest.mark.parametrize("texts", [EN, KO], ids=["en", "ko"])
def test_every_feature_of_every_kind_of_model_has_a_name(kind, texts):
    names = {name: feature_name(name, texts) for name in RECIPES[kind].names}
    other = texts("feature.other", name="")
    assert [name for name, told in names.items() if told.startswith(other)] == []


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
    assert card["drawn"].startswith("data:image/svg+xml")
    # The browser shows it if there is no other.
    assert card["cover"] == ""


@pytest.mark.parametrize(
    ("milliseconds", "shown"), [(0, ""), (59_999, "1:00"), (201_000, "3:21"), (3_600_000, "60:00")]
)
def test_lengths_are_minutes_and_seconds(milliseconds, shown):
    assert duration(milliseconds) == shown


@given(
    st.fixed_dictionaries(
        {name: st.floats(-1, 2) for name in ("energy", "valence", "acousticness")}
    ),
    st.lists(st.text(max_size=20), max_size=2),
    st.text(max_size=60),
)
def test_every_cover_is_a_small_picture_and_the_same_song_gives_the_same(features, genres, title):
    cover = cover_of(features, genres, title)
    svg = base64.b64decode(cover.partition(",")[2])
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert len(svg) < 8_000
    assert cover == cover_of(dict(features), list(genres), title)


def test_covers_differ_by_mood_genre_and_initials():
    calm, loud = {"energy": 0.1, "acousticness": 0.9}, {"energy": 0.9}
    assert len({cover_of(calm), cover_of(loud), cover_of({}), cover_of(None)}) == 3
    genres = ["rock", "k-pop", "jazz", "classical", "hip-hop", "techno", "folk", "metal", "latin"]
    assert len({motif_of([genre]) for genre in genres}) > 4
    # A catalogue may write one genre in two ways.
    assert motif_of(["Hip-Hop"]) is motif_of(["hip hop", "rock"])
    assert [initials_of(t) for t in ("Back In Black", "“Heroes”", "봄날", "", "(...)")] == [
        "BI", "H", "봄", "", "",
    ]  # fmt: skip


def test_the_radar_shows_profile_track_and_list():
    tracks = [ranked(energy=0.9), ranked("t2", energy=0.1)]
    assert mean_of(tracks)["energy"] == pytest.approx(0.5)
    assert profile_of(answer(*tracks))["tempo"] == 120.0
    shown = radar_data({"a": MEANS, "b": {"energy": 0.5}}, KO)
    assert shown["axes"][0] == "에너지"
    first, second = shown["shapes"]
    assert (first["title"], second["title"]) == ("a", "b")
    assert first["points"][0] == second["points"][0] == {"share": 0.5, "text": "0.50"}
    assert {point["share"] for point in second["points"][1:]} == {None}
    assert all(0 <= point["share"] <= 1 for point in first["points"])


def exported():
    item = with_track(ranked(), title='=cmd "x",\ny', album="Album", isrc="GBUM71029604")
    return [item, ranked("t2")]


def test_m3u8_has_the_songs_with_a_file_and_no_broken_line():
    lines = m3u8_of("My\nlist", exported(), {"t1": "/music/a.flac"}).decode().splitlines()
    assert lines[:2] == ["#EXTM3U", "#PLAYLIST:My list"]
    assert [line for line in lines if not line.startswith("#")] == ["/music/a.flac"]
    assert lines[2].startswith("#EXTINF:201,Artist t1 - =cmd")


@given(st.text(max_size=200))
def test_a_file_has_a_name_that_every_file_system_takes(title):
    name = file_name(title, "csv")
    assert name.endswith(".csv")
    assert 5 <= len(name) <= 84
    assert not set(name) & set('<>:"/\\|?*\n\r\0')
    assert not name.startswith((".", " "))


def test_csv_is_read_back_and_runs_no_formula():
    rows = list(csv.DictReader(io.StringIO(csv_of(exported(), KO).decode("utf-8-sig"))))
    assert rows[0]["title"] == '\'=cmd "x",\ny'
    assert rows[1]["track_id"] == "t2"
    # Services that transfer playlists look for these two columns.
    assert (rows[1]["artist"], rows[1]["title"]) == ("Artist t2", "Title t2")
    assert rows[1]["why"] == sentence_of(exported()[1], KO)


def test_jspf_carries_titles_and_isrcs():
    playlist = json.loads(jspf_of("Quintet", exported(), KO))["playlist"]
    assert playlist["track"][0]["identifier"] == ["isrc:GBUM71029604"]
    assert [entry["title"] for entry in playlist["track"]] == ['=cmd "x",\ny', "Title t2"]


REFERENCE = {"seed": 0, "kind": "track", "id": "s", "name": "Seed", "artist": "Queen"}


@pytest.mark.parametrize(
    ("stated", "english", "korean"),
    [
        (fact("attribute", REFERENCE, attribute="energy", relation="alike_high"),
         "Energy like Seed", "에너지: Seed와 비슷함"),
        (fact("attribute", REFERENCE, attribute="energy", relation="less"),
         "Energy: less than Seed", "에너지: Seed보다 낮음"),
        (fact("tempo", REFERENCE, relation="double"),
         "Double the tempo of Seed", "Seed의 두 배 템포"),
        (fact("close_in_sound", REFERENCE, value=0.4),
         "Nearest in sound: Seed", "소리가 가장 가까운 곡: Seed"),
        (fact("close_in_sound", REFERENCE, value=0.6), "Sounds like Seed", "Seed와 비슷한 소리"),
        (fact("shared_genre", REFERENCE, name="hip-hop"), "More hip-hop", "같은 장르: 힙합"),
        (fact("target", None, attribute="energy", value=0.77, other_value=0.8),
         "Energy 77 %", "에너지 77%"),
    ],
)  # fmt: skip
def test_a_chip_says_what_its_fact_says(stated, english, korean):
    item = ranked(facts=[stated])
    shown = [chips_of([item], texts)[item.track.id] for texts in (EN, KO)]
    assert shown == [english, korean]


@pytest.mark.parametrize(
    ("kind", "title", "shown"),
    [
        ("track", "Hotel California - 2013 Remaster", "Hotel California"),
        ("member", "Hotel California - 2013 Remaster", "Hotel California"),
        # Another recording is another song.
        ("track", "Hotel California - Live at The Forum", "Hotel California - Live at The Forum"),
        ("artist", "Echo - 2013 Remaster", "Echo - 2013 Remaster"),
        ("track", "Live and Let Die", "Live and Let Die"),
    ],
)
def test_a_chip_names_a_song_without_its_edition(kind, title, shown):
    close = fact("close_in_sound", {**REFERENCE, "kind": kind, "name": title}, value=0.6)
    assert chips_of([ranked("a", facts=[close])], EN)["a"] == f"Sounds like {shown}"


def test_a_chip_tells_rows_apart_where_a_fact_does():
    genre = fact("shared_genre", REFERENCE, name="rock")
    louder = fact("attribute", REFERENCE, attribute="loudness", relation="more")
    drive = fact("attribute", REFERENCE, attribute="energy", relation="alike_high")
    rows = [
        ranked("a", facts=[genre, louder, drive]),
        *(ranked(f"b{n}", facts=[genre]) for n in range(7)),
        ranked("c"),
    ]
    chips = chips_of(rows, EN)
    assert chips["a"] == "Energy like Seed"
    assert {chips[f"b{n}"] for n in range(7)} == {"More rock"}
    assert chips["c"] == ""


def test_an_opened_row_states_each_fact_and_how_alike_and_fitting_the_song_is():
    seed = changed(bare("s"), artists=[{"id": "a-t1", "name": "Artist t1"}], genres=["rock"])
    other = changed(bare("o"), artists=[{"id": "x", "name": "X"}], genres=["pop"])
    facts = [
        fact("same_artist", REFERENCE, name="Queen"),
        fact(
            "attribute", REFERENCE, attribute="energy", relation="more", value=0.9, other_value=0.5
        ),
    ]
    item = with_track(ranked(facts=facts, similarity=0.62, energy=0.9), genres=["jazz"])
    wishes = Preferences(targets={"energy": 0.8}, minimum={"tempo": 100.0})
    shown = why_data(item, answer(item, seeds=(seed, other)), wishes, EN)
    assert shown["facts"] == [
        "By Artist t1, like “Seed”.",
        "Energy 90%, more than “Seed” with 50%.",
    ]
    assert [(each["name"], each["text"], each["share"]) for each in shown["likeness"]] == [
        ("Artist", "songs of yours by the same artist: 1 of 2", 0.5),
        ("Genre", "no genre of your songs", 0),
        ("Sound", "close to your songs (0.62 of 1)", 0.62),
    ]
    assert shown["fit"] == {
        "name": "Fits “Your tuning”",
        "lines": ["Energy 90 %, aim 80 %", "Tempo 120 BPM, at least 100 BPM"],
        "share": 0.9,
    }
    # What is not known has no bar, and without a tuning there is nothing to fit.
    unknown = ranked().model_copy(update={"similarity": None, "reasons": None})
    shown = why_data(unknown, answer(unknown), Preferences(), EN)
    assert shown == {"facts": [], "likeness": [], "fit": None, "bars": []}


@given(st.sampled_from(sorted(PRESETS)), st.sampled_from(sorted(TEMPI)))
def test_presets_and_tempi_are_recognised_and_removed(preset, tempo):
    tuned = with_preset(Preferences(variants=True), preset)
    assert preset_of(tuned) == preset
    assert tempo_of(with_tempo(tuned, tempo)) == tempo
    assert tempo_of(with_tempo(tuned, "")) == ""
    assert with_preset(tuned, "") == Preferences(variants=True)
    assert preset_of(Preferences()) == ""


@given(st.one_of(st.none(), st.dictionaries(st.sampled_from(["energy", "valence"]),
                                            st.one_of(st.floats(), st.text()))))  # fmt: skip
def test_a_mood_is_two_shares_or_none(mood):
    before = Preferences(targets={"energy": 0.2, "tempo": 120.0})
    targets = with_mood(before, mood).targets
    assert targets["tempo"] == 120
    assert set(targets) - {"tempo"} in (set(), {"energy", "valence"})
    assert all(0 <= targets[name] <= 1 for name in set(targets) - {"tempo"})


def test_text_lines_and_a_code_of_a_link():
    assert lines_of([ranked("t1"), ranked("t2")]).splitlines() == [
        "Artist t1 \u2013 Title t1",
        "Artist t2 \u2013 Title t2",
    ]
    code = qr_code("http://127.0.0.1:8501/?seat=1~a")
    assert code is not None
    assert ElementTree.fromstring(code).tag.endswith("svg")
    assert qr_code("x" * 5000) is None


def test_jspf_has_the_recordings_that_are_known():
    recording = "0a1b2c3d-0000-4000-8000-000000000001"
    tracks = [ranked("t1"), ranked("t2")]
    entries = json.loads(jspf_of("x", tracks, EN, {"t1": recording}))["playlist"]["track"]
    assert entries[0]["identifier"] == [f"https://musicbrainz.org/recording/{recording}"]
    assert "identifier" not in entries[1]
