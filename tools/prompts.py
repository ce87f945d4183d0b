"""Count how many prompts are read exactly right: `python -m tools.prompts` over QUINTET_HOME.

The prompts, with the query that is right over the embedded catalogue, are in
`tests/prompts/prompts.json`. Those with `unseen` were not looked at while the parser was written.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from quintet_command.settings import CommandSettings
from quintet_modelkit.publication import followed_version
from quintet_prompts import (
    CatalogueFacts,
    NamedItem,
    Names,
    Problem,
    Understanding,
    name_phrases,
    understand,
)
from quintet_search.adapters.catalogue import IndexedCatalogue
from quintet_search.domain.names import NameQuery

PROMPTS: Final = Path(__file__).parents[1] / "tests" / "prompts" / "prompts.json"
THIS_YEAR: Final = 2026


@dataclass(frozen=True)
class Reading:
    """One prompt of the set: what is right, and what was read."""

    expected: Mapping[str, Any]
    read: Mapping[str, Any]

    @property
    def is_exact(self) -> bool:
        """Whether everything is as it should be."""
        return _without_text(self.expected) == self.read

    @property
    def silent(self) -> list[str]:
        """Hard conditions of the text that are neither in the query nor listed."""
        if self.read.get("not_understood") or self.read.get("contradictions"):
            return []
        wanted, got = self.expected.get("filters", {}), self.read.get("filters", {})
        return [name for name, value in wanted.items() if got.get(name) != value]


class Catalogue:
    """Resolves names in a published catalogue, as the search service does."""

    def __init__(self, home: Path) -> None:
        version = followed_version(home / "catalogue")
        if version is None:
            raise SystemExit(f"{home} has no catalogue: run quintet prepare")
        self._catalogue = IndexedCatalogue.load(home, version)
        facts = self._catalogue.facts
        self.facts = CatalogueFacts(
            facts.track_count,
            facts.dated_count,
            facts.explicit_count,
            [genre.name for genre in facts.largest_genres],
            facts.popular_tracks,
        )
        self.labels: dict[str, str] = {}

    def understand(self, text: str, removed: tuple[str, ...] = ()) -> Understanding:
        """Read a prompt."""
        return understand(text, self._names(text), self.facts, THIS_YEAR, removed)

    def _names(self, text: str) -> Names:
        phrases = name_phrases(text)
        found = self._catalogue.named([NameQuery(each.text, each.similar) for each in phrases])
        names = {
            phrase.text: [
                NamedItem(
                    item.kind.value,
                    item.id,
                    item.name,
                    tuple((artist.id, artist.name) for artist in item.artists),
                    item.is_similar,
                )
                for item in items
            ]
            for phrase, items in zip(phrases, found, strict=True)
        }
        for items in names.values():
            for item in items:
                by = "|" + item.artists[0][1] if item.artists else ""
                self.labels[item.id] = f"{item.kind}:{item.name}{by}"
        return names

    def reading(self, expected: Mapping[str, Any]) -> Reading:
        """Read a prompt of the set, with names in place of ids."""
        text = expected["text"]
        found = self.understand(text)
        pieces = [part.piece for part in found.parts if part.problem in _UNAVAILABLE]
        contradictions = [part for part in found.parts if part.problem is Problem.CONTRADICTION]
        read = {
            **self._labelled(found.query),
            "unavailable": pieces,
            "not_understood": [text[each.start : each.end] for each in found.not_understood],
            "contradictions": int(bool(contradictions)),
        }
        return Reading(expected, {name: value for name, value in read.items() if value})

    def _labelled(self, query: Mapping[str, Any]) -> dict[str, Any]:
        filters = dict(query.get("filters", {}))
        for name in ("artist_ids", "excluded_artist_ids", "excluded_track_ids"):
            if name in filters:
                label = name.removesuffix("_ids") + "s"
                filters[label] = [self._label(each) for each in filters.pop(name)]
        options = {
            name: value
            for name, value in query.items()
            if name not in ("seeds", "negative_seeds", "filters", "targets")
        }
        return {
            "seeds": [self._seed(seed) for seed in query.get("seeds", ())],
            "negative_seeds": [self._seed(seed) for seed in query.get("negative_seeds", ())],
            "filters": filters,
            "targets": dict(query.get("targets", {})),
            "options": options,
        }

    def _seed(self, seed: Mapping[str, str]) -> str:
        kind, name = next(iter(seed.items()))
        return f"genre:{name}" if kind == "genre" else self._label(name)

    def _label(self, name: str) -> str:
        # A title's notes and the further artists of a track are not part of the set.
        return self.labels.get(name, name).replace(" - Remastered", "").replace(" 2011", "")


_UNAVAILABLE: Final = (Problem.NO_DATA, Problem.NOT_IN_CATALOGUE, Problem.NOT_SUPPORTED)


def _without_text(expected: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in expected.items()
        if name not in ("text", "language", "unseen")
    }


def read_all(home: Path) -> list[Reading]:
    """Read every prompt of the set."""
    catalogue = Catalogue(home)
    return [catalogue.reading(each) for each in json.loads(PROMPTS.read_text(encoding="utf-8"))]


def main() -> int:
    """Print the figures, and on request each prompt that is not exactly right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=CommandSettings().home)
    parser.add_argument("--wrong", choices=("seen", "all"), help="show the prompts that are wrong")
    options = parser.parse_args()
    readings = read_all(options.home)
    for label, chosen in (
        ("all", readings),
        ("English", [each for each in readings if each.expected["language"] == "en"]),
        ("Korean", [each for each in readings if each.expected["language"] == "ko"]),
        ("unseen", [each for each in readings if each.expected.get("unseen")]),
    ):
        exact = sum(each.is_exact for each in chosen)
        silent = sum(bool(each.silent) for each in chosen)
        sys.stdout.write(
            f"{label}: {exact} of {len(chosen)} exactly right ({exact / len(chosen):.0%}), "
            f"{silent} silently wrong in a hard condition\n"
        )
    for each in readings if options.wrong else ():
        if not each.is_exact and (options.wrong == "all" or not each.expected.get("unseen")):
            shown = json.dumps(each.read, ensure_ascii=False)
            right = json.dumps(_without_text(each.expected), ensure_ascii=False)
            sys.stdout.write(f"\n{each.expected['text']}\n  right {right}\n  read  {shown}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
