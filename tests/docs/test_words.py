"""Keeps our former private words out of code, documents, command help and settings.

`python -m tests.docs.test_words [PATH ...]` lists every line to change below the paths (all of the
repository without one), with the better term beside each.
"""

import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.root import ROOT

# Prose: comments, docstrings, string literals and documents. A space matches any white space.
WORDS = {
    r"(is|are|was|were|be|been|being|it's|goes|went|gone) away\b(?! from)": (
        "unavailable, unreachable, down"
    ),
    r"in charge\b": "the operator; requires the admin scope",
    r"(take|takes|taken|took|taking|takes? it|take them) back\b": "roll back, rolled back",
    r"who(so)?ever\b": "anyone who; the operator; the caller",
    r"dearest\b": "most expensive",
    r"cheapest where|where it is cheapest": "at the lowest cost",
    r"parted\b": "split, separated",
    r"puts? down\b": "stored, written",
    r"(made|make|makes|making) up for\b": "compensated, compensates for",
    r"of (one's|its|his|her|their) own\b": "own, dedicated, separate; or leave it out",
    r"(is|are|was|were|be|been|being|not) told\b": "receives, learns, is notified; reported",
    r"tells?\b": "reports, returns, contains, shows",
    r"told apart\b": "distinguished",
    r"spare[ds]?\b|sparing\b": "avoid, save",
    r"heard of\b": "known, received",
    r"a (list|line|track|row|playlist|word|query) a (list|line|track|row|playlist|word|query)\b": (
        "one … per …"
    ),
    r"(taught|teaches|teach)\b": "learned from",
    r"workshop\b": "trainer backend",
    r"kin(ship)?\b|kindred\b": "co-occurrence, shared artist or album",
    r"companions?\b": "co-occurrence",
    r"takeaways?\b": "export",
    r"(behind the gateway|what is behind|who is behind|what stands behind)\b": (
        "upstream services, backends"
    ),
    r"looks? between\b": "polling interval",
    r"(what|that) was shown\b": "impressions; the list that was recommended",
    r"(stands|stand|kept|keep|keeps|held) apart\b": "separate; held out",
    r"(on|is|are) paper\b": "not tested, estimated",
    r"(given|give|gives|giving) out\b": "returned, issued",
    r"anew\b": "again, rebuilt, new",
    r"(goes|go|going|went) on (serving|without|as|living)\b": "continues",
    r"(proves|prove|proved|proving) (it|them|(the|a) (bundle|model))\b": "verify, check",
    r"(between|two) looks\b": "polling interval",
    r"(drawn (at random|with|once)|every draw|each draw)\b": "sampled",
    r"seats?\b": "seed, slot",
    r"refused (rows?|versions?|bundles?|models?|events?|seeds?)\b": "rejected",
    r"(rows?|versions?|bundles?|models?|events?) (that )?(is|are|was|were) refused\b": "rejected",
    r"lets? go of\b": "release",
    r"lies? (in|at|on|beside|below|under)\b": "is in, is at",
    r"nobody may\b": "no one may; say who may",
    r"what (stands|lies|goes|comes) \w+": "name the thing",
    r"where (there )?(is|are) (one|none|any)\b": "if there is one",
    r"where (one|none|nothing|any|nobody) (is|are|was|were|has|does)\b": "if …, unless …",
}
# Names: modules, classes, functions, variables.
NAMES = {
    r"work_?shops?": "trainer backend",
    r"in_?charge": "operator",
    r"take_?away": "export",
    r"kinship|kin": "co-occurrence",
    r"parted": "split",
    r"whoever": "caller",
    r"behind": "dependencies, upstreams",
    r"(registering|backing|diagnosing|gating|drifting|experimenting)": (
        "models, backup, doctor, gate, drift, experiments"
    ),
}
# Names of modules and folders, besides those.
MODULES = {
    r"following|challenging|placing|drafting|answering": (
        "registry_follower, challenger, index_placement, interleaving, recommender"
    ),
    r"telling|words|atlas|making": "text, translations, map, rows",
}
# Words that are the field's in one place: (what was found, the file).
ALLOWED: set[tuple[str, str]] = {
    # Titles: "Santa Tell Me", "Go Tell It on the Mountain".
    ("tell", "libs/text/src/quintet_text/seasons.py"),
    # A parameter of links that listeners keep: a new name would break them.
    ("seat", "ui/src/quintet_ui/preferences.py"),
}
# "where it is set" instead of "if it is set": how often in 10,000 words of docstrings and comments,
# and of documents. httpx has 3.
CONDITIONAL = re.compile(
    (
        r"\bwhere (?:(?:an?|the|no|its|all|both) )?[\w`'.-]+"
        r" (?:is|are|was|were|has|have|had|does|do|did)\b"
        r"|\bwhere (?:set|given|known|needed|possible|asked|there)\b"
    ).replace(" ", r"\s+"),
    re.IGNORECASE,
)
AT_MOST = {".py": 13, ".md": 5}

SUFFIXES = {
    ".md",
    ".proto",
    ".yml",
    ".yaml",
    ".toml",
    ".js",
    ".mjs",
    ".css",
    ".sh",
    ".sql",
    ".html",
}
FILES = {".env.template", ".env.safe", "Makefile", "Dockerfile"}
SKIPPED = ("tests/", "protos/gen/", "docs/generate/")  # tests are free; generated text is not ours
SELF = ("CODE_OF_CONDUCT.md", "README.ko.md")  # quoted from elsewhere; another language


@dataclass(frozen=True)
class Offence:
    path: str
    line: int
    found: str
    better: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.found!r} → {self.better}"


def expression(words, before, after):
    """One expression over all words, a group for each, so that a text is read once."""
    groups = (re.sub(r"\((?!\?)", "(?:", word).replace(" ", r"\s+") for word in words)
    return re.compile(
        before + "(?:" + "|".join(f"({group})" for group in groups) + ")" + after, re.I
    )


PROSE = expression(WORDS, r"\b", "")
NAME = expression(NAMES, r"(?<![A-Za-z])", r"(?![A-Za-z])")
MODULE = expression({**NAMES, **MODULES}, r"\A", r"\Z")
BETTER = {
    PROSE: list(WORDS.values()),
    NAME: list(NAMES.values()),
    MODULE: [*NAMES.values(), *MODULES.values()],
}


@cache
def files():
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    return sorted(
        path
        for path in listed
        if path
        and not path.startswith(SKIPPED)
        and path not in SELF
        and (Path(path).suffix in SUFFIXES | {".py"} or Path(path).name in FILES)
        and (ROOT / path).is_file()
    )


def prose_of_python(source):
    """Comments and string literals in their places; everything else is blank.

    Code between two strings becomes `\\0`, which no word matches, so that phrases go on over the
    lines of a comment or a docstring and not from one string to the next.
    """
    lines = source.splitlines(keepends=True)
    kept = [["\n" if character == "\n" else " " for character in line] for line in lines]
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            text = re.sub(r"^#+:?", blank, token.string)
        elif token.type in TEXT:
            text = re.sub(
                r"^[A-Za-z]{0,2}(\"{3}|'{3}|\"|')|(\"{3}|'{3}|\"|')$", blank, token.string
            )
        elif token.type in (tokenize.NAME, tokenize.OP, tokenize.NUMBER):
            text = "\0" * len(token.string)
        else:
            continue
        (row, column) = token.start
        for line in text.splitlines():
            kept[row - 1][column : column + len(line)] = line
            row, column = row + 1, 0
    return "".join("".join(line) for line in kept)


# From Python 3.12 on, the text of an f-string is a token without quotes.
TEXT = {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}


def blank(match):
    return " " * len(match[0])


def in_words(name):
    """A name with its words apart: DaskWorkshop, dask_workshop."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)


def names_of_python(source):
    return [
        (token.start[0], token.string)
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.NAME
    ]


def prose_of(path, source):
    if path.endswith(".py"):
        return prose_of_python(source)
    return re.sub(r"^[ \t]*(#+|//+|\*|>)(?=\s)", blank, source, flags=re.MULTILINE)


def offences_of(path) -> Iterator[Offence]:
    source = (ROOT / path).read_text(encoding="utf-8")
    text = prose_of(path, source)
    found = [
        (text.count("\n", 0, match.start()) + 1, " ".join(match[0].split()), better(PROSE, match))
        for match in PROSE.finditer(text)
    ]
    for part in Path(path).with_suffix("").parts:
        if match := MODULE.search(part):
            found.append((1, part, better(MODULE, match)))
    for line, name in dict.fromkeys(names_of_python(source) if path.endswith(".py") else ()):
        if match := NAME.search(in_words(name)):
            found.append((line, name, better(NAME, match)))
    for line, word, instead in sorted(found):
        if (word.lower(), path) not in ALLOWED:
            yield Offence(path, line, word, instead)


def better(pattern, match):
    """The better term: each word of a pattern is one group."""
    return BETTER[pattern][(match.lastindex or 1) - 1]


def offences(paths):
    return [offence for path in paths for offence in offences_of(path)]


@pytest.mark.parametrize("room", sorted({path.split("/")[0] for path in files()}))
def test_no_private_word_comes_back(room):
    checked = [path for path in files() if path.split("/")[0] == room]
    found = offences(checked)
    assert not found, "\n".join(["the field's words:", *map(str, found)])


def conditionals(paths):
    """How many "where it is …" stand in 10,000 words."""
    texts = [prose_of(path, (ROOT / path).read_text(encoding="utf-8")) for path in paths]
    words = sum(len(re.findall(r"[A-Za-z]{2,}", text)) for text in texts)
    return 10_000 * sum(len(CONDITIONAL.findall(text)) for text in texts) / max(words, 1)


@pytest.mark.parametrize("suffix", [".py", ".md"])
def test_conditions_begin_with_if(suffix):
    paths = [path for path in files() if path.endswith(suffix)]
    rate = conditionals(paths)
    worst = sorted(paths, key=lambda path: -conditionals([path]))[:10]
    shown = [f"{path}: {conditionals([path]):.0f}" for path in worst]
    assert rate <= AT_MOST[suffix], "\n".join(
        [f'{rate:.0f} "where it is …" in 10,000 words', *shown]
    )


def test_phrases_are_found_over_lines_and_not_across_strings():
    told = '"""Reads what it\n    is\n    told."""\n'
    assert PROSE.search(prose_of_python(told))
    assert PROSE.search(prose_of_python("# The one in\n# charge.\n"))
    assert PROSE.search(prose_of_python('x = ("is "\n    "told")\n'))
    assert not PROSE.search(prose_of_python('x = ["is", "told"]\n'))
    assert not PROSE.search(prose_of_python("told = is_told(tell)\n"))
    assert PROSE.search(prose_of("a.md", "> the one in\n> charge\n"))


def test_names_are_found_as_parts_of_names():
    assert all(NAME.search(in_words(n)) for n in ("DaskWorkshop", "dask_workshop", "incharge"))
    assert not any(NAME.search(in_words(name)) for name in ("kinds", "departed", "hinders"))


if __name__ == "__main__":
    wanted = tuple(sys.argv[1:])
    listed = offences([path for path in files() if not wanted or path.startswith(wanted)])
    print("\n".join(map(str, listed)))  # noqa: T201 a command
    sys.exit(bool(listed))
