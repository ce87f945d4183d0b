"""Tables of tracks as spreadsheets and programs write them: dialects, units, types, ids, lists."""

import decimal
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from quintet_training.datasets import DatasetInvalid, Options, preview
from quintet_training.datasets.checking import check_tracks
from quintet_training.datasets.tables import Refused

GOOD = {
    "track_id": "t1",
    "track_name": "Song",
    "artists": "Ann",
    "album_name": "Album",
    "track_genre": "rock",
    "popularity": "40",
    "duration_ms": "200000",
    "danceability": "0.5",
    "energy": "0.6",
    "key": "1",
    "loudness": "-7.5",
    "mode": "1",
    "speechiness": "0.04",
    "acousticness": "0.1",
    "instrumentalness": "0",
    "liveness": "0.2",
    "valence": "0.7",
    "tempo": "120.5",
    "time_signature": "4",
}


def read(path: Path, **options: Any) -> tuple[list[dict[str, Any]], list[Refused]]:
    plan = preview(path, Options(**options))
    tracks, bad = [], []
    for batch in plan.table.batches(list(dict.fromkeys(plan.mapping.values()))):
        good, refused = check_tracks(batch.rows, plan.mapping, "p", "l", plan.scales)
        tracks += good.to_dicts()
        bad += [*batch.refused, *refused]
    return tracks, bad


def csv(*rows: dict[str, str], separator: str = ",", renamed: dict[str, str] | None = None) -> str:
    names = [(renamed or {}).get(name, name) for name in GOOD]
    lines = [separator.join(names)]
    for number, row in enumerate(rows):
        cells = {**GOOD, "track_id": f"t{number}", **row}
        quoted = (f'"{text}"' if separator in text else text for text in cells.values())
        lines.append(separator.join(quoted))
    return "\n".join(lines) + "\n"


def tracks(folder: Path, text: str | bytes, **options: Any) -> list[dict[str, Any]]:
    path = folder / "a.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    found, bad = read(path, **options)
    assert not bad
    return found


def reasons(folder: Path, text: str) -> list[str]:
    path = folder / "a.csv"
    path.write_text(text, encoding="utf-8")
    return [row.reason for row in read(path)[1]]


@pytest.mark.parametrize(
    ("cell", "ms"),
    [
        ("4:26", 266_000),
        ("1:02:03", 3_723_000),
        ("4:26.5", 266_500),
        ("PT4M26S", 266_000),
        ("1,234,567", 1_234_567),
        ("1.234.567", 1_234_567),
        ("1'234'567", 1_234_567),
        ("1 234 567", 1_234_567),
        ("200.000", 200_000),
        ("200,000", 200_000),
        ("215.3 s", 215_300),
        ("215300 ms", 215_300),
        ("3.5 min", 210_000),
    ],
)
def test_a_duration_with_one_meaning_is_read(tmp_path: Path, cell: str, ms: float) -> None:
    found = tracks(tmp_path, csv({}, {}, {}, {"duration_ms": cell}))
    assert found[3]["duration_ms"] == ms


@pytest.mark.parametrize("column", ["duration", "duration_s", "Length (seconds)", "duration_sec"])
@pytest.mark.parametrize("cells", [("215", "301"), ("215.3", "301.25"), ("215,5", "301,5")])
def test_a_column_of_seconds_is_read_as_seconds(
    tmp_path: Path, column: str, cells: Sequence[str]
) -> None:
    text = csv(*({"duration_ms": cell} for cell in cells), renamed={"duration_ms": column})
    options = {} if "Length" not in column else {"columns": {column: "duration_ms"}}
    found = tracks(tmp_path, text, **options)
    wanted = [float(cell.replace(",", ".")) * 1000 for cell in cells]
    assert [row["duration_ms"] for row in found] == pytest.approx(wanted)


def test_a_column_of_milliseconds_without_a_unit_stays(tmp_path: Path) -> None:
    text = csv({}, {"duration_ms": "187000"}, renamed={"duration_ms": "duration"})
    assert [row["duration_ms"] for row in tracks(tmp_path, text)] == [200_000, 187_000]


def test_seconds_among_milliseconds_are_rejected_with_the_way_out(tmp_path: Path) -> None:
    (reason,) = reasons(tmp_path, csv({}, {}, {"duration_ms": "215.3"}))
    assert reason.startswith("duration_ms: 215.3 is less than a second; write milliseconds")


@pytest.mark.parametrize(
    ("field", "cell", "value"),
    [
        ("key", "C♯/D♭", 1),
        ("key", "A♭", 8),
        ("key", "F#", 6),
        ("key", "Cb", 11),
        ("key", "F sharp", 6),
        ("key", "B flat", 10),
        ("key", "fis", 6),
        ("key", "F# minor", 6),
        ("key", "Am", 9),
        ("key", "8A", 9),
        ("key", "8B", 0),
        ("key", "9A", 4),
        ("key", "1d", 0),
        ("key", "-1", -1),
        ("mode", "minor", 0),
        ("mode", "Dur", 1),
        ("mode", "min", 0),
        ("time_signature", "6/8", 6),
        ("loudness", "-14 dB", -14),
        ("loudness", "\u22127.5", -7.5),
        ("loudness", "-7,5", -7.5),
        ("tempo", "120,5", 120.5),
        ("tempo", "128 BPM", 128),
        ("tempo", "0", 0),
        ("energy", "73%", 0.73),
        ("energy", "0,73", 0.73),
        ("energy", ",73", 0.73),
        ("popularity", "73%", 73),
        ("popularity", "73 %", 73),
    ],
)
def test_numbers_are_read_as_people_write_them(
    tmp_path: Path, field: str, cell: str, value: float
) -> None:
    found = tracks(tmp_path, csv({}, {}, {}, {field: cell}))
    assert found[3][field] == pytest.approx(value)


def test_one_column_of_keys_and_modes_gives_both(tmp_path: Path) -> None:
    text = csv({"key": "8A"}, {"key": "C major"}, {"key": "F#m"}, renamed={"mode": "unused"})
    found = tracks(tmp_path, text)
    assert [(row["key"], row["mode"]) for row in found] == [(9, 0), (0, 1), (6, 0)]
    # A column of keys alone leaves the mode unknown, and so does one such cell among others.
    (alone,) = tracks(tmp_path, csv({"key": "C"}, renamed={"mode": "unused"}))
    assert (alone["key"], alone["mode"]) == (0, None)
    _, mixed = tracks(tmp_path, csv({"key": "8A"}, {"key": "D"}, renamed={"mode": "unused"}))
    assert (mixed["key"], mixed["mode"]) == (2, None)


def test_a_column_in_percent_is_read_as_shares(tmp_path: Path) -> None:
    rows = [{"energy": cell} for cell in ("61", "0", "100", "72")]
    assert [row["energy"] for row in tracks(tmp_path, csv(*rows))] == pytest.approx(
        [0.61, 0, 1, 0.72]
    )
    found = tracks(tmp_path, csv({"energy": "61"}, renamed={"energy": "energy_%"}))
    assert found[0]["energy"] == pytest.approx(0.61)


def test_a_popularity_of_shares_is_read_and_one_share_among_others_rejected(
    tmp_path: Path,
) -> None:
    rows = [{"popularity": cell} for cell in ("0.5", "1", "0.25")]
    assert [row["popularity"] for row in tracks(tmp_path, csv(*rows))] == [50, 100, 25]
    (reason,) = reasons(tmp_path, csv({}, {}, {}, {"popularity": "0.73"}))
    assert reason == "popularity: 0.73 is between 0 and 1; popularity runs from 0 to 100"


@pytest.mark.parametrize("head", ["", "sep=;\n", "SEP=;\r\n"])
def test_a_german_spreadsheet_is_read(tmp_path: Path, head: str) -> None:
    row = {"track_name": "Été", "energy": "0,19", "tempo": "97,5"}
    text = head + csv(row, separator=";").replace(";0.5;", ";0,5;")
    for content in (text, text.encode("utf-16")):
        (track,) = tracks(tmp_path, content)
        assert (track["title"], track["energy"], track["tempo"]) == ("Été", 0.19, 97.5)
    with pytest.raises(DatasetInvalid, match=r"name its encoding with --encoding, .* cp1252"):
        tracks(tmp_path, text.encode("cp1252"))
    (track,) = tracks(tmp_path, text.encode("cp1252"), encoding="cp1252")
    assert track["title"] == "Été"


@pytest.mark.parametrize(("cell", "value"), [("WAHR", True), ("FALSCH", False), ("VRAI", True)])
def test_truth_values_of_spreadsheets_are_read(tmp_path: Path, cell: str, value: bool) -> None:
    text = csv({"album_name": cell}, renamed={"album_name": "explicit"})
    assert tracks(tmp_path, text)[0]["explicit"] is value


@pytest.mark.parametrize(
    ("cell", "genres"),
    [
        ("pop, R&B", ["pop", "R&B"]),
        ("detroit hip hop,hip hop,rap", ["detroit hip hop", "hip hop", "rap"]),
        ("pop;rock", ["pop", "rock"]),
        ("pop|rock", ["pop", "rock"]),
        ("set()", []),
        ("[]", []),
        ("nan", []),
        ("['pop', 'rock']", ["pop", "rock"]),
        ("['pop' 'rock']", ["pop", "rock"]),
        ("[pop, rock]", ["pop", "rock"]),
        ('["pop", null]', ["pop"]),
    ],
)
def test_genres_are_split_and_words_for_none_are_none(
    tmp_path: Path, cell: str, genres: list[str]
) -> None:
    text = csv({"track_genre": cell.replace('"', '""')}, separator="\t")
    text = text.replace(cell.replace('"', '""'), '"' + cell.replace('"', '""') + '"')
    assert tracks(tmp_path, text)[0]["genres"] == genres


@pytest.mark.parametrize(
    ("cell", "artists"),
    [
        ("Ann Alpha;Bob Beta", ["Ann Alpha", "Bob Beta"]),
        ("Tyler, The Creator", ["Tyler, The Creator"]),
        ("Tyler\\, The Creator, Kali Uchis", ["Tyler, The Creator", "Kali Uchis"]),
        ("[{'name': 'Ann', 'id': 'x'}, {'name': 'Bob'}]", ["Ann", "Bob"]),
        ("Null", ["Null"]),
        ("Unknown", ["Unknown"]),
    ],
)
def test_artists_are_split_without_losing_names(
    tmp_path: Path, cell: str, artists: list[str]
) -> None:
    text = csv({"artists": cell}, separator="\t", renamed={"artists": "Artist Name(s)"})
    assert tracks(tmp_path, text)[0]["artists"] == artists


ID = "Tt00000000000000000321"


@pytest.mark.parametrize(
    "cell",
    [
        ID,
        f"spotify:track:{ID}",
        f"https://open.spotify.com/track/{ID}?si=0123456789abcdef",
        f"https://open.spotify.com/intl-de/track/{ID}",
        f"http://open.spotify.com/track/{ID}",
        f"open.spotify.com/track/{ID}",
    ],
)
def test_every_address_of_a_track_is_one_id(tmp_path: Path, cell: str) -> None:
    assert tracks(tmp_path, csv({"track_id": cell}))[0]["track_id"] == ID


@pytest.mark.parametrize(
    "cell",
    ["Music/Ann/01 Slash.flac", "Ann - Space", "ab+/cd==", "a,b", "what?#1", "50%25", "..", "a|b"],
)
def test_an_id_that_cannot_be_named_everywhere_is_rejected_with_the_rule(
    tmp_path: Path, cell: str
) -> None:
    (reason,) = reasons(tmp_path, csv({"track_id": cell}))
    assert "is not an id; ids are letters, digits and" in reason
    assert "--map COLUMN=track_id" in reason


def test_the_id_of_a_line_break_and_the_address_of_an_artist_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    text = csv({}, {"track_id": "spotify:artist:4uLU6hMCjMI75M1A2tKUQC"})
    path.write_text(text.replace("t0", '"a\nb"'), encoding="utf-8")
    first, second = (row.reason for row in read(path)[1])
    assert "is not an id" in first
    assert "\n" not in first
    assert "the address of something else than a track" in second


NUMBERS = {name: float(cell) for name, cell in list(GOOD.items())[5:]}


def parquet(folder: Path, **columns: Any) -> Path:
    path = folder / "a.parquet"
    texts = {"track_id": ["t1", "t2"], "title": ["x", "y"], "artists": ["Ann", "Bob"]}
    arrays = {name: pa.array(values) for name, values in texts.items()}
    arrays |= {name: pa.array([value, value]) for name, value in NUMBERS.items()}
    pq.write_table(pa.table({**arrays, **columns}), path)
    return path


WORDS = [
    pa.array(["Ann", "Bob"]).dictionary_encode(),
    pa.array(["Ann", "Bob"], pa.large_string()),
    pa.array([b"Ann", b"Bob"]),
    pa.array([["Ann"], ["Bob"]]),
    pa.array([["Ann"], ["Bob"]], pa.large_list(pa.string())),
    pa.array([["Ann"], ["Bob"]], pa.list_(pa.string(), 1)),
    pa.array([[{"name": "Ann", "id": "1"}], [{"name": "Bob", "id": "2"}]]),
    pa.array([{"name": "Ann"}, {"name": "Bob"}]),
    pa.array([["Ann"], ["Bob"]], pa.list_(pa.dictionary(pa.int8(), pa.string()))),
]


@pytest.mark.parametrize("column", WORDS, ids=lambda column: str(column.type))
def test_texts_of_every_parquet_type_are_read(tmp_path: Path, column: pa.Array) -> None:
    found, bad = read(parquet(tmp_path, artists=column))
    assert not bad
    assert [track["artists"] for track in found] == [["Ann"], ["Bob"]]


VALUES = [
    pa.array([9, 9]).dictionary_encode(),
    pa.array([9, 9], pa.uint8()),
    pa.array([9.0, 9.0], pa.float32()),
    pa.array([decimal.Decimal("9.00")] * 2),
    pa.array(["9", "9"]).dictionary_encode(),
    pa.array(["9,0", "9,0"]),
]


@pytest.mark.parametrize("column", VALUES, ids=lambda column: str(column.type))
def test_numbers_of_every_parquet_type_are_read(tmp_path: Path, column: pa.Array) -> None:
    found, bad = read(parquet(tmp_path, popularity=column))
    assert not bad
    assert [track["popularity"] for track in found] == [9, 9]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_spans_and_times_of_parquet_are_durations_and_dates(tmp_path: Path, unit: str) -> None:
    spans = pa.array([timedelta(seconds=215)] * 2, pa.duration(unit))
    dates = pa.array([datetime(2011, 5, 2, tzinfo=UTC)] * 2, pa.timestamp(unit, "UTC"))
    found, _ = read(parquet(tmp_path, duration_ms=spans, release_date=dates))
    assert {(track["duration_ms"], track["release_date"]) for track in found} == {
        (215_000, "2011-05-02")
    }


@pytest.mark.parametrize(
    "column",
    [
        pa.array([[["x"]], [["y"]]]),
        pa.array([{"a": 1}, {"a": 2}]),
        pa.array([[("a", 1)], [("b", 2)]], pa.map_(pa.string(), pa.int64())),
    ],
    ids=lambda column: str(column.type),
)
def test_a_parquet_type_without_a_meaning_is_one_line(tmp_path: Path, column: pa.Array) -> None:
    with pytest.raises(DatasetInvalid, match=r"column 'artists' ha.* not read|holds") as caught:
        read(parquet(tmp_path, artists=column))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("lines", [True, False])
def test_a_catalogue_may_be_json(tmp_path: Path, lines: bool) -> None:
    row = {**GOOD, **NUMBERS, "artists": [{"name": "Ann"}, {"name": "Bob"}], "track_genre": []}
    text = json.dumps(row) + "\n" + json.dumps(row) if lines else json.dumps([row, row])
    found = tracks(tmp_path, text)
    assert [(t["artists"], t["genres"], t["key"]) for t in found] == [(["Ann", "Bob"], [], 1)] * 2
