"""Titles, paths and messages are printed as they are; no text commands the terminal."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_client.models import Recommendations
from quintet_command.cli import main
from quintet_command.cli.output import print_recommendations
from quintet_command.cli.progress import progress_bar
from quintet_command.cli.terminal import Console, json_text, print_json
from rich.table import Table

HOSTILE = ["[untitled]", "Side [/b]", "[bold]x[/bold]", ":smile:", "[link=http://x]y[/link]", "a\\"]
ESCAPES = ["\x1b[2J", "\x1b]0;owned\x07", "\x9b31m", "\u202egpj", "a\rb"]


def printed(renderable: object) -> str:
    console = Console(width=200)
    console.file = io.StringIO()
    console.print(renderable, highlight=False)
    return str(console.file.getvalue())


@pytest.mark.parametrize("title", HOSTILE)
def test_a_title_is_printed_as_it_is_in_lines_and_tables(title):
    table = Table("track", title=title, caption=title)
    table.add_row(title)
    assert printed(title).strip() == title
    assert printed(table).count(title) == 3


@pytest.mark.parametrize("text", ESCAPES)
def test_no_text_commands_the_terminal(text):
    table = Table(text)
    table.add_row(text)
    for shown in (printed(text), printed(table), json_text({"title": text}, indent=2)):
        assert not any(sign in shown for sign in "\x1b\x07\x9b\u202e\r")


@given(st.text(max_size=60))
def test_json_keeps_its_meaning(text):
    assert json.loads(json_text({"title": text}, indent=2)) == {"title": text}


def test_json_of_a_response_is_printed_whole(capsys):
    answer = {"title": "[/b] \x9b" + "x" * 500}
    print_json(answer)
    shown = capsys.readouterr().out
    assert json.loads(shown) == answer
    assert "\x9b" not in shown


def test_recommendations_with_hostile_titles_are_printed(capsys):
    track = {
        "id": "t", "title": "Side [/b]\x1b[2J", "artists": [{"id": "a", "name": "[untitled]"}],
        "album": "", "album_id": "", "release_date": "", "duration_ms": 1, "popularity": 1,
        "explicit": False, "genres": ["[rock]"], "isrc": "", "provenance": "", "licence": "",
        "cover_url": "", "preview_url": "",
    }  # fmt: skip
    answer = Recommendations.model_construct(
        seeds=[_Named(track=_track(track))],
        tracks=[_Named(track=_track(track), rank=1, score=0.5, reasons=None)],
        versions=_Named(model="m", index="i", catalogue="c"),
        pool=_Named(initial=1, after_filtering=1, candidates=1),
    )
    print_recommendations(answer, Console(width=200))
    shown = capsys.readouterr().out
    assert shown.count("Side [/b]") == 2
    assert shown.count("[untitled]") == 2
    assert "[rock]" in shown
    assert "\x1b[2J" not in shown


class _Named:
    """Values by name."""

    def __init__(self, **values: object) -> None:
        self.__dict__.update(values)


def _track(values):
    names = [_Named(**artist) for artist in values["artists"]]
    return _Named(**{**values, "artists": names})


def test_a_progress_step_is_no_markup():
    console = Console(width=80)
    console.file = io.StringIO()
    console._force_terminal = True
    with progress_bar(console) as show:
        show(0.5, "[/b] \x1b]0;owned\x07")
    assert "[/b]" in console.file.getvalue()
    assert "owned\x07" not in console.file.getvalue()


def test_a_failure_is_printed_without_escapes(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["quintet", "no\x1b[2Jsuch[/b]"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    shown = capsys.readouterr().err
    assert "\x1b" not in shown
    assert "such[/b]" in shown
