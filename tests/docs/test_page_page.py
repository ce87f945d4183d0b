"""What docs/page.md says of settings and files is so."""

import re

from quintet_ui.settings import Settings

from tests.root import ROOT

PAGE = (ROOT / "docs" / "page.md").read_text(encoding="utf-8")


def names_of(settings):
    for name, field in settings.model_fields.items():
        alias = field.validation_alias
        if alias is None:
            yield f"QUINTET_UI_{name.upper()}"
        else:
            yield alias if isinstance(alias, str) else str(alias.choices[0])


def test_every_setting_of_the_page_is_described_and_no_other():
    described = set(re.findall(r"`((?:QUINTET|SPOTIPY)_[A-Z_]+)`", PAGE))
    assert set(names_of(Settings)) <= described
    others = {"QUINTET_AUTH", "SPOTIPY_REDIRECT_URI"}
    assert described - set(names_of(Settings)) <= others


def test_defaults_are_as_described():
    rows = dict(re.findall(r"^\| `(QUINTET_UI_[A-Z_]+)` \| `([^`]+)` \|", PAGE, re.MULTILINE))
    fields = Settings.model_fields
    assert float(rows["QUINTET_UI_GATEWAY_SECONDS"]) == fields["gateway_seconds"].default
    assert int(rows["QUINTET_UI_PORT"]) == fields["port"].default


def test_pictures_that_documents_show_are_there_and_small():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pictures = [ROOT / "docs" / name for name in re.findall(r"\((screenshots/[^)]+)\)", PAGE)]
    pictures += [ROOT / name for name in re.findall(r"\((docs/screenshots/[^)]+)\)", readme)]
    assert len(pictures) >= 4
    assert [path for path in pictures if not path.exists()] == []
    assert max(path.stat().st_size for path in pictures) < 400_000
