"""Both languages hold the same texts, the page uses no other, and every feature has a name."""

import ast
import re
import string
from pathlib import Path

import pytest
import quintet_ui
from quintet_explain import Kind
from quintet_ui.faults import Fault
from quintet_ui.presets import PRESETS
from quintet_ui.translations import LANGUAGES, language_of, translations_for

SOURCE = Path(quintet_ui.__file__).parent
EN, KO = (translations_for(language) for language in LANGUAGES)
# Texts of these groups are chosen by a name that is only known when the page runs.
CHOSEN_BY_NAME = {
    "attribute", "feature", "fault", "degraded", "preset", "unit", "key", "mode", "why",
    "family", "search", "seeds", "cards", "operator", "own", "state",
    "undo", "who", "dial", "radio", "chip", "history", "tray", "map", "mood", "pace", "bound",
    "watch", "shell", "toast", "sound",
}  # fmt: skip


def texts(texts):
    return {key: texts.get(key) for key in texts.keys}


def placeholders(text):
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name)


def modules():
    for path in sorted(SOURCE.rglob("*.py")):
        yield path.relative_to(SOURCE).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def used_keys():
    for _, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args:
                name = ast.unparse(node.func)
                first = node.args[0]
                if name.split(".")[-1] in {"texts", "texts()"} or name.endswith("texts()"):
                    for part in ast.walk(first):
                        if isinstance(part, ast.Constant) and isinstance(part.value, str):
                            yield part.value, isinstance(first, ast.Constant)


def test_both_languages_hold_the_same_texts():
    assert texts(EN).keys() == texts(KO).keys()


def test_both_languages_fill_in_the_same_facts():
    ours, theirs = texts(EN), texts(KO)
    assert {k: placeholders(v) for k, v in ours.items()} == {
        k: placeholders(v) for k, v in theirs.items()
    }


def test_korean_texts_are_korean():
    words = {key: re.sub(r"{.*?}", "", text) for key, text in texts(KO).items()}
    shared = {
        k for k, text in words.items() if re.search(r"\w", text) and not re.search("[가-힣]", text)
    }
    # Units, musical notes and the name of the page are the same everywhere.
    assert {key.partition(".")[0] for key in shared} <= {"unit", "page", "export"}


def test_every_text_that_the_page_names_is_there():
    whole = {key for key, is_whole in used_keys() if is_whole}
    assert len(whole) > 30
    assert whole <= texts(EN).keys()


def test_every_text_is_used():
    used = {key for key, _ in used_keys()}
    unused = {
        key for key in texts(EN) if key not in used and key.partition(".")[0] not in CHOSEN_BY_NAME
    }
    assert unused == set()


def test_no_literal_reaches_the_page_past_the_catalogues():
    """Streamlit's calls take texts by position; none of them may be written in the code."""
    shown = {
        "title", "header", "subheader", "caption", "write", "markdown", "text", "info", "warning",
        "error", "success", "toast", "button", "download_button", "link_button", "slider", "metric",
        "select_slider", "pills", "segmented_control", "toggle", "expander", "spinner", "tabs",
        "popover", "checkbox", "radio", "selectbox", "multiselect", "text_input", "page_link",
    }  # fmt: skip
    found = []
    for name, tree in modules():
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr in shown and ast.unparse(node.func).startswith("st."):
                told = [
                    *node.args[:1],
                    *(k.value for k in node.keywords if k.arg in {"help", "label"}),
                ]
                found += [
                    f"{name}:{node.lineno}"
                    for text in told
                    if isinstance(text, ast.Constant | ast.JoinedStr)
                    and re.search("[A-Za-z가-힣]{2}", literal(text))
                ]
    assert found == []


def literal(node):
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return "".join(str(part.value) for part in parts if isinstance(part, ast.Constant))


def test_no_script_holds_a_text_of_its_own():
    for path in sorted((SOURCE / "components").glob("*.js")):
        code = re.sub(r"//.*", "", path.read_text(encoding="utf-8"))
        for call in re.findall(
            r'(?:textContent|placeholder|"aria-label"|title)\s*[=:]\s*"([^"]*)"', code
        ):
            assert call == "", f"{path.name}: {call}"


@pytest.mark.parametrize("texts", [EN, KO], ids=LANGUAGES)
def test_everything_chosen_by_name_has_a_text(texts):
    for fault in Fault:
        assert texts(f"fault.{fault.value}")
    for preset in PRESETS:
        assert texts(f"preset.{preset}")
    for kind in Kind:
        assert "{" in texts(f"chip.{kind}")


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("ko-KR", "ko"),
        ("ko", "ko"),
        ("KO_kr", "ko"),
        ("en-GB", "en"),
        ("fr-FR", "en"),
        (None, "en"),
    ],
)
def test_a_browser_is_spoken_to_in_its_language_or_english(locale, language):
    assert language_of(locale) == language


@pytest.mark.parametrize(
    "key", sorted(key for key, text in texts(EN).items() if "{" in (text or ""))
)
@pytest.mark.parametrize("count", [1, 5849])
def test_a_count_of_one_reads_like_any_other(key, count):
    """No sentence says "1 songs": a count stands behind its noun, and not before it."""
    text = EN(key, **dict.fromkeys(placeholders(EN.get(key)), count))
    assert not re.search(rf"\b{count} (song|artist|list|playlist|request|minute|track)s?\b", text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_search_reports_what_is_shown_and_not_how_much_there_is(language):
    """Eight results are shown at most, of any number of matches."""
    count = translations_for(language)("search.count", count=8)
    assert not any(word in count.lower() for word in ("found", "match", "찾았"))
