"""README.ko.md says what README.md says: the same sections, commands and links."""

import hashlib
import re

import pytest
from markdown_it import MarkdownIt

from tests.root import ROOT

ENGLISH, KOREAN = (
    (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.ko.md")
)
OF = re.compile(r"^<!-- of ([0-9a-f]{12}) -->$", re.MULTILINE)


def sections(text):
    """Parts a document at its headings, which code never holds."""
    lines = text.splitlines(keepends=True)
    tokens = MarkdownIt().parse(text)
    starts = [t.map[0] for t in tokens if t.type == "heading_open" and t.map]
    ends = [*starts[1:], len(lines)]
    return ["".join(lines[start:end]) for start, end in zip(starts, ends, strict=True)]


def level(section):
    return len(section) - len(section.lstrip("#"))


def links(section):
    own = {"README.md", "README.ko.md"}  # each names the other
    return [link for link in re.findall(r"\]\(([^)]+)\)", section) if link not in own]


def blocks(section):
    return [(t.info, t.content) for t in MarkdownIt().parse(section) if t.type == "fence"]


PAIRS = [
    pytest.param(*pair, id=pair[0].splitlines()[0].lstrip("# "))
    for pair in zip(sections(ENGLISH), sections(KOREAN), strict=False)
]


def test_both_have_the_same_sections():
    assert [level(one) for one in sections(KOREAN)] == [level(one) for one in sections(ENGLISH)]


@pytest.mark.parametrize(("english", "korean"), PAIRS)
def test_a_section_was_translated_from_the_english_one_as_it_is(english, korean):
    wanted = hashlib.sha256(english.encode()).hexdigest()[:12]
    told = OF.search(korean)
    assert told, f"put <!-- of {wanted} --> below {korean.splitlines()[0]!r} in README.ko.md"
    assert told[1] == wanted, (
        f"{english.splitlines()[0]!r} of README.md has changed: translate that into "
        f"{korean.splitlines()[0]!r} of README.ko.md, and put <!-- of {wanted} --> below it"
    )


@pytest.mark.parametrize(("english", "korean"), PAIRS)
def test_a_section_has_the_same_commands_and_links(english, korean):
    assert blocks(korean) == blocks(english)
    assert links(korean) == links(english)


@pytest.mark.parametrize(("english", "korean"), PAIRS)
def test_a_section_is_in_korean(english, korean):
    def prose(section):
        return re.sub(r"```.*?```|<!--.*?-->|`[^`]*`|\([^)]*\)", "", section, flags=re.DOTALL)

    assert english != korean
    assert len(re.findall(r"[가-힣]", prose(korean))) > 0.2 * len(prose(korean))
    assert not re.search(r"[가-힣]", prose(english).replace("한국어", ""))
