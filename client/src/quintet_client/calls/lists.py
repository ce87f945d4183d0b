"""Calls that ask for songs: a list, a radio, a path, a wish in words."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from quintet_client import models
from quintet_client.calls.building import created, fields_of, reads
from quintet_client.protocol import Call
from quintet_client.request_models import (
    Choice,
    Filters,
    Heard,
    RadioEvent,
    Seed,
)


def recommend(
    seeds: Sequence[Seed | str],
    *,
    negative_seeds: Sequence[Seed | str] = (),
    weights: Mapping[str, float] | None = None,
    targets: Mapping[str, float] | None = None,
    filters: Filters | Mapping[str, Any] | None = None,
    limit: int | None = None,
    max_per_artist: int | None = None,
    diversity: float | None = None,
    discovery: float | None = None,
    flow: bool | None = None,
    variants: Choice | None = None,
    seasonal: Choice | None = None,
    heard: Heard | None = None,
    heard_days: int | None = None,
    reasons: bool | None = None,
    language: str | None = None,
    listener: str | None = None,
) -> Call[models.Recommendations]:
    """Recommends a ranked and explained list; None means the gateway's default.

    Each call makes a new list with a new id, so it is repeated only if the gateway rejected it
    before it did anything.

    Args:
        seeds: One to five; a text is a track's id.
        negative_seeds: Seeds to move away from, up to five.
        weights: How much an attribute counts, 0 to 10, such as `{"energy": 2.0}`.
        targets: Where an attribute should lie, such as `{"valence": 0.8}`.
        filters: Hard conditions on every track. A mapping is sent as it is: the gateway checks
            its names too.
        limit: How many, 1 to 500.
        max_per_artist: Tracks of one artist; 0 for no limit.
        diversity: 0 for the best match, 1 for the most different.
        discovery: 0 for known artists first, 1 for none of them, who are the artists of the seeds
            and of the listener's memory; 0.8 by default: two of the first ten.
        flow: Whether neighbours in the list should go together.
        variants: Whether other versions of the seeds' songs may be returned, such as live ones;
            "exclude" by default.
        seasonal: Whether songs of a season, such as Christmas, may be returned if no seed is of
            that season; "exclude" by default.
        heard: What happens to tracks that the listener heard: "exclude" (the default), "less" for
            the end of the list, or "allow".
        heard_days: Days within which a play or a skip counts as heard, 1 to 3650.
        reasons: Whether each track says why.
        language: Of the reasons' sentences, "en" or "ko".
        listener: The listener's id; choose one that identifies no person.
    """
    given: dict[str, Any] = {
        "weights": None if weights is None else dict(weights),
        "targets": None if targets is None else dict(targets),
        "filters": fields_of(filters) if isinstance(filters, Filters) else filters,
        "limit": limit,
        "max_per_artist": max_per_artist,
        "diversity": diversity,
        "discovery": discovery,
        "flow": flow,
        "variants": variants,
        "seasonal": seasonal,
        "heard": heard,
        "heard_days": heard_days,
        "reasons": reasons,
        "language": language,
        "listener": listener,
    }
    body = {
        "seeds": [fields_of(Seed.of(seed)) for seed in seeds],
        "negative_seeds": [fields_of(Seed.of(seed)) for seed in negative_seeds],
        **{name: value for name, value in given.items() if value is not None},
    }
    path = "/api/v1/recommendations"
    read = reads(models.Recommendations)
    return Call("POST", path, read, body=body, idempotent=False)


def radio(
    seeds: Sequence[Seed | str] = (),
    *,
    cursor: str | None = None,
    events: Iterable[RadioEvent] = (),
    limit: int | None = None,
    filters: Filters | Mapping[str, Any] | None = None,
    artist_gap: int | None = None,
    variants: Choice | None = None,
    seasonal: Choice | None = None,
    discovery: float | None = None,
    heard: Heard | None = None,
    heard_days: int | None = None,
    reasons: bool | None = None,
    language: str | None = None,
    listener: str | None = None,
) -> Call[models.RadioBatch]:
    """Continue a radio session from its cursor, or start one from seeds: the next tracks.

    Each call makes a new batch with a new id, so it is repeated only if the gateway rejected it
    before it did anything. The same cursor and events give the same tracks.

    Args:
        seeds: To start: one to five; a text is a track's id.
        cursor: To continue: `RadioBatch.cursor` of the last answer.
        events: What the listener did since, up to 500; each names a track of the session.
        limit: How many tracks, 1 to 100.
        filters: To start: hard conditions on every track of the session.
        artist_gap: To start: the least number of tracks between two that share an artist.
        variants: To start: whether other versions of the seeds' songs may be played.
        seasonal: To start: whether songs of a season may be played if no seed is of that season.
        discovery: 0 for known artists first, 1 for none of them, counted over the last 50 tracks
            and these; by score alone if None.
        heard: What happens to tracks that the listener heard: "exclude" (the default), "less" for
            playing them only if no other track fits, or "allow".
        heard_days: Days within which a play or a skip counts as heard, 1 to 3650.
        reasons: Whether each track says why, and how it follows the one before.
        language: Of the sentences, "en" or "ko".
        listener: The listener's id; choose one that identifies no person.
    """
    given: dict[str, Any] = {
        "seeds": [fields_of(Seed.of(seed)) for seed in seeds] or None,
        "cursor": cursor,
        "events": [fields_of(event) for event in events] or None,
        "limit": limit,
        "filters": fields_of(filters) if isinstance(filters, Filters) else filters,
        "artist_gap": artist_gap,
        "variants": variants,
        "seasonal": seasonal,
        "discovery": discovery,
        "heard": heard,
        "heard_days": heard_days,
        "reasons": reasons,
        "language": language,
        "listener": listener,
    }
    return created("/api/v1/radio", models.RadioBatch, given)


def prompt(
    text: str,
    *,
    removed: Sequence[str] = (),
    recommend: bool | None = None,
    language: str | None = None,
    listener: str | None = None,
) -> Call[models.Prompt]:
    """Read a wish in words as a query, and recommend by it on request.

    Args:
        text: The wish, in English or Korean, up to 500 characters.
        removed: Ids of parts of an earlier answer for the same text to leave out.
        recommend: Whether to make the list too.
        language: Of the list's sentences, "en" or "ko"; parts have both.
        listener: The listener's id; choose one that identifies no person.
    """
    given: dict[str, Any] = {
        "text": text,
        "removed": list(removed) or None,
        "recommend": recommend,
        "language": language,
        "listener": listener,
    }
    return created("/api/v1/prompts", models.Prompt, given)


def path(
    start: str,
    end: str,
    *,
    length: int | None = None,
    filters: Filters | Mapping[str, Any] | None = None,
    max_per_artist: int | None = None,
    variants: Choice | None = None,
    seasonal: Choice | None = None,
    heard: Choice | None = None,
    heard_days: int | None = None,
    reasons: bool | None = None,
    language: str | None = None,
    listener: str | None = None,
) -> Call[models.SongPath]:
    """Find a path of tracks from one song to another, in steps as small as possible.

    Args:
        start: The first track's id.
        end: The last track's id.
        length: Tracks, both ends included, 3 to 50.
        filters: Hard conditions on the tracks between the ends.
        max_per_artist: Tracks per artist between the ends; 0 for no limit.
        variants: Whether other versions of the ends' songs may be on it.
        seasonal: Whether songs of a season may be on it if no end is of that season.
        heard: Whether tracks that the listener heard may be on it: "exclude" or "allow".
        heard_days: Days within which a play or a skip counts as heard, 1 to 3650.
        reasons: Whether each step has facts and a sentence.
        language: Of the sentences, "en" or "ko".
        listener: The listener's id; choose one that identifies no person.
    """
    given: dict[str, Any] = {
        "start": start,
        "end": end,
        "length": length,
        "filters": fields_of(filters) if isinstance(filters, Filters) else filters,
        "max_per_artist": max_per_artist,
        "variants": variants,
        "seasonal": seasonal,
        "heard": heard,
        "heard_days": heard_days,
        "reasons": reasons,
        "language": language,
        "listener": listener,
    }
    return created("/api/v1/path", models.SongPath, given)
