"""Playlist files as exporters of the field write them; each test names the class it stands for."""

import json
from pathlib import Path

import pytest
from quintet_training.datasets import DatasetInvalid, Format
from quintet_training.datasets.entries import Entry, Meter, Reading
from quintet_training.datasets.playlist_formats import READERS, detect
from quintet_training.datasets.tables import Refused

ID = "4uLU6hMCjMI75M1A2tKUQC"
TWO = [("Adele", "Hello"), ("Hans Zimmer", "Time")]


def items(
    folder: Path, name: str, content: str | bytes, **how: object
) -> tuple[Format, list[Entry | Refused]]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    asked = Reading(**how)  # type: ignore[arg-type]
    known = detect(path, asked)
    return known, list(READERS[known](path, Meter(), asked))


def entries(folder: Path, name: str, content: str | bytes, **how: object) -> list[Entry]:
    found = items(folder, name, content, **how)[1]
    assert all(isinstance(item, Entry) for item in found), found
    return [item for item in found if isinstance(item, Entry)]


def names(found: list[Entry]) -> list[tuple[str, str]]:
    return [(entry.artist, entry.title) for entry in found]


HEADERS = [
    "Track Name,Artist Name(s)",
    "TITLE, ARTIST",
    "trackname,artistname",
    "trackName,artistName",
    "Song Title,Artist Name 1",
    "track,artist",
    "Nombre de la canción,Nombre(s) del artista",
    "Titel,Interpret",
    "Titre,Nom de l'artiste",
    "Nome del brano,Nome dell'artista",
    "Nome da faixa,Nome(s) do(s) artista(s)",
    "Naam van nummer,Naam van artiest",
    "曲名,アーティスト名",
    "노래 제목,아티스트 이름",
    "歌名,歌手",
    "Название трека,Имя исполнителя",
    "Parça Adı,Sanatçı Adı",  # noqa: RUF001 - Turkish has a letter of its own
]


@pytest.mark.parametrize("header", HEADERS)
def test_columns_are_known_by_their_meaning_in_many_languages(tmp_path: Path, header: str) -> None:
    found = entries(tmp_path, "a.csv", f"{header}\nHello,Adele\nTime,Hans Zimmer\n")
    assert names(found) == TWO


@pytest.mark.parametrize(
    "header", ["Track Number,Track Popularity", "Album,Album Artist", "x,y", "Composer,Genre"]
)
def test_columns_that_name_no_track_are_named_in_the_error(tmp_path: Path, header: str) -> None:
    with pytest.raises(DatasetInvalid, match=r"no format known.*--map COLUMN=FIELD") as caught:
        items(tmp_path, "a.csv", f"{header}\n1,2\n")
    assert "\n" not in str(caught.value)


def test_a_column_of_track_addresses_is_the_id_whatever_its_name(tmp_path: Path) -> None:
    text = (
        f"Adresse du machin,x\nspotify:track:{ID},1\nhttps://open.spotify.com/track/{ID}?si=1,2\n"
    )
    assert [entry.track_id for entry in entries(tmp_path, "a.csv", text)] == [ID, ID]


def test_map_names_columns_of_a_playlist(tmp_path: Path) -> None:
    text = "who,what,list\nAdele,Hello,Calm\n"
    columns = {"who": "artist", "what": "title", "list": "playlist"}
    (entry,) = entries(tmp_path, "a.csv", text, columns=columns)
    assert (entry.artist, entry.title, entry.playlist) == ("Adele", "Hello", "Calm")
    for wrong, why in [({"nobody": "artist"}, "no column"), ({"who": "colour"}, "not a field")]:
        with pytest.raises(DatasetInvalid, match=why):
            items(tmp_path, "a.csv", text, columns=wrong)


def test_map_is_rejected_where_there_are_no_columns(tmp_path: Path) -> None:
    with pytest.raises(DatasetInvalid, match="has no columns"):
        items(tmp_path, "a.m3u8", "#EXTM3U\n", columns={"a": "artist"})


def test_a_column_of_playlist_names_makes_one_playlist_per_name(tmp_path: Path) -> None:
    text = (
        "\ufeffTrack name,Artist name,Album,Playlist name,Type,ISRC,Spotify - id\n"
        f"Hello,Adele,25,Calm,Playlist,,{ID}\nTime,Hans Zimmer,,Focus,Playlist,,\n"
        "Halo,Beyoncé,,Calm,Playlist,,\nSong,Someone,,,Favorite,,\n"
    )
    found = entries(tmp_path, "mine.csv", text)
    assert [entry.playlist for entry in found] == ["Calm", "Focus", "Calm", "mine"]
    assert len({entry.playlist_id for entry in found}) == 3
    assert found[0].track_id == ID


def test_two_owners_may_have_a_playlist_of_one_name(tmp_path: Path) -> None:
    text = (
        '"user_id", "artistname", "trackname", "playlistname"\n'
        '"u1", "Adele", "Hello", "Calm"\n"u2", "Tyler, The Creator", "EARFQUAKE", "Calm"\n'
    )
    found = entries(tmp_path, "a.csv", text)
    assert names(found) == [("Adele", "Hello"), ("Tyler, The Creator", "EARFQUAKE")]
    assert len({entry.playlist_id for entry in found}) == 2


@pytest.mark.parametrize(
    "text",
    [
        'title,artist\nHello,"Tyler, The Creator"\n',
        'title, artist\n"Hello", "Tyler, The Creator"\n',
        'sep=;\r\ntitle;artist\r\nHello;"Tyler, The Creator"\r\n',
        "\ntitle\tartist\nHello\tTyler, The Creator\n",
        "title|artist\nHello|Tyler, The Creator\n",
        '"title";"artist"\n"Hello";"Tyler, The Creator"\n',
        'title,artist,\nHello,"Tyler, The Creator",\n',
        'title,artist\nHello,"Tyler, The Creator",,\n',
        "title\rartist\r".replace("\r", ",", 1) + 'Hello,"Tyler, The Creator"\r',
        'title,artist\x85Hello,"Tyler, The Creator"\x85',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_csv_of_any_dialect_and_encoding_is_read(tmp_path: Path, text: str, encoding: str) -> None:
    found = entries(tmp_path, "a.csv", text.encode(encoding))
    assert names(found) == [("Tyler, The Creator", "Hello")]


def test_quotes_may_be_escaped_by_a_backslash(tmp_path: Path) -> None:
    text = 'title,artist\n"Say \\"Hello\\", please","Adele"\n'
    assert names(entries(tmp_path, "a.csv", text)) == [("Adele", 'Say "Hello", please')]


@pytest.mark.parametrize(
    ("encoding", "artist"), [("cp1252", "MØ"), ("cp949", "아이유"), ("shift_jis", "宇多田ヒカル")]
)
def test_the_encoding_that_a_message_names_is_an_option(
    tmp_path: Path, encoding: str, artist: str
) -> None:
    content = f"title;artist\nx;{artist}\n".encode(encoding)
    with pytest.raises(DatasetInvalid, match=r"not utf-8 text; name its encoding with --encoding"):
        items(tmp_path, "a.csv", content)
    assert names(entries(tmp_path, "a.csv", content, encoding=encoding)) == [(artist, "x")]
    with pytest.raises(DatasetInvalid, match="is not an encoding"):
        items(tmp_path, "a.csv", content, encoding="klingon")


def listen(at: int, artist: str, title: str) -> dict[str, object]:
    facts = {"artist_name": artist, "track_name": title, "additional_info": {}}
    return {"listened_at": at, "track_metadata": facts}


LISTENS = [listen(1_700_000_000 + place, *each) for place, each in enumerate(TWO)]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(LISTENS),
        json.dumps(LISTENS, indent=2),
        "\ufeff" + json.dumps(LISTENS),
        "\n".join(map(json.dumps, LISTENS)),
        "\r\n".join(map(json.dumps, LISTENS)),
        "\r".join(map(json.dumps, LISTENS)),
        json.dumps({"payload": {"count": 2, "listens": LISTENS}}),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_listens_are_an_array_or_lines_or_an_answer(
    tmp_path: Path, text: str, encoding: str
) -> None:
    known, found = items(tmp_path, "a.json", text.encode(encoding))
    assert known is Format.LISTENBRAINZ
    assert names([item for item in found if isinstance(item, Entry)]) == TWO


@pytest.mark.parametrize("form", [json.dumps, lambda rows: "\n".join(map(json.dumps, rows))])
def test_feedback_is_an_array_or_lines(tmp_path: Path, form) -> None:
    event = {"recommendation_id": "r", "kind": "like", "track_id": ID, "position": 1}
    known, found = items(tmp_path, "a.json", form([event, {**event, "kind": "skip"}]))
    assert known is Format.FEEDBACK
    assert len(found) == 1


SPOTIFY = {
    "playlists": [
        {"name": "Empty", "items": []},
        {
            "name": "Calm",
            "lastModifiedDate": "2024-01-01",
            "items": [
                {
                    "track": {
                        "trackName": "Hello",
                        "artistName": "Adele",
                        "albumName": "25",
                        "trackUri": f"spotify:track:{ID}",
                    },
                    "episode": None,
                    "localTrack": None,
                    "addedDate": "2024-01-01",
                },
                {"track": None, "episode": {"episodeName": "x"}, "localTrack": None},
                {"track": None, "localTrack": {"uri": "spotify:local:Hans+Zimmer:A:Time:288"}},
            ],
        },
    ]
}


def test_spotify_s_account_export_is_told_by_its_structure(tmp_path: Path) -> None:
    path = tmp_path / "Playlist1.json"
    path.write_text(json.dumps(SPOTIFY), encoding="utf-8")
    meter = Meter()
    assert detect(path) is Format.SPOTIFY
    found = [item for item in READERS[Format.SPOTIFY](path, meter) if isinstance(item, Entry)]
    assert names(found) == TWO
    assert (found[0].track_id, found[0].playlist, meter.passed_over) == (ID, "Calm", 1)


@pytest.mark.parametrize(
    "document",
    [
        {"tracks": [{"artist": a, "album": "x", "track": t, "uri": ""} for a, t in TWO]},
        [{"endTime": "2024-01-01 10:00", "artistName": a, "trackName": t} for a, t in TWO],
        [
            {
                "ts": "2024-01-01T10:00:00Z",
                "ms_played": 200_000,
                "master_metadata_track_name": t,
                "master_metadata_album_artist_name": a,
                "spotify_track_uri": f"spotify:track:{ID}",
            }
            for a, t in TWO
        ],
        [
            {"artist": {"#text": a, "mbid": ""}, "name": t, "date": {"uts": "1700000000"}}
            for a, t in TWO
        ],
        {"items": [{"track": {"name": t, "artists": [{"name": a}]}} for a, t in TWO]},
        [{"title": t, "artist": a} for a, t in TWO],
    ],
)
def test_json_records_of_tracks_are_a_table(tmp_path: Path, document: object) -> None:
    assert names(entries(tmp_path, "a.json", json.dumps(document))) == TWO
    if isinstance(document, list):
        lines = "\n".join(map(json.dumps, document))
        assert names(entries(tmp_path, "a.jsonl", lines)) == TWO


@pytest.mark.parametrize(
    "times",
    [
        ("1700000000", "1700000300", "1700009999"),
        ("1700000000000", "1700000300000", "1700009999000"),
        ("14 Nov 2023, 22:13", "14 Nov 2023, 22:18", "15 Nov 2023, 01:00"),
        ("2023-11-14 22:13", "2023-11-14 22:18", "2023-11-15 01:00"),
        ("2023-11-14T22:13:00Z", "2023-11-14T22:18:00Z", "2023-11-15T01:00:00+00:00"),
    ],
)
def test_a_history_forms_sessions(tmp_path: Path, times: tuple[str, ...]) -> None:
    rows = "".join(f'"{time}",Adele,Hello\n' for time in times)
    found = entries(tmp_path, "lastfm.csv", "uts,artist,track\n" + rows)
    first, second, third = (entry.playlist_id for entry in found)
    assert first == second != third


def test_a_listen_without_a_time_is_rejected(tmp_path: Path) -> None:
    _, (item,) = items(tmp_path, "a.csv", "uts,artist,track\nnow playing,Adele,Hello\n")
    assert isinstance(item, Refused)
    assert item.reason == "listened_at: not a time"


@pytest.mark.parametrize(
    "document",
    [
        {"playlist": {"title": "T", "track": [{"creator": "Adele", "title": "Hello"}]}},
        [{"playlist": {"title": "T", "track": [{"creator": "Adele", "title": "Hello"}]}}],
        {
            "playlists": [
                {"playlist": {"title": "T", "track": [{"creator": "Adele", "title": "Hello"}]}}
            ]
        },
        {"title": "T", "track": [{"creator": "Adele", "title": "Hello"}]},
    ],
)
def test_jspf_stands_where_its_exporters_put_it(tmp_path: Path, document: object) -> None:
    content = b"\xef\xbb\xbf" + json.dumps(document).encode()
    (entry,) = entries(tmp_path, "a.json", content)
    assert (entry.artist, entry.title, entry.playlist) == ("Adele", "Hello", "T")


@pytest.mark.parametrize(
    "identifier",
    [
        f"spotify:track:{ID}",
        [f"https://open.spotify.com/intl-de/track/{ID}?si=1"],
        {"spotify": f"https://open.spotify.com/track/{ID}"},
        [{"spotify": [f"spotify:track:{ID}"]}, "https://musicbrainz.org/recording/x"],
    ],
)
def test_jspf_identifiers_may_be_nested(tmp_path: Path, identifier: object) -> None:
    document = {"playlist": {"track": [{"identifier": identifier}]}}
    assert entries(tmp_path, "a.jspf", json.dumps(document))[0].track_id == ID


def test_million_playlist_slice_with_a_byte_order_mark(tmp_path: Path) -> None:
    track = {"pos": 0, "track_uri": f"spotify:track:{ID}", "artist_name": "A", "track_name": "B"}
    document = {"info": {}, "playlists": [{"name": "x", "pid": 1, "tracks": [track]}]}
    known, (entry,) = items(tmp_path, "a.json", b"\xef\xbb\xbf" + json.dumps(document).encode())
    assert known is Format.MPD
    assert isinstance(entry, Entry)
    assert (entry.track_id, entry.playlist_id) == (ID, "mpd:1")


M3U = [
    ("file:///home/me/Hans%20Zimmer%20-%20Time.mp3", "Hans Zimmer", "Time"),
    ("party/Daft%20Punk%20-%20Get%20Lucky.mp3", "Daft Punk", "Get Lucky"),
    ("#EXTINF:-1,\nAdele - Hello.mp3", "Adele", "Hello"),
    ("#EXTINF:295,Adele - Hello\n/x/01.m4a", "Adele", "Hello"),
    ("#EXTINF:295,Hello\nAdele - Hello.m4a", "Adele", "Hello"),
    ("C:\\Music\\03 - Eagles - Hotel California.flac", "Eagles", "Hotel California"),
    ("/Users/me/Music/Adele/25/01 Hello.m4a", "Adele", "Hello"),
    ("../Adele_-_Hello.ogg", "Adele", "Hello"),
    ("http://host/Adele%20-%20Hello.mp3?token=1#t", "Adele", "Hello"),
    ("100% Pure - Song.mp3", "100% Pure", "Song"),
    (
        "#EXTM3U8\n#EXT-X-RATING:5\n#EXTALB:25\n#EXTART:Adele\n#EXTINF:1,Hello\nz.mp3",
        "Adele",
        "Hello",
    ),
]


@pytest.mark.parametrize(("lines", "artist", "title"), M3U)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_m3u_names_files_in_any_way(
    tmp_path: Path, lines: str, artist: str, title: str, end: str
) -> None:
    text = f"#EXTM3U\n{lines}\n".replace("\n", end)
    assert names(entries(tmp_path, "a.m3u", text)) == [(artist, title)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_m3u_may_be_western(tmp_path: Path, encoding: str) -> None:
    content = "#EXTM3U\n#EXTINF:1,MØ - Final Song\nx.mp3\n".encode(encoding)
    assert names(entries(tmp_path, "a.m3u", content)) == [("MØ", "Final Song")]


def test_pls(tmp_path: Path) -> None:
    text = (
        "[playlist]\r\nFile2=/m/Hans Zimmer - Time.mp3\r\nFile1=x.mp3\r\n"
        "Title1=Adele - Hello\r\nLength1=-1\r\nNumberOfEntries=2\r\nVersion=2\r\n"
    )
    assert names(entries(tmp_path, "a.pls", text)) == TWO


TRACK = "<track><title>Hello</title><creator>Adele</creator></track>"
XML = [
    f'<playlist version="1"><trackList>{TRACK}</trackList></playlist>',
    f'<playlist xmlns="http://xspf.org/ns/0/"><trackList>{TRACK}</trackList></playlist>',
    '<x:playlist xmlns:x="http://xspf.org/ns/0/"><x:trackList><x:track><x:title>Hello</x:title>'
    "<x:creator>Adele</x:creator></x:track></x:trackList></x:playlist>",
    "<playlist><trackList><track><title/><location>file:///m/Adele%20-%20Hello.flac</location>"
    "</track></trackList></playlist>",
    '<?wpl version="1.0"?><smil><head><title>T</title></head><body><seq>'
    '<media src="..\\Adele - Hello.mp3"/></seq></body></smil>',
    '<ASX version="3.0"><TITLE>T</TITLE><ENTRY><TITLE>Hello</TITLE><AUTHOR>Adele</AUTHOR>'
    '<REF HREF="x"/></ENTRY></ASX>',
]


@pytest.mark.parametrize("text", XML)
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-7", "shift_jis", "cp949"]
)
def test_xml_playlists_of_any_program_and_encoding(
    tmp_path: Path, text: str, encoding: str
) -> None:
    declared = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>\n{text}'
    assert names(entries(tmp_path, "a.xspf", declared.encode(encoding))) == [("Adele", "Hello")]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ('<?xml version="1.0" encoding="klingon"?><playlist/>', "is not an encoding"),
        ("<playlist>" * 100_000, "levels of XML"),
        ("<playlist><a>" + "x" * 20_000_000, "one track of more than"),
        ("<playlist><a>", "damaged XML"),
    ],
)
def test_xml_beyond_its_bounds_is_one_line(tmp_path: Path, content: str, why: str) -> None:
    with pytest.raises(DatasetInvalid, match=why) as caught:
        items(tmp_path, "a.xspf", content)
    assert "\n" not in str(caught.value)


BOMBS = [
    ('{"playlist": {"track": [{"duration": ' + "9" * 4301 + "}]}}", "digits"),
    ('{"playlist": {"track": [' + "[" * 100_000, "levels"),
    ('{"playlists": [{"pid": 1, "tracks": ["' + "x" * 2_000_000 + '"]}]}', "a text of more than"),
    ('[{"listened_at": 1, "track_metadata": ' + '{"a":' * 100_000, "levels"),
]


@pytest.mark.parametrize(("content", "why"), BOMBS)
@pytest.mark.parametrize("name", ["a.jspf", "a.json"])
def test_json_beyond_its_bounds_is_one_line(
    tmp_path: Path, content: str, why: str, name: str
) -> None:
    with pytest.raises(DatasetInvalid, match=why) as caught:
        items(tmp_path, name, content)
    assert "\n" not in str(caught.value)


def test_a_bomb_on_one_line_leaves_the_other_lines(tmp_path: Path) -> None:
    good = json.dumps(LISTENS[0])
    bomb = '{"listened_at": ' + "1" * 5000 + "}"
    found = items(tmp_path, "a.jsonl", f"{good}\n{bomb}\n{good}\n")[1]
    assert [type(item) for item in found] == [Entry, Refused, Entry]
    assert isinstance(found[1], Refused)
    assert "digits" in found[1].reason
    assert found[1].text.startswith('{"listened_at": 111')


def test_a_local_file_of_spotify_names_artist_and_title(tmp_path: Path) -> None:
    uri = "spotify:local:Earth%2C+Wind+%26+Fire:I+Am:Boogie+Wonderland:288"
    (entry,) = entries(tmp_path, "a.csv", f"Track URI,x\n{uri},1\n")
    assert (entry.artist, entry.title) == ("Earth, Wind & Fire", "Boogie Wonderland")


def test_skips_and_podcasts_of_a_streaming_history_are_counted_and_passed_over(
    tmp_path: Path,
) -> None:
    rows = [
        {"endTime": "2024-01-01 10:00", "artistName": "Adele", "trackName": "Hello", "msPlayed": 5},
        {"endTime": "2024-01-01 10:04", "artistName": "", "trackName": "", "msPlayed": 90_000},
        {"endTime": "2024-01-01 10:08", "artistName": "A", "trackName": "B", "msPlayed": 90_000},
    ]
    path = tmp_path / "StreamingHistory_music_0.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    meter = Meter()
    assert len(list(READERS[detect(path)](path, meter))) == 1
    assert meter.passed_over == 2


UUID = "0a1b2c3d-0a1b-4a1b-8a1b-0a1b2c3d4e5f"
MORE = {"recording_mbid": UUID.upper(), "isrc": None}
NAMED = {"artist_name": "Adele", "track_name": "Hello"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", f"title,artist,recording_mbid\nHello,Adele,{UUID.upper()}\n"),
        ("a.csv", f"mb_trackid\n{UUID}\n"),
        ("a.json", json.dumps([{"listened_at": 1, "track_metadata": {"additional_info": MORE}}])),
        (
            "a.json",
            json.dumps([{"listened_at": 1, "track_metadata": {**NAMED, "mbid_mapping": MORE}}]),
        ),
        (
            "a.jspf",
            json.dumps(
                {
                    "playlist": {
                        "track": [{"identifier": f"https://musicbrainz.org/recording/{UUID}"}]
                    }
                }
            ),
        ),
        (
            "a.xspf",
            "<playlist xmlns='http://xspf.org/ns/0/'><trackList><track><identifier>"
            f"http://musicbrainz.org/recording/{UUID}</identifier></track></trackList></playlist>",
        ),
    ],
)
def test_a_musicbrainz_recording_is_read_from_every_format_that_has_it(
    tmp_path: Path, name: str, content: str
) -> None:
    assert [entry.musicbrainz_recording for entry in entries(tmp_path, name, content)] == [UUID]
