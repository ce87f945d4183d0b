"""Every route of the API as a call: what to send, and how to read the answer."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, TypeVar
from urllib.parse import quote

from pydantic import BaseModel

from quintet_client import models
from quintet_client.protocol import Call, Reply
from quintet_client.request_models import (
    Choice,
    Event,
    Filters,
    Heard,
    RadioEvent,
    Seed,
    Source,
    SourceKind,
)

ModelT = TypeVar("ModelT", bound=models.Answer)
MOST_EVENTS: Final = 500
"""Events of one request (the gateway's limit); `feedback` makes as many requests as it takes."""


def search(
    text: str = "",
    *,
    limit: int | None = None,
    source: Source | None = None,
    page_token: str = "",
) -> Call[models.SearchPage]:
    """Find tracks as a listener types, best first; the most popular ones for an empty text.

    Args:
        text: May hold artist:, album:, track:, genre: and year:.
        limit: Tracks of one page, 1 to 50.
        source: Where to search; the catalogue where None.
        page_token: `next_page_token` of the page before.
    """
    params = _params(q=text, limit=limit, source=source, page_token=page_token)
    return _get("/api/v1/search", models.SearchPage, params)


def artists(
    text: str = "", *, limit: int | None = None, page_token: str = ""
) -> Call[models.ArtistsPage]:
    """Find artists by name, best first."""
    params = _params(q=text, limit=limit, page_token=page_token)
    return _get("/api/v1/artists", models.ArtistsPage, params)


def genres(*, limit: int | None = None, page_token: str = "") -> Call[models.GenresPage]:
    """List the catalogue's genres by name, up to 1000 a page."""
    return _get("/api/v1/genres", models.GenresPage, _params(limit=limit, page_token=page_token))


def track(track_id: str) -> Call[models.Track]:
    """Look up a track of the catalogue by id."""
    return _get(f"/api/v1/tracks/{_quoted(track_id)}", models.Track)


def audio_features(track_ids: Sequence[str]) -> Call[Mapping[str, models.AudioFeatures]]:
    """Look up the audio features of up to 100 tracks, by id; unknown ids are left out.

    Args:
        track_ids: 1 to 100 ids.
    """
    read = _reads(models.ManyAudioFeatures)
    return Call(
        "GET",
        "/v1/audio-features",
        lambda reply: {each.id: each for each in read(reply).audio_features if each is not None},
        params={"ids": ",".join(track_ids)},
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
        "filters": _given(filters) if isinstance(filters, Filters) else filters,
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
        "seeds": [_given(Seed.of(seed)) for seed in seeds],
        "negative_seeds": [_given(Seed.of(seed)) for seed in negative_seeds],
        **{name: value for name, value in given.items() if value is not None},
    }
    path = "/api/v1/recommendations"
    read = _reads(models.Recommendations)
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
        "seeds": [_given(Seed.of(seed)) for seed in seeds] or None,
        "cursor": cursor,
        "events": [_given(event) for event in events] or None,
        "limit": limit,
        "filters": _given(filters) if isinstance(filters, Filters) else filters,
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
    return _created("/api/v1/radio", models.RadioBatch, given)


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
    return _created("/api/v1/prompts", models.Prompt, given)


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
        "filters": _given(filters) if isinstance(filters, Filters) else filters,
        "max_per_artist": max_per_artist,
        "variants": variants,
        "seasonal": seasonal,
        "heard": heard,
        "heard_days": heard_days,
        "reasons": reasons,
        "language": language,
        "listener": listener,
    }
    return _created("/api/v1/path", models.SongPath, given)


def feedback(events: Iterable[Event]) -> Iterator[Call[models.Recorded]]:
    """Build the calls that send events, up to 500 in each."""
    waiting = iter(events)
    while batch := list(islice(waiting, MOST_EVENTS)):
        body = {"events": [_given(event) for event in batch]}
        yield Call("POST", "/api/v1/feedback", _reads(models.Recorded), body=body)


def undo(event_id: str) -> Call[models.Undone]:
    """Undo an event that this client sent: lists, memory and training no longer know of it.

    Args:
        event_id: The `event_id` of the event.
    """
    return Call("DELETE", f"/api/v1/feedback/{_quoted(event_id)}", _reads(models.Undone))


def total(parts: Iterable[models.Recorded]) -> models.Recorded:
    """Add up the results of batches."""
    known = list(parts)
    return models.Recorded(
        accepted=sum(part.accepted for part in known),
        duplicates=sum(part.duplicates for part in known),
        degraded=tuple(dict.fromkeys(name for part in known for name in part.degraded)),
    )


def ban_artist(listener: str, artist_id: str, *, banned: bool = True) -> Call[models.Ban]:
    """Ban an artist for a listener, or lift the ban; requires the scope feedback.

    Args:
        listener: The listener's id.
        artist_id: An artist of the catalogue, none of whose tracks is recommended to them again.
        banned: False lifts the ban.
    """
    body = {"listener": listener, "artist_id": artist_id, "banned": banned}
    return Call("PUT", "/api/v1/feedback/banned-artists", _reads(models.Ban), body=body)


def delete_listener(listener: str) -> Call[models.Deleted]:
    """Delete a listener's events and unlink their lists; requires the scope admin."""
    path = f"/api/v1/listeners/{_quoted(listener)}"
    return Call("DELETE", path, _reads(models.Deleted))


def start_history(listener: str, size: int, *, train: bool = True) -> Call[models.HistoryUpload]:
    """Start the upload of a listener's history; requires the scope feedback.

    Send the file by `add_history_part`, then ask `history` until `state` is "done" or "failed".

    Args:
        listener: The listener's id.
        size: Bytes of the whole file.
        train: Whether the next training may learn from its sessions.
    """
    body = {"listener": listener, "bytes": size, "train": train}
    read = _reads(models.HistoryUpload)
    accepts = frozenset({201})
    return Call("POST", "/api/v1/histories", read, body=body, accepts=accepts, idempotent=False)


def add_history_part(upload_id: str, offset: int, part: bytes) -> Call[models.HistoryUpload]:
    """Send a part of a history; repeating it changes nothing. The last part queues the import.

    Args:
        upload_id: Of `start_history`.
        offset: Where the part begins in the file: `received` of the last answer.
        part: 1 to `part_bytes` bytes.
    """
    path, params = f"/api/v1/histories/{_quoted(upload_id)}/content", {"offset": str(offset)}
    headers = {"Content-Type": "application/octet-stream"}
    read = _reads(models.HistoryUpload)
    return Call("PUT", path, read, params=params, content=part, headers=headers)


def history(upload_id: str) -> Call[models.HistoryUpload]:
    """Report how the import of an uploaded history is, and what it found."""
    return _get(f"/api/v1/histories/{_quoted(upload_id)}", models.HistoryUpload)


def export_listener(listener: str) -> Call[tuple[Mapping[str, Any], ...]]:
    """Export all stored data of a listener, one record per item; requires the scope admin."""
    path = f"/api/v1/listeners/{_quoted(listener)}/export"
    return Call("GET", path, lambda reply: tuple(map(json.loads, reply.content.splitlines())))


def model() -> Call[models.Model]:
    """Describe the model that the ranker serves, and the version it rejected last."""
    return _get("/api/v1/model", models.Model)


def insights(*, hours: int | None = None) -> Call[models.Insights]:
    """Summarises the lists of the last hours, 1 to 744; 24 if None."""
    return _get("/api/v1/insights", models.Insights, _params(hours=hours))


def experiment() -> Call[models.Experiment | None]:
    """Describe the running experiment, else the one that ended last, else None."""
    read = _reads(models.ExperimentAnswer)
    return Call("GET", "/api/v1/experiment", lambda reply: read(reply).experiment)


def operations() -> Call[models.Operations]:
    """Report the last result of `quintet drift`, and the last runs of Airflow's DAGs."""
    return _get("/api/v1/operations", models.Operations)


def operator_overview(*, hours: int | None = None) -> Call[models.OperatorOverview]:
    """Report the installation now and over some hours, 1 to 744; 24 if None. Scope admin."""
    return _get("/api/v1/operator/overview", models.OperatorOverview, _params(hours=hours))


def recorded_list(recommendation_id: str) -> Call[models.RecordedList]:
    """Look up a recorded list with everything that made it; requires the scope admin."""
    return _get(f"/api/v1/operator/lists/{_quoted(recommendation_id)}", models.RecordedList)


def registered_models() -> Call[models.RegisteredModels]:
    """List the registry's models with their metrics; requires the scope admin."""
    return _get("/api/v1/operator/models", models.RegisteredModels)


def promote_model(number: str, *, without_gate: bool = False) -> Call[models.ModelRequest]:
    """Queue the promotion of a model of the registry; requires the scope admin.

    Args:
        number: The model's number.
        without_gate: Promote it whatever the gate would report.
    """
    path = f"/api/v1/operator/models/{_quoted(number)}/promotion"
    return _queued_for_models(path, {"without_gate": without_gate})


def roll_back(champion: str) -> Call[models.ModelRequest]:
    """Queue a rollback to the champion before this one; requires the scope admin.

    Args:
        champion: The number of the present champion: a repeated call goes back once.
    """
    return _queued_for_models("/api/v1/operator/rollback", {"champion": champion})


def _queued_for_models(path: str, body: dict[str, Any]) -> Call[models.ModelRequest]:
    accepts, read = frozenset({202}), _reads(models.ModelRequest)
    return Call("POST", path, read, body=body, accepts=accepts, idempotent=True)


def readiness() -> Call[models.Readiness]:
    """Report the state of each service; a service that is not SERVING is no error."""
    read = _reads(models.Readiness)
    return Call("GET", "/readyz", read, accepts=frozenset({200, 503}), authorised=False)


def metrics() -> Call[str]:
    """Read the gateway's metrics, in Prometheus' text format."""
    return Call("GET", "/metrics", lambda reply: reply.content.decode())


def catalogue_map(etag: str = "") -> Call[models.CatalogueMap | None]:
    """Download every track as a point of a plane; None if `etag` is still the newest."""
    headers = {"If-None-Match": etag} if etag else {}
    accepts = frozenset({200, 304})
    return Call("GET", "/api/v1/map", _map_or_none, headers=headers, accepts=accepts)


def library() -> Call[models.Library]:
    """List sources of own music and requests for work on them; requires the scope library."""
    return _get("/api/v1/library", models.Library)


def add_source(
    name: str,
    kind: SourceKind,
    address: str,
    *,
    user: str = "",
    credential: str = "",
    send_password: bool = False,
    music: str = "",
    play_allowed: bool = False,
) -> Call[models.LibraryRequest]:
    """Queue the addition of a source of own music; requires the scope library.

    Args:
        name: Lower-case letters, digits and `._-`; new.
        kind: What it is.
        address: A path on the machine of the worker, or a server's address.
        user: Of a media server.
        credential: Where its password or key is: `env:MUSIC_…` or `file:NAME` in
            QUINTET_HOME/credentials; never the secret itself.
        send_password: For Subsonic servers that check no tokens.
        music: The music folder of a beets library.
        play_allowed: Whether its files may be played.
    """
    body: dict[str, Any] = {"name": name, "kind": kind, "address": address, "user": user}
    body |= {"credential": credential, "send_password": send_password, "music": music}
    body["play_allowed"] = play_allowed
    return _queued("POST", "/api/v1/library/sources", body)


def sync_source(name: str) -> Call[models.LibraryRequest]:
    """Queue a sync of a source; requires the scope library."""
    return _queued("POST", f"/api/v1/library/sources/{_quoted(name)}/sync")


def analyse_source(name: str) -> Call[models.LibraryRequest]:
    """Queue an analysis of a source's files; requires the scope library."""
    return _queued("POST", f"/api/v1/library/sources/{_quoted(name)}/analyse")


def remove_source(name: str) -> Call[models.LibraryRequest]:
    """Queue the removal of a source; requires the scope library."""
    return _queued("DELETE", f"/api/v1/library/sources/{_quoted(name)}")


def quarantine(
    name: str, *, page_size: int | None = None, page_token: str = ""
) -> Call[models.QuarantinePage]:
    """List what of a source could not be read or analysed; requires the scope library."""
    params = _params(page_size=page_size, page_token=page_token)
    path = f"/api/v1/library/sources/{_quoted(name)}/quarantine"
    return _get(path, models.QuarantinePage, params)


def match_in_source(source: str, *, id: str = "", artist: str = "") -> Call[models.SourceMatch]:
    """Look up the tracks of a song, album or artist of a source; requires the scope library.

    Args:
        source: Name of the source.
        id: The source's own id of a song, album or artist.
        artist: Instead of an id, the name of an artist.
    """
    params = _params(id=id or None, artist=artist or None)
    return _get(f"/api/v1/library/sources/{_quoted(source)}/match", models.SourceMatch, params)


def own_tracks(track_ids: Sequence[str]) -> Call[models.OwnTracks]:
    """Look up the sources and paths of up to 500 tracks; requires the scope library."""
    params = {"ids": ",".join(track_ids)}
    return _get("/api/v1/library/tracks", models.OwnTracks, params)


def audio(track_id: str, byte_range: str = "bytes=0-", if_range: str = "") -> Call[models.Binary]:
    """Read a part of a track's audio, at most 1 MiB; requires the scope library.

    Args:
        track_id: Of a track in a source that allows it to be played.
        byte_range: Where to begin, such as "bytes=0-"; the answer's Content-Range says how far it
            goes.
        if_range: The ETag of an earlier part; if the file is another now, all of it is answered.
    """
    headers = {"Range": byte_range} | ({"If-Range": if_range} if if_range else {})
    path = f"/api/v1/tracks/{_quoted(track_id)}/audio"
    return Call("GET", path, _binary, headers=headers, accepts=frozenset({200, 206}))


def cover(track_id: str, etag: str = "") -> Call[models.Binary]:
    """Read the cover of a track from its file; status 304 if `etag` is still the newest."""
    headers = {"If-None-Match": etag} if etag else {}
    path = f"/api/v1/tracks/{_quoted(track_id)}/cover"
    return Call("GET", path, _binary, headers=headers, accepts=frozenset({200, 304}))


def playlists(
    listener: str = "", *, page_size: int | None = None, page_token: str = ""
) -> Call[models.SavedListsPage]:
    """List saved lists, and the sources they can be pushed to; requires the scope playlists.

    Args:
        listener: Whose lists; those of nobody in particular if empty.
        page_size: Lists of one page, 1 to 200.
        page_token: `next_page_token` of the page before.
    """
    params = _params(listener=listener, page_size=page_size, page_token=page_token)
    return _get("/api/v1/playlists", models.SavedListsPage, params)


def save_playlist(
    name: str, track_ids: Sequence[str], *, listener: str | None = None
) -> Call[models.SavedListTracks]:
    """Save a list under a name; requires the scope playlists.

    A list of the same name and listener is replaced, so the call may be repeated.

    Args:
        name: 1 to 200 characters in one line.
        track_ids: 1 to 500 ids, in order.
        listener: Whose list it is; it is deleted with the listener.
    """
    body: dict[str, Any] = {"name": name, "track_ids": list(track_ids)}
    body |= {} if listener is None else {"listener": listener}
    return Call("POST", "/api/v1/playlists", _reads(models.SavedListTracks), body=body)


def playlist(list_id: str) -> Call[models.SavedListTracks]:
    """Read a saved list with its tracks and latest pushes; requires the scope playlists."""
    return _get(f"/api/v1/playlists/{_quoted(list_id)}", models.SavedListTracks)


def delete_playlist(list_id: str) -> Call[models.DeletedList]:
    """Delete a saved list, and no playlist of a source; requires the scope playlists."""
    path = f"/api/v1/playlists/{_quoted(list_id)}"
    return Call("DELETE", path, _reads(models.DeletedList))


def push_playlist(list_id: str, source: str) -> Call[models.LibraryRequest]:
    """Queue the push of a saved list to a source; requires the scope playlists.

    Args:
        list_id: Of the list.
        source: One of the targets that `playlists` lists.
    """
    return _queued("POST", f"/api/v1/playlists/{_quoted(list_id)}/pushes", {"source": source})


def token(client_id: str, secret: str) -> Call[models.AccessToken]:
    """Fetch an access token for a client's credentials (RFC 6749, section 4.4)."""
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    read = _reads(models.AccessToken)
    return Call("POST", "/api/token", read, form=form, authorised=False)


def _get(path: str, kind: type[ModelT], params: Mapping[str, str] | None = None) -> Call[ModelT]:
    return Call("GET", path, _reads(kind), params=params or {})


def _created(path: str, kind: type[ModelT], given: Mapping[str, Any]) -> Call[ModelT]:
    """Build a call that makes something new; fields that are None are not sent."""
    body = {name: value for name, value in given.items() if value is not None}
    return Call("POST", path, _reads(kind), body=body, idempotent=False)


def _queued(
    method: str, path: str, body: Mapping[str, Any] | None = None
) -> Call[models.LibraryRequest]:
    # Equal requests that have not begun are one: repeating is safe, except that a name may be taken
    # by the first attempt.
    return Call(
        method,
        path,
        _reads(models.LibraryRequest),
        body=body,
        accepts=frozenset({202}),
        idempotent=True,
    )


def _binary(reply: Reply) -> models.Binary:
    return models.Binary(status=reply.status, headers=reply.headers, content=reply.content)


def _reads(kind: type[ModelT]) -> Callable[[Reply], ModelT]:
    return lambda reply: kind.model_validate_json(reply.content)


def _map_or_none(reply: Reply) -> models.CatalogueMap | None:
    if reply.status == 304:
        return None
    return models.CatalogueMap(etag=reply.headers.get("etag", ""), content=reply.content)


def _params(**values: str | int | None) -> dict[str, str]:
    return {name: str(value) for name, value in values.items() if value not in (None, "")}


def _given(part: BaseModel) -> dict[str, Any]:
    """Convert a part of a request to JSON, without fields that are None."""
    return part.model_dump(mode="json", exclude_none=True)


def _quoted(part: str) -> str:
    # "." and ".." would be taken for steps through the path.
    return quote(part, safe="").replace(".", "%2E")
