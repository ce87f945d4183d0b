"""Playlist entries match by every usual spelling of a name, and never match another work."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_store import open_engine, reading
from quintet_text.normal_form import normalise
from quintet_training import datasets
from quintet_training.datasets.entries import Entry
from quintet_training.datasets.matching import Match, Names, is_misspelling, match_entries
from quintet_training.settings import TrainingSettings

TRACKS = {
    "signs": ("!!!", "Must Be the Moon"),
    "signs-hello": ("!!!", "Hello"),
    "adele": ("Adele", "Hello"),
    "dash": ("-M-", "Mojo"),
    "mo": ("MØ", "Final Song"),
    "tarkan": ("Tarkan", "\u015e\u0131mar\u0131k"),
    "sigur": ("Sigur Rós", "Ágætis byrjun"),
    "dod": ("Dødheimsgard", "Dødheimsgard"),
    "arabic": ("محمد عبده", "الأماكن"),
    "kana": ("サカナクション", "ユリイカ"),
    "ewf": ("Earth, Wind & Fire", "September"),
    "ewf-guest": ("Earth, Wind & Fire;The Emotions", "Boogie Wonderland"),
    "earth": ("Earth", "Another Song"),
    "tyler": ("Tyler, The Creator;Kali Uchis", "See You Again"),
    "asap": ("A$AP Rocky;Skepta", "Praise The Lord (Da Shine) (feat. Skepta)"),
    "lucky": ("Daft Punk;Pharrell Williams", "Get Lucky (feat. Pharrell Williams & Nile Rodgers)"),
    "shine-1": ("Pink Floyd", "Shine On You Crazy Diamond, Pts. I-V"),
    "shine-2": ("Pink Floyd", "Shine On You Crazy Diamond, Pts. VI-IX"),
    "brick-1": ("Pink Floyd", "Another Brick in the Wall, Pt. 1"),
    "opus-1": ("Small Duo", "Sonata Opus Ninety-Nine: Part I"),
    "opus-3": ("Small Duo", "Sonata Opus Ninety-Nine: Part III"),
    "fugue": ("Small Duo", "Prelude and Fugue in C Major"),
    "spring": ("Small Duo", "Sonata for Piano and Violin in Spring"),
    "allegro": ("Small Orchestra", "Symphony No. 9 in D minor: I. Allegro"),
    "kesha": ("Ke$ha", "TiK ToK"),
    "roses": ("Guns N' Roses", "November Rain"),
}


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Names:
    settings = TrainingSettings(home=tmp_path_factory.mktemp("matching"))
    features = dict.fromkeys(("danceability", "energy", "valence", "speechiness"), 0.5) | {
        **dict.fromkeys(("acousticness", "instrumentalness", "liveness"), 0.1),
        **{"duration_ms": 200000.0, "key": 1.0, "loudness": -7.0, "mode": 1.0, "tempo": 120.0},
    }
    rows = [
        {"track_id": track_id, "title": title, "artists": artists, **features}
        for track_id, (artists, title) in TRACKS.items()
    ]
    path = settings.home / "tracks.parquet"
    pl.DataFrame(rows).write_parquet(path)
    datasets.import_catalogue(settings, datasets.preview(path))
    engine = open_engine(settings.database_url)
    names = Names()
    with reading(engine) as connection:
        names.load(connection)
    engine.dispose()
    return names


@pytest.mark.parametrize(
    ("artist", "title", "track_id"),
    [
        ("!!!", "Must Be the Moon", "signs"),
        ("\uff01\uff01\uff01", "must be the moon", "signs"),
        ("-M-", "Mojo", "dash"),
        ("ADÉLE", "Hello", "adele"),
        ("MO", "Final Song", "mo"),
        ("Tarkan", "Simarik", "tarkan"),
        ("Sigur Ros", "Agaetis byrjun", "sigur"),
        ("Dodheimsgard", "Dodheimsgard", "dod"),
        ("محمد عبده", "الاماكن", "arabic"),
        ("さかなくしょん", "ﾕﾘｲｶ", "kana"),
        ("Earth Wind and Fire", "September", "ewf"),
        ("Earth, Wind and Fire", "September", "ewf"),
        ("Earth, Wind & Fire feat. Someone", "September", "ewf"),
        ("Earth, Wind & Fire, The Emotions", "Boogie Wonderland", "ewf-guest"),
        ("Tyler, The Creator, Kali Uchis", "See You Again", "tyler"),
        (r"Tyler\, The Creator, Kali Uchis", "See You Again", "tyler"),
        ("ASAP Rocky", "Praise The Lord (Da Shine)", "asap"),
        ("Daft Punk", "Get Lucky", "lucky"),
        ("Daft Punk", "Get Lucky feat. Pharrell Williams and Nile Rodgers", "lucky"),
        ("Daft Punk", "Get Lucky (ft Pharrell Williams)", "lucky"),
        ("Pink Floyd", "Shine On You Crazy Diamond (Parts I-V)", "shine-1"),
        ("Pink Floyd", "Shine On You Crazy Diamond (Parts VI-IX)", "shine-2"),
        ("Pink Floyd", "Shine On You Crazy Diamond (Parts 6-9)", "shine-2"),
        ("Pink Floyd", "Another Brick in the Wall, Part I", "brick-1"),
        ("Small Duo", "Sonata Opus Ninety-Nine: Pt. 3", "opus-3"),
        ("Kesha", "Tik Tok", "kesha"),
        ("Guns and Roses", "November Rain", "roses"),
    ],
)
def test_every_usual_spelling_is_the_name(
    names: Names, artist: str, title: str, track_id: str
) -> None:
    assert names.find(artist, title) == (track_id, Match.NAME)


@pytest.mark.parametrize(
    ("artist", "title", "track_id"),
    [
        ("Small Duo", "Prelude und Fuge in C Major", "fugue"),
        ("Small Duo", "Sonata for Pianoforte and Violin in Spring", None),
        ("Tarkan", "The Simarik", None),  # too short to be nearly the same
        ("Pink Floyed", "Another Brick in a Wall, Pt. 1", "brick-1"),
        ("Small Duo", "Preludes and Fugue in C Major", "fugue"),
    ],
)
def test_a_misspelt_word_is_a_near_match(
    names: Names, artist: str, title: str, track_id: str | None
) -> None:
    expected = (track_id, Match.FUZZY) if track_id else ("", Match.NONE)
    assert names.find(artist, title) == expected


@pytest.mark.parametrize(
    ("artist", "title"),
    [
        ("Small Duo", "Sonata Opus Ninety-Nine: Part II"),
        ("Small Duo", "Sonata Opus Ninety-Eight: Part I"),
        ("Small Duo", "Prelude and Fugue in C Minor"),
        ("Small Duo", "Prelude and Fugue in C Sharp Major"),
        ("Small Duo", "Prelude and Fugue in D Major"),
        ("Small Duo", "Sonata for Piano and Violin in Winter"),
        ("Pink Floyd", "Another Brick in the Wall, Pt. 2"),
        ("Pink Floyd", "Shine On You Crazy Diamond, Pts. I-IV"),
        ("Small Orchestra", "Symphony No. 9 in D minor: V. Allegro"),
        ("Small Orchestra", "Symphony No. 8 in D minor: I. Allegro"),
        ("???", "Must Be the Moon"),
        ("Earth", "September"),
    ],
)
def test_another_work_stays_unmatched(names: Names, artist: str, title: str) -> None:
    assert names.find(artist, title) == ("", Match.NONE)


@given(st.text(max_size=40))
def test_a_name_is_no_misspelling_of_another_work_and_always_one_of_itself(text: str) -> None:
    form = normalise(text)
    assert is_misspelling(form, form)
    assert not is_misspelling(f"{form} part 2", f"{form} part 3")


@given(st.text(max_size=30), st.text(max_size=30))
def test_misspelling_is_the_same_from_both_sides(one: str, other: str) -> None:
    first, second = normalise(one), normalise(other)
    assert is_misspelling(first, second) == is_misspelling(second, first)


def test_an_entry_matches_by_any_id_before_its_name(tmp_path) -> None:
    uuid, code = "0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f", "USRC17607839"
    settings = TrainingSettings(home=tmp_path)
    path = tmp_path / "tracks.csv"
    header = "title,artist,duration,isrc,recording_mbid,spotify_id,track_id"
    lines = (f"One,A,3:00,{code},,,one", f"Two,A,3:00,,{uuid},,two", "Name,B,3:00,,,,three")
    path.write_text("\n".join((header, *lines)), encoding="utf-8")
    datasets.import_catalogue(settings, datasets.preview(path))
    address = f"https://musicbrainz.org/recording/{uuid}"
    entries = [
        Entry(1, "p", "p", 0, isrc=code, artist="B", title="Name"),
        Entry(2, "p", "p", 1, track_id=address, artist="B", title="Name"),
        Entry(3, "p", "p", 2, track_id=f"isrc:{code.lower()}"),
        Entry(4, "p", "p", 3, track_id="unknown", artist="B", title="Name"),
        Entry(5, "p", "p", 4, artist="B", title="Name", musicbrainz_recording=uuid),
    ]
    engine = open_engine(settings.database_url)
    with reading(engine) as connection:
        found = match_entries(connection, Names(), entries)
    engine.dispose()
    assert found == [
        ("one", Match.ISRC),
        ("two", Match.ID),
        ("one", Match.ISRC),
        ("three", Match.NAME),
        ("two", Match.ID),
    ]
