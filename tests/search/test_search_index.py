"""The real index on disk: what is found, in which order, and what a damaged folder does."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from quintet_modelkit.identity import artist_id
from quintet_search.adapters.catalogue import IndexedCatalogue
from quintet_search.domain.query import parse


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory, publish_catalogue):
    home = tmp_path_factory.mktemp("home")
    return IndexedCatalogue.load(home, publish_catalogue(home))


def ids(catalogue, text, size=20, offset=0):
    return [track.id for track, _ in catalogue.search_tracks(parse(text), offset, size).items]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("beyonce", "t01"),
        ("beyonse", "t01"),
        ("bey", "t01"),
        ("bohemain rapsody", "t02"),
        ("thnderstrk", "t11"),
        ("queen bohemian", "t02"),
        ("bohemian rhapsody queen", "t02"),
        ("dont stop me now", "t03"),
        ("don't stop me now", "t03"),
        ("hotl califor", "t04"),
        ("hotel california", "t04"),
        ("방탄", "t05"),
        ("소년", "t05"),
        ("방타", "t05"),
        ("봄", "t05"),
        ("motorhead", "t06"),
        ("sigur ros", "t07"),
        ("hoppipolla", "t07"),
        ("駆ける", "t08"),
        ("yoasobi 夜に", "t08"),
        ("acdc", "t11"),
        ("ac/dc thunder", "t11"),
        ("hot space", "t12"),
        ("bowie queen", "t12"),
    ],
)
def test_the_track_meant_comes_first(catalogue, typed, expected):
    assert ids(catalogue, typed)[0] == expected


def test_a_whole_title_or_artist_is_before_a_beginning_whatever_the_popularity(catalogue):
    assert ids(catalogue, "hello")[:3] == ["t09", "t13", "t10"]


def test_what_matches_equally_is_ordered_by_popularity_then_id(catalogue):
    assert ids(catalogue, "queen") == ["t02", "t03", "t12"]
    assert ids(catalogue, "same") == ["t14", "t15"]


def test_an_exact_match_is_before_one_with_a_typo(catalogue):
    # Both are one letter from each other, and "Hello Kitty" is the more popular.
    assert ids(catalogue, "halo")[0] == "t01"
    assert set(ids(catalogue, "helo")) >= {"t01", "t09", "t10"}


def test_nothing_asked_lists_the_most_popular(catalogue):
    assert ids(catalogue, "", 3) == ["t10", "t02", "t11"]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("genre:metal", ["t06"]),
        ("genre:k-pop", ["t05"]),
        ("artist:queen", ["t02", "t03", "t12"]),
        ('artist:"queen" pressure', ["t12"]),
        ('artist:"que"', []),
        ("artist:que", ["t02", "t03", "t12"]),
        ("album:opera", ["t02"]),
        ("track:hello", ["t10", "t09"]),
        ("year:1975", ["t02"]),
        ("year:1975-1979 genre:rock", ["t02", "t03", "t04"]),
        ("isrc:gb-um7-10-29604", ["t02"]),
        ("genre:polka", []),
    ],
)
def test_field_filters(catalogue, typed, expected):
    assert ids(catalogue, typed) == expected


def test_pages_join_to_the_whole_list(catalogue):
    for text in ("", "hello", "que", "artist:quene"):
        everything = ids(catalogue, text, 50)
        pages = [ids(catalogue, text, 2, offset) for offset in range(0, len(everything) + 2, 2)]
        assert [name for page in pages for name in page] == everything


SIGNS = st.text(alphabet="+-\"'*?~^:()[]{}\\/|&!<>=.,#@$% \x00ab여é", max_size=60)


@settings(max_examples=150, deadline=None)
@given(st.one_of(SIGNS, st.text(max_size=256)))
@example('title:"')
@example("a AND (OR NOT")
@example("[a TO b} artist:[* year:[1 TO 2]")
@example("\\\\ .* ^$ (?i)")
def test_no_text_makes_the_search_fail(catalogue, text):
    found = catalogue.search_tracks(parse(text), 0, 20)
    assert len(found.items) <= min(20, found.total)
    assert found == catalogue.search_tracks(parse(text), 0, 20)
    catalogue.search_artists(parse(text), 0, 20)


def test_scores_fall_along_the_list(catalogue):
    scores = [score for _, score in catalogue.search_tracks(parse("hello"), 0, 20).items]
    assert scores == sorted(scores, reverse=True)


def test_artists_are_put_together_from_their_tracks(catalogue):
    queen = catalogue.artists([artist_id("Queen")])[0]
    assert (queen.name, queen.popularity, queen.track_count) == ("Queen", 88, 3)
    assert queen.genres == ("rock", "pop")
    assert catalogue.artists(["nobody"]) == [None]
    found = catalogue.search_artists(parse("beyonse"), 0, 5).items
    assert [artist.name for artist, _ in found] == ["Beyoncé"]
    rock = catalogue.search_artists(parse("genre:rock"), 0, 5).items
    assert [artist.name for artist, _ in rock][:2] == ["Queen", "AC/DC"]


def test_genres_are_counted_by_name(catalogue):
    counts = {genre.name: genre.track_count for genre in catalogue.genres()}
    assert list(counts) == sorted(counts)
    assert (counts["rock"], counts["pop"]) == (6, 4)


def test_an_index_is_built_once_and_then_opened(home):
    version = (home / "catalogue" / "current").read_text().strip()
    IndexedCatalogue.load(home, version)
    meta = home / "search" / version / "tracks" / "meta.json"
    written = meta.stat().st_mtime_ns
    IndexedCatalogue.load(home, version)
    assert meta.stat().st_mtime_ns == written
    assert [path.name for path in (home / "search").iterdir()] == [version]


@pytest.mark.parametrize("damage", ["truncate", "missing", "manifest", "empty"])
def test_a_damaged_index_is_built_again(home, damage):
    version = (home / "catalogue" / "current").read_text().strip()
    IndexedCatalogue.load(home, version)
    folder = home / "search" / version
    segment = next(folder.glob("tracks/*.term"))
    if damage == "truncate":
        segment.write_bytes(segment.read_bytes()[:10])
    elif damage == "missing":
        segment.unlink()
    elif damage == "manifest":
        (folder / "manifest.json").write_text("{")
    else:
        shutil.rmtree(folder)
        folder.mkdir()
    assert ids(IndexedCatalogue.load(home, version), "beyonce") == ["t01"]


def test_two_may_build_at_once(home):
    version = (home / "catalogue" / "current").read_text().strip()
    with ThreadPoolExecutor(3) as pool:
        loaded = list(pool.map(lambda _: IndexedCatalogue.load(home, version), range(3)))
    assert [ids(one, "beyonce") for one in loaded] == [["t01"]] * 3
    assert [path.name for path in (home / "search").iterdir()] == [version]


def test_only_the_newest_two_indexes_are_kept(home, made_tracks, publish_catalogue):
    versions = []
    for count in (3, 4, 5):
        versions.append(publish_catalogue(home, made_tracks[:count]))
        IndexedCatalogue.load(home, versions[-1])
        os.utime(home / "search" / versions[-1], (count, count))
    kept = {path.name for path in (home / "search").iterdir()}
    assert kept == set(versions[1:])
