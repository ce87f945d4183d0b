"""Count how readable the product's code is: `python -m tools.measures [FOLDER ...]`.

The figures are compared between two states of this repository. None of them is a goal by itself:
a comment that repeats its line raises the first and helps nobody.
"""

import argparse
import ast
import io
import json
import re
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
# The product's own code; generated stubs and migrations are written once and never edited.
PACKAGES: Final = (
    "libs",
    "services",
    "gateway",
    "ui",
    "training",
    "library",
    "tags",
    "analysis",
    "perception",
    "command",
    "client",
    "players",
    "home",
    "dags",
)
_CONDITIONAL: Final = re.compile(
    r"\bwhere (it|they|there|none|one|that|this|the [a-z]+) (is|are|was|were|has|have|does|do)\b"
)
_AWAY: Final = re.compile(r"\b(is|are|was|were|be|goes|went|gone) away\b")
_DOCUMENTED: Final = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def sources(folders: list[Path]) -> Iterator[Path]:
    """Yield the Python files of the product below some folders, in order."""
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            parts = path.parts
            if {"gen", "migrations", ".venv", "tests", "node_modules"}.isdisjoint(parts):
                yield path


def measure(folders: list[Path]) -> dict[str, float]:
    """Count comments, docstrings, private functions and class names below some folders."""
    counts: Counter[str] = Counter()
    classes: defaultdict[str, set[Path]] = defaultdict(set)
    for path in sources(folders):
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        counts["files"] += 1
        counts.update(_lines(text))
        counts.update(_docstrings(tree))
        counts["private_called_once"] += _private_called_once(tree)
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                classes[node.name].add(path)
    code, words = max(counts["code_lines"], 1), max(counts["docstring_words"], 1)
    return {
        **counts,
        "comments_per_100_lines": round(100 * counts["comments"] / code, 2),
        "conditionals_per_10000_words": round(10_000 * counts["conditionals"] / words, 1),
        "class_names_in_several_modules": sum(len(each) > 1 for each in classes.values()),
    }


def _lines(text: str) -> Counter[str]:
    """Count lines that hold code and lines that hold a comment; directives are no comments."""
    code: set[int] = set()
    comments: set[int] = set()
    skipped = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            if not re.match(r"#\s*(noqa|type:|pragma|!)", token.string):
                comments.add(token.start[0])
        elif token.type not in skipped and not _is_docstring(token):
            code.update(range(token.start[0], token.end[0] + 1))
    return Counter(code_lines=len(code), comments=len(comments))


def _is_docstring(token: tokenize.TokenInfo) -> bool:
    return token.type == tokenize.STRING and token.line.lstrip().startswith(('"""', 'r"""'))


def _docstrings(tree: ast.Module) -> Counter[str]:
    counts: Counter[str] = Counter()
    for node in ast.walk(tree):
        if not isinstance(node, _DOCUMENTED):
            continue
        text = ast.get_docstring(node)
        if not text:
            continue
        flat = " ".join(text.split())
        counts["docstrings"] += 1
        counts["docstring_words"] += len(flat.split())
        counts["docstrings_beginning_returns"] += flat.startswith("Returns")
        counts["conditionals"] += len(_CONDITIONAL.findall(flat.lower()))
        counts["is_away"] += len(_AWAY.findall(flat.lower()))
    return counts


def _private_called_once(tree: ast.Module) -> int:
    """Count private functions of a module that the module names exactly once."""
    private = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and re.match(r"_[a-z]", node.name)
        and not node.decorator_list
    }
    uses = Counter(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
    uses.update(node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return sum(uses[name] == 1 for name in private)


def _settings_lines() -> int:
    template = ROOT / ".env.template"
    pattern = re.compile(r"^#?\s?[A-Z][A-Z0-9_]+=", re.MULTILINE)
    return len(pattern.findall(template.read_text(encoding="utf-8")))


def main() -> None:
    """Print the counts as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path, help="folders to read; all by default")
    chosen = parser.parse_args().folders or [ROOT / name for name in PACKAGES]
    report = measure([folder for folder in chosen if folder.is_dir()])
    print(json.dumps({**report, "settings": _settings_lines()}, indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
