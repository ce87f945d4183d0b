"""What an answer may have to do without, by name."""

from enum import StrEnum


class Part(StrEnum):
    """Closed list of what `degraded` names; `docs/resilience.md` says what each costs."""

    BOOSTER = "booster"
    TASTE = "taste"
    INDEX = "index"
    CHALLENGER = "challenger"
    PROFILE = "profile"
    SPOTIFY = "spotify"
    SEARCH = "search"
    REGISTRY = "registry"
    DATABASE = "database"
