"""The data that cards, seeds and search results show of a track, for the browser components."""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from quintet_client.models import OwnTrack, RankedTrack, Recommendations, Track
from quintet_contract.limits import MAX_SEEDS
from quintet_explain import genre_name

from quintet_ui.covers import cover_of
from quintet_ui.own_files import audio_address, cover_address
from quintet_ui.plain import ordered, web_address
from quintet_ui.preferences import LEVELS, Preferences
from quintet_ui.reasons import chips_of, sentence_of
from quintet_ui.tracks import byline, details
from quintet_ui.translations import Translations
from quintet_ui.why import why_data

Features = Mapping[str, Mapping[str, float]]
Own = Mapping[str, OwnTrack]
"""The files of the listener's own music, by track."""


def features_of(ranked: RankedTrack) -> dict[str, float]:
    """Read a recommended track's known attributes from its reasons; empty if it has none."""
    compared = ranked.reasons.comparisons if ranked.reasons else ()
    return {item.attribute: item.value for item in compared if item.value is not None}


def search_data(
    tracks: Sequence[Track],
    query: str,
    status: str,
    preferences: Preferences,
    features: Features,
    genres: Sequence[str],
    texts: Translations,
    waiting: str = "",
    own: Own = MappingProxyType({}),
) -> dict[str, Any]:
    """Build the data of the search box; `waiting` is a sixth song that waits for its place."""
    return {
        "language": texts.language,
        "labels": texts.group("search"),
        "query": query,
        "status": status,
        "start": not preferences.seeds,
        # Picks that the page knows: the browser sends others again.
        "held": [*(seed.track_id for seed in preferences.seeds), waiting],
        "genres": [
            {"name": name, "label": ordered(genre_name(name, texts.language))} for name in genres
        ],
        "tracks": [
            {
                **shown_track(track, features.get(track.id), own.get(track.id)),
                "taken": preferences.holds(track.id),
            }
            for track in tracks
        ],
    }


def seeds_data(
    preferences: Preferences,
    tracks: Mapping[str, Track],
    features: Features,
    texts: Translations,
    own: Own = MappingProxyType({}),
) -> dict[str, Any]:
    """Build the data of the seeds; a track whose facts are unknown shows its id."""
    return {
        "labels": texts.group("seeds"),
        "count": MAX_SEEDS,
        "levels": [{"name": name, "weight": weight} for name, weight in LEVELS.items()],
        "seeds": [
            {
                **shown_track(
                    tracks.get(seed.track_id) or bare(seed.track_id),
                    features.get(seed.track_id),
                    own.get(seed.track_id),
                ),
                "weight": seed.weight,
                "against": seed.against,
            }
            for seed in preferences.seeds
        ],
    }


def cards_data(
    answer: Recommendations,
    preferences: Preferences,
    saved: Collection[str],
    chosen: str,
    texts: Translations,
    *,
    stale: bool,
    own: Own = MappingProxyType({}),
) -> dict[str, Any]:
    """Build the data of the ranked list."""
    # Of the whole list, so that no chip changes when a row is skipped.
    chips = chips_of(answer.tracks, texts)
    return {
        "labels": texts.group("cards"),
        "language": texts.language,
        # A list that replaces another is announced.
        "list": answer.recommendation_id,
        "stale": stale,
        "chosen": chosen,
        "tracks": [
            {
                **shown_track(ranked.track, features_of(ranked), own.get(ranked.track.id)),
                "places": _places(own.get(ranked.track.id)),
                "rank": ranked.rank,
                "year": ranked.track.release_date[:4],
                "chip": ordered(chips[ranked.track.id]),
                "details": ordered(details(ranked.track)),
                "link": web_address(ranked.track.external_url),
                "sentence": ordered(sentence_of(ranked, texts)),
                "why": why_data(ranked, answer, preferences, texts),
                "known": ranked.known,
                "liked": ranked.track.id in preferences.liked,
                "saved": ranked.track.id in saved,
            }
            for ranked in visible(answer, preferences)
        ],
    }


def tray_data(
    tracks: Sequence[Track],
    listener: str,
    forgotten: str,
    texts: Translations,
    features: Features = MappingProxyType({}),
    own: Own = MappingProxyType({}),
) -> dict[str, Any]:
    """Build the data of the saved songs.

    Args:
        tracks: The saved songs.
        listener: The id of a listener with a name; empty for a visit without one.
        forgotten: The id of a listener whose data was deleted.
        texts: The texts.
        features: Audio features that missing covers are drawn from.
        own: The files of the songs.
    """
    return {
        "labels": texts.group("tray"),
        "listener": listener,
        "forgotten": forgotten,
        "tracks": [
            shown_track(track, features.get(track.id), own.get(track.id)) for track in tracks
        ],
    }


def visible(answer: Recommendations, preferences: Preferences) -> list[RankedTrack]:
    """Leave out tracks that were skipped, disliked or muted after the list arrived."""
    gone = {*preferences.skipped, *preferences.disliked}
    muted = set(preferences.muted)
    return [
        ranked
        for ranked in answer.tracks
        if ranked.track.id not in gone
        and not any(artist.id in muted for artist in ranked.track.artists)
    ]


def bare(track_id: str) -> Track:
    """Build a track of which only the id is known; its title is the id."""
    return Track(
        id=track_id, title=track_id, artists=(), album="", album_id="", release_date="",
        duration_ms=0, popularity=0, explicit=False, genres=(), isrc="", cover_url="",
        preview_url="", external_url="", provenance="", licence="",
    )  # fmt: skip


def _places(track: OwnTrack | None) -> list[dict[str, Any]]:
    """Show where a track's file is."""
    if track is None:
        return []
    return [
        {
            "source": ordered(place.source),
            "path": ordered(place.path or place.item_id),
            "gone": not place.present,
        }
        for place in track.places
    ]


def shown_track(
    track: Track, features: Mapping[str, float] | None, own: OwnTrack | None = None
) -> dict[str, Any]:
    """Build what every list shows of a track: its id, title, artists and cover, and how it plays.

    Args:
        track: The track.
        features: Audio features that a missing cover is drawn from; None for a plain one.
        own: The file that a source has of it, with cover and audio; None for no file.
    """
    drawn = cover_of(features, track.genres, track.title)
    playable = own is not None and any(place.playable for place in own.places)
    cover = cover_address(track.id) if own is not None and own.has_cover else ""
    return {
        "id": track.id,
        # Without search, tracks come with their id alone.
        "title": ordered(track.title or track.id),
        "byline": ordered(byline(track)),
        "artist": ordered(next((each.name for each in track.artists), "")),
        # Empty for the drawn one: it is a third of a list's bytes, and is not sent twice.
        "cover": cover or web_address(track.cover_url),
        "drawn": drawn,
        "audio": audio_address(track.id) if playable else "",
        "preview": web_address(track.preview_url),
    }
