"""How much each kind of fact mattered for a track's place: effects on the score, by family.

Every feature of the booster that measures one thing belongs to one family. A family's effect is the
sum of its features' TreeSHAP contributions, so it is relative to the mean score. Targets and
attribute weights change the score after the booster; their effects are relative to the mean over
the candidates and in the same unit.

Without a booster, tracks are in the order of cosine: the effect of an attribute is its term of the
cosine, and the effect of sound is the whole cosine. Artists, playlists and genres have none then.
"""

from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from quintet_contract.attributes import ATTRIBUTES

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
def _membership(names: tuple[str, ...]) -> NDArray[np.float64]:
    """Map features to families, float64 (features, families); rows of zeros belong to none."""
    matrix = np.zeros((len(names), len(FAMILIES)))
    for row, name in enumerate(names):
        # Popularity has no family on purpose: no fact is about it, unless it is a target.
        family = _FAMILY_OF.get(name)
        if family is not None and family != "popularity":
            matrix[row, PLACE[family]] = 1.0
    return matrix


def effects_of_booster(
    contributions: NDArray[np.float64], names: tuple[str, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum contributions by family.

    Args:
        contributions: float64 (k, features + 1), TreeSHAP; the last column is the mean score.
        names: The features' names.

    Returns:
        The effects, float64 (k, families), and the total size of all contributions, (k,).
    """
    shares = contributions[:, :-1]
    return shares @ _membership(names), np.abs(shares).sum(axis=1)


def effects_of_cosine(
    terms: NDArray[np.floating], attributes: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Take the effects from the terms of the cosine, for a list that no booster ranked.

    Args:
        terms: (k, attributes), summing to the cosine.
        attributes: The attribute of each column.

    Returns:
        As `effects_of_booster`.
    """
    effects = np.zeros((len(terms), len(FAMILIES)))
    effects[:, [PLACE[name] for name in attributes]] = terms
    effects[:, PLACE[SOUND]] = terms.sum(axis=1)
    return effects, np.abs(terms).sum(axis=1)
