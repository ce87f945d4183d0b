import contextlib
import csv
import io
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quintet_contract.attributes import ATTRIBUTES, RANGES
from quintet_training import datasets
from quintet_training.datasets import DatasetInvalid
from quintet_training.datasets.checking import check_tracks
from quintet_training.datasets.columns import map_columns
from quintet_training.datasets.reading import open_table
from quintet_training.datasets.tables import LINE
from quintet_training.settings import TrainingSettings

HEADER = ["track_id", "title", "artists", *ATTRIBUTES]
CELLS = (
    st.text(max_size=20) | st.floats().map(str) | st.sampled_from(["", "0.5", "1", "[1]", "['a'"])
)
FOLDER = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@FOLDER
@given(content=st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    for name in ("a.csv", "a.parquet"):
        path = tmp_path / name
        path.write_bytes(content)
        with contextlib.suppress(DatasetInvalid):
            opened = open_table(path)
            for batch in opened.batches(opened.columns):
                assert 0 <= batch.share <= 1


@FOLDER
@given(rows=st.lists(st.lists(CELLS, min_size=15, max_size=19), max_size=8))
def test_every_row_of_a_table_is_stored_duplicate_or_quarantined(
    tmp_path: Path, rows: list[list[str]]
) -> None:
    stream = io.StringIO()
    csv.writer(stream).writerows([HEADER, *rows])
    path = tmp_path / "a.csv"
    path.write_bytes(stream.getvalue().encode("utf-8", "replace"))
    home = TrainingSettings(
        home=tmp_path / "home", database_url="sqlite:///" + str(tmp_path / "x.db")
    )
    try:
        counts = datasets.import_catalogue(home, datasets.preview(path)).counts
    except DatasetInvalid:
        return
    finally:
        (tmp_path / "x.db").unlink(missing_ok=True)
    assert counts.rows_read == counts.rows_stored + counts.rows_duplicate + counts.rows_quarantined
    assert counts.rows_read >= len(rows) - 1


@given(
    values=st.lists(
        st.tuples(st.sampled_from(ATTRIBUTES), st.floats() | st.none()), min_size=1, max_size=10
    )
)
@settings(deadline=None, max_examples=60)
def test_what_passes_the_check_is_in_range(values: list[tuple[str, float | None]]) -> None:
    rows = []
    for line, (name, value) in enumerate(values, start=2):
        attributes: dict[str, float | None] = dict.fromkeys(ATTRIBUTES, 1.0)
        rows.append(
            {
                LINE: line,
                "track_id": f"t{line}",
                "title": "x",
                "artists": "y",
                **attributes,
                name: value,
            }
        )
    schema = {LINE: pl.Int64, "track_id": pl.String, "title": pl.String, "artists": pl.String}
    frame = pl.DataFrame(rows, schema={**schema, **dict.fromkeys(ATTRIBUTES, pl.Float64)})
    tracks, refused = check_tracks(frame, map_columns(frame.columns, {}), "p", "l")
    assert len(tracks) + len(refused) == len(rows)
    for name in ATTRIBUTES:
        low, high = RANGES[name]
        assert tracks.get_column(name).is_between(low, high).all()


@pytest.mark.parametrize(
    ("name", "cell", "value"),
    [
        ("key", "C#", 1.0),
        ("key", "Bb", 10.0),
        ("mode", "Minor", 0.0),
        ("time_signature", "3/4", 3.0),
    ],
)
def test_musical_words_are_read_as_numbers(name: str, cell: str, value: float) -> None:
    numbers = {**dict.fromkeys(ATTRIBUTES, "1"), "duration_ms": "200000"}
    row = {LINE: 2, "track_id": "t", "title": "x", "artists": "y", **numbers}
    frame = pl.DataFrame([{**row, name: cell}])
    tracks, refused = check_tracks(frame, map_columns(frame.columns, {}), "p", "l")
    assert not refused
    assert tracks.item(0, name) == value
