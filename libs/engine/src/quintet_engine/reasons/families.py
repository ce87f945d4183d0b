"""How much each kind of fact mattered for a track's place: effects on the score, by family.

Every feature of the booster that measures one thing belongs to one family. A family's effect is the
sum of its features' TreeSHAP contributions, so it is relative to the mean score. Targets and
attribute weights change the score after the booster; their effects are relative to the mean over
the candidates and in the same unit.

Without a booster, tracks are in the order of cosine: the effect of an attribute is its term of the
cosine, and the effect of sound is the whole cosine. Artists, playlists and genres have none then.
"""

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from quintet_contract.attributes import ATTRIBUTES

from quintet_engine.kernel.layout import fixed

ARTIST: Final = "artist"
ALBUM: Final = "album"
ARTIST_IN_PLAYLISTS: Final = "artist_in_playlists"
"""Features about the track's artist in playlists: they support "same artist" where it is the same,
and "artists together" where it is another."""
ALBUM_IN_PLAYLISTS: Final = "album_in_playlists"
TOGETHER: Final = "together"
TASTE: Final = "taste"
GENRE: Final = "genre"
SOUND: Final = "sound"

FAMILIES: Final = (
    *(ARTIST, ALBUM, ARTIST_IN_PLAYLISTS, ALBUM_IN_PLAYLISTS, TOGETHER, TASTE, GENRE, SOUND),
    *ATTRIBUTES,
)
"""In the order that `kernel.reasons` numbers them by."""
PLACE: Final = {name: place for place, name in enumerate(FAMILIES)}
_FEATURES: Final = {
    ARTIST: ("artist_share", "same_artist", "any_artist", "artist_closeness"),
    ALBUM: ("album_share", "same_album_title", "same_album", "album_closeness"),
    ARTIST_IN_PLAYLISTS: (
        *("artist_by_ridge", "artist_by_track", "artist_by_artist", "artist_by_context"),
        *("artist_by_ridge_rarity", "artist_by_artist_rarity", "artist_by_ridge_place"),
        *("nearest_artist_company", "artist_company", "artists_met"),
        *("nearest_other_artist_company", "artist_company_place"),
    ),
    ALBUM_IN_PLAYLISTS: (
        *("album_by_ridge", "album_by_track", "album_by_artist", "album_by_context"),
    ),
    TOGETHER: (
        *("track_by_ridge", "track_by_track", "track_by_artist", "track_by_context"),
        *("track_by_track_rarity", "track_by_ridge_rarity", "track_by_ridge_place"),
        *("nearest_company", "company"),
    ),
    TASTE: (
        *("taste_cosine", "nearest_taste", "farthest_taste", "taste_place"),
        *("audible_taste", "audible_taste_mean", "nearest_audible_taste"),
    ),
    GENRE: ("genre_share", "genre_cosine", "genre_closeness"),
    SOUND: (
        *("profile_cosine", "nearest_cosine", "mean_cosine", "farthest_cosine"),
        *("sound_cosine", "nearest_sound", "sound_distance", "sound_place"),
        *("sound_place_in_artist", "artist_sound", "nearest_artist_sound"),
        *("audio_closeness", "seeds_closeness"),
    ),
    "key": ("key_match", "best_key_match"),
    "tempo": ("beat_gap", "least_beat_gap"),
}
_FAMILY_OF: Final = {
    **{f"{name}_{kind}": name for name in ATTRIBUTES for kind in ("gap", "offset")},
    **{feature: family for family, features in _FEATURES.items() for feature in features},
}


@cache
def family_numbers(names: tuple[str, ...]) -> NDArray[np.int8]:
    """Look up the family of each feature, int8 (features,); -1 for a feature of none."""
    # Popularity has no family on purpose: no fact is about it, unless it is a target.
    families = {feature: name for feature, name in _FAMILY_OF.items() if name != "popularity"}
    return fixed([PLACE.get(families.get(name, ""), -1) for name in names], np.int8)
