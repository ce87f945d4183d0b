"""Display names of the booster's features.

A model has more features than a listener has words for: many of them measure the same thing in
several ways. So a name comes from the feature's own entry, from its attribute, or from its family.
"""

import re
from typing import Final

from quintet_ui.translations import Translations

_ATTRIBUTE: Final = re.compile(r"(?P<name>\w+?)_(?:gap|offset)\Z")
_FAMILIES: Final = tuple(
    (re.compile(pattern), family)
    for pattern, family in (
        (r"(seed|candidate)_|.*_match(es)?\Z|seeds_in_|taste_agreement", "seeds"),
        (r"(artists?_.*|.*_artist_)company|artists_met", "artists_together"),
        (r".*company", "together"),
        (r".*taste", "taste"),
        (r"artist_by_", "artist_in_playlists"),
        (r"(track|album|year|sound|words)_by_", "in_playlists"),
        (r"playlist_count|artist_(entries|playlists|density)", "often_in_playlists"),
        (r".*artist_sound|sound_place_in_artist", "artist_sound"),
        (r"sound_|.*_sound\Z", "sound"),
        (r"(same|any)_artist\Z|artist_tracks|album_artists", "artist"),
        (r"same_album|album_tracks", "album"),
        (r".*words\Z", "title"),
        (r".*year", "year"),
        (r".*popularity", "popularity"),
        (r".*_closeness\Z", "found"),
    )
)


def feature_name(feature: str, texts: Translations) -> str:
    """Translate the name of a feature; unknown features keep their technical name."""
    own = texts.get(f"feature.{feature}")
    if own is not None:
        return own
    attribute = _ATTRIBUTE.match(feature)
    if attribute is not None:
        name = texts.get(f"attribute.{attribute['name']}")
        if name is not None:
            return name
    for pattern, family in _FAMILIES:
        if pattern.match(feature):
            return texts(f"family.{family}")
    return texts("feature.other", name=feature.replace("_", " "))
