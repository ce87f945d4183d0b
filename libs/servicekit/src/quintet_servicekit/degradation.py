"""Names of the parts that an answer may lack when a service or a file is unavailable."""

from enum import StrEnum


class Part(StrEnum):
    """The values of `degraded` in answers; `docs/resilience.md` describes the effect of each."""

    BOOSTER = "booster"
    TASTE = "taste"
    INDEX = "index"
    LISTENING = "listening"
    CHALLENGER = "challenger"
    PROFILE = "profile"
    SPOTIFY = "spotify"
    SEARCH = "search"
    REGISTRY = "registry"
    DATABASE = "database"
    MEMORY = "memory"
