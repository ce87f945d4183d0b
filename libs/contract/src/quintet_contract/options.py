"""Options of a request that are chosen from a list."""

from enum import StrEnum


class Variants(StrEnum):
    """What happens to other versions of the seeds' songs: live, remix, cover and the like."""

    EXCLUDE = "exclude"
    ALLOW = "allow"


class SongVersion(StrEnum):
    """How a track differs from the song's first recording, as title, artists and album say."""

    LIVE = "live"
    REMIX = "remix"
    ACOUSTIC = "acoustic"
    INSTRUMENTAL = "instrumental"
    DEMO = "demo"
    COVER = "cover"
    KARAOKE = "karaoke"
    SPEED = "speed"
    EXTENDED = "extended"
    RERECORDED = "rerecorded"


class Heard(StrEnum):
    """What happens to tracks that the listener heard lately."""

    EXCLUDE = "exclude"
    LESS = "less"
    ALLOW = "allow"


class Seasonal(StrEnum):
    """What happens to songs of a season, such as Christmas, that no seed is of."""

    EXCLUDE = "exclude"
    ALLOW = "allow"


class RadioAction(StrEnum):
    """What a listener did with a track of a radio session."""

    LIKE = "like"
    SKIP = "skip"
    FINISH = "finish"
