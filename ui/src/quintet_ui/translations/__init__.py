"""Every text of the page, in English and Korean; the page itself holds none."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

LANGUAGES: Final = ("en", "ko")
NAMES: Final = {"en": "English", "ko": "한국어"}
"""Each language's name in that language, so that its speakers can read it."""


class Translations:
    """The texts of one language.

    Args:
        language: Its code (ISO 639-1).
        texts: Texts by key; a text may hold `{names}` to fill in.
    """

    def __init__(self, language: str, texts: Mapping[str, str]) -> None:
        self.language = language
        self._texts = texts

    def __call__(self, key: str, **facts: object) -> str:
        """Look up a text and fill in its placeholders."""
        return self._texts[key].format(**facts) if facts else self._texts[key]

    def get(self, key: str) -> str | None:
        """Look up a text; None if the key does not exist."""
        return self._texts.get(key)

    @property
    def keys(self) -> frozenset[str]:
        """The keys of all texts."""
        return frozenset(self._texts)

    def group(self, prefix: str) -> dict[str, str]:
        """Select all texts under a prefix, by the rest of their keys."""
        start = f"{prefix}."
        return {
            key.removeprefix(start): text
            for key, text in self._texts.items()
            if key.startswith(start)
        }


@cache
def translations_for(language: str) -> Translations:
    """Load the texts of a language; English for an unknown one."""
    code = language if language in LANGUAGES else "en"
    text = (files(__package__) / f"{code}.toml").read_text(encoding="utf-8")
    return Translations(code, dict(_flat(tomllib.loads(text))))


def language_of(locale: str | None) -> str:
    """Choose the language for a browser's locale, such as ko-KR; English for unknown ones."""
    # "ko-KR" and "ko_KR" both mean Korean.
    code = (locale or "").lower().replace("_", "-").partition("-")[0]
    return code if code in LANGUAGES else "en"


def _flat(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for key, value in table.items():
        name = f"{prefix}{key}"
        pairs += _flat(value, f"{name}.") if isinstance(value, dict) else [(name, value)]
    return pairs
