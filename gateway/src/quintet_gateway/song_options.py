"""Options on songs as words of a request and as numbers of the ranker's request."""

from collections.abc import Mapping
from typing import Final

from quintet.ranker.v1 import ranker_pb2
from quintet_contract.options import Seasonal, Variants

VARIANTS: Final[Mapping[str, ranker_pb2.SongVariants.ValueType]] = {
    Variants.EXCLUDE: ranker_pb2.SONG_VARIANTS_EXCLUDE,
    Variants.ALLOW: ranker_pb2.SONG_VARIANTS_ALLOW,
}
VARIANTS_MEANING: Final = (
    "Whether other versions of the seeds' songs may be returned: live, remix, cover, karaoke and "
    "the like."
)
SEASONAL: Final[Mapping[str, ranker_pb2.SeasonalSongs.ValueType]] = {
    Seasonal.EXCLUDE: ranker_pb2.SEASONAL_SONGS_EXCLUDE,
    Seasonal.ALLOW: ranker_pb2.SEASONAL_SONGS_ALLOW,
}
SEASONAL_MEANING: Final = (
    "Whether songs of a season, such as Christmas, may be returned if no seed is of that season."
)
