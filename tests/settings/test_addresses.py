"""A path in a URL stays the path, whatever characters it holds."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_settings import sqlite_url
from quintet_store import open_engine
from quintet_training.settings import TrainingSettings
from sqlalchemy.engine import make_url

NAMES = ["what?", "50%20off", "C#", "a b", "한국어", "a&b=c", "x;y", "100%", "a:b@c", "%2F"]


@pytest.mark.parametrize("name", NAMES)
def test_the_database_lies_inside_of_the_home(tmp_path: Path, name: str) -> None:
    home = tmp_path / name
    open_engine(TrainingSettings(home=home).database_url).dispose()
    assert (home / "quintet.db").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=20))
def test_the_url_of_any_path_names_the_path(name: str) -> None:
    path = Path("/home") / name / "quintet.db"
    assert make_url(sqlite_url(path)).database == str(path.resolve())
