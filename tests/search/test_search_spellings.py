"""Search finds names as people type them, in every script, and tracks by a pasted link."""

import pytest
from quintet.search.v1 import search_pb2, search_pb2_grpc
from quintet_modelkit.publication import read_manifest, write_manifest
from quintet_search.adapters.catalogue import IndexedCatalogue
from quintet_search.domain.query import parse

ID = "4uLU6hMCjMI75M1A2tKUQC"
NAMES = {
    "mo": ("Final Song", "MØ"),
    "tarkan": ("\u015e\u0131mar\u0131k", "Tarkan"),
    "sigur": ("Ágætis byrjun", "Sigur Rós"),
    "laki": ("Oberek", "Łąki Łan"),
    "thor": ("Þórr", "Guðrún"),
    "strasse": ("Straße", "Cœur"),
    "arabic": ("سَمَاء", "أحمد"),
    "hebrew": ("שָׁלוֹם", "זמר"),
    "hindi": ("आज़ाद", "क़लम"),
    "kana": ("サクラ", "ユリイカ"),
    "han": ("愛國", "櫻井"),
    "ewf": ("September", "Earth, Wind & Fire"),
    "shay": ("Speechless", "Dan + Shay"),
    "und": ("Katja und Klaus", "Duo"),
    "roses": ("November Rain", "Guns N' Roses"),
    "ytu": ("Y Tu Mamá", "Grupo"),
    "signs": ("Must Be the Moon", "!!!"),
    "divide": ("÷", "Ed"),
    "asap": ("Praise", "A$AP Rocky"),
    "kesha": ("Tok", "Ke$ha"),
    "suicide": ("Boys", "$uicideboy$"),
    "pink": ("Sober", "P!nk"),
    "fancy": ("𝓛𝓸𝓿𝓮", "ﬁne"),
    "hidden": ("Mo\u00adtor\u200bhead", "X"),
    "digits": ("١٩٨٤", "Y"),
    ID: ("Pasted", "Somebody"),
}


@pytest.fixture
def home(tmp_path, publish_catalogue):
    publish(tmp_path, publish_catalogue)
    return tmp_path


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory, publish_catalogue):
    folder = tmp_path_factory.mktemp("spellings")
    return IndexedCatalogue.load(folder, publish(folder, publish_catalogue))


def publish(home, publish_catalogue):
    tracks = [(i, title, [name], "", "", ["r&b"], 50) for i, (title, name) in NAMES.items()]
    return publish_catalogue(home, tracks)


@pytest.mark.parametrize(
    ("typed", "track_id"),
    [
        ("mo final song", "mo"),
        ("simarik", "tarkan"),
        ("agaetis byrjun", "sigur"),
        ("laki lan", "laki"),
        ("thorr gudrun", "thor"),
        ("strasse", "strasse"),
        ("STRASSE coeur", "strasse"),
        ("سماء", "arabic"),
        ("احمد", "arabic"),
        ("أَحْمَد", "arabic"),
        ("שלום", "hebrew"),
        ("आजाद", "hindi"),
        ("कलम", "hindi"),
        ("さくら", "kana"),
        ("ｻｸﾗ", "kana"),
        ("爱国", "han"),
        ("桜井", "han"),
        ("earth wind and fire", "ewf"),
        ("earth wind & fire", "ewf"),
        ("earth, wind + fire september", "ewf"),
        ("earth wind an", "ewf"),
        ("dan and shay", "shay"),
        ("dan & shay", "shay"),
        ("dan y shay", "shay"),
        ("katja & klaus", "und"),
        ("katja und", "und"),
        ("guns and roses", "roses"),
        ("guns n roses", "roses"),
        ("y tu mama", "ytu"),
        ("grupo y tu mama", "ytu"),
        ("grupo and tu", "ytu"),
        ("!!!", "signs"),
        ("\uff01\uff01\uff01", "signs"),
        ("÷", "divide"),
        ("asap rocky", "asap"),
        ("a$ap", "asap"),
        ("kesha", "kesha"),
        ("suicideboys", "suicide"),
        ("$uicideboy$", "suicide"),
        ("pink sober", "pink"),
        ("p!nk", "pink"),
        ("love fine", "fancy"),
        ("motorhead", "hidden"),
        ("1984", "digits"),
    ],
)
def test_a_name_is_found_as_people_type_it(catalogue, typed, track_id):
    found = catalogue.search_tracks(parse(typed), 0, 20).items
    assert [track.id for track, _ in found][:1] == [track_id]


@pytest.mark.parametrize("typed", ["Dan + Shay", "dan and shay", "DAN & SHAY", "dan et shay"])
def test_an_artist_is_found_by_every_spelling_of_and(catalogue, typed):
    found = catalogue.search_artists(parse(typed), 0, 20).items
    assert [artist.name for artist, _ in found] == ["Dan + Shay"]


@pytest.mark.parametrize("genre", ["r&b", '"R & B"', '"r and b"'])
def test_a_genre_is_filtered_by_every_spelling(catalogue, genre):
    assert catalogue.search_tracks(parse(f"genre:{genre}"), 0, 20).total == len(NAMES)


@pytest.mark.parametrize(
    "pasted",
    [
        ID,
        f"spotify:track:{ID}",
        f" https://open.spotify.com/intl-de/track/{ID}?si=0123 ",
        f"open.spotify.com/track/{ID}",
    ],
)
async def test_a_pasted_link_finds_its_track_and_nothing_else(serving, pasted):
    async with serving() as channel:
        stub = search_pb2_grpc.SearchServiceStub(channel)
        answer = await stub.SearchTracks(search_pb2.SearchTracksRequest(query=pasted))
        beyond = await stub.SearchTracks(search_pb2.SearchTracksRequest(query=pasted, skip=1))
        looked_up = await stub.BatchGetTracks(
            search_pb2.BatchGetTracksRequest(track_ids=[pasted, "nope"])
        )
    assert [match.track.id for match in answer.matches] == [ID]
    assert (answer.total_size, list(beyond.matches)) == (1, [])
    assert [result.track.id for result in looked_up.results] == [ID, ""]


async def test_a_link_to_what_the_catalogue_lacks_finds_nothing(serving):
    async with serving() as channel:
        stub = search_pb2_grpc.SearchServiceStub(channel)
        for kind in ("track", "album"):
            link = f"https://open.spotify.com/{kind}/0000000000000000000000"
            answer = await stub.SearchTracks(search_pb2.SearchTracksRequest(query=link))
            assert (answer.total_size, list(answer.matches)) == (0, [])


async def test_a_pasted_link_finds_its_artist(serving, catalogue):
    artist = catalogue.search_artists(parse("somebody"), 0, 1).items[0][0]
    async with serving() as channel:
        stub = search_pb2_grpc.SearchServiceStub(channel)
        link = f"https://open.spotify.com/artist/{artist.id}?si=1"
        answer = await stub.SearchArtists(search_pb2.SearchArtistsRequest(query=link))
        looked_up = await stub.BatchGetArtists(
            search_pb2.BatchGetArtistsRequest(artist_ids=[f"spotify:artist:{artist.id}"])
        )
    assert [found.name for found in answer.artists] == ["Somebody"]
    assert looked_up.results[0].artist.name == "Somebody"


def test_an_index_of_another_normal_form_is_built_again(home):
    version = (home / "catalogue" / "current").read_text().strip()
    IndexedCatalogue.load(home, version)
    folder = home / "search" / version
    content = dict(read_manifest(folder)) | {"normal_form": 0}
    content.pop("files", None)
    write_manifest(folder, content)
    IndexedCatalogue.load(home, version)
    assert read_manifest(folder)["normal_form"] > 0
