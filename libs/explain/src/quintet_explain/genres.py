"""Names of genres in the languages of the reasons; a genre without a translation keeps its name."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

_TRANSLATED: Final = ("ko",)


def genre_name(name: str, language: str) -> str:
    """Translate the name of a genre.

    Args:
        name: As the catalogue has it, such as "deep-house".
        language: One of `quintet_explain.LANGUAGES`.
    """
    if language not in _TRANSLATED:
        return name
    # Catalogues write one genre as "hip-hop" or as "Hip Hop".
    return _names(language).get(name.casefold().replace("-", " "), name)


def genre_names(language: str) -> Mapping[str, str]:
    """List the translated names of genres, for a caller that has many to translate.

    Args:
        language: One of `quintet_explain.LANGUAGES`.

    Returns:
        Names by the genre in small letters, with spaces for hyphens; empty for English.
    """
    return _names(language) if language in _TRANSLATED else {}


@cache
def _names(language: str) -> Mapping[str, str]:
    path = files(__package__) / "phrases" / f"genres.{language}.toml"
    return dict(tomllib.loads(path.read_text(encoding="utf-8")))
