"""Calls about own music: sources, files, and playlists that go to a player."""

from collections.abc import Mapping, Sequence
from typing import Any

from quintet_client import models
from quintet_client.calls.building import get, params_of, quoted, reads
from quintet_client.protocol import Call, Reply
from quintet_client.request_models import SourceKind


def library() -> Call[models.Library]:
    """List sources of own music and requests for work on them; requires the scope library."""
    return get("/api/v1/library", models.Library)


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
    return _queued("POST", f"/api/v1/library/sources/{quoted(name)}/sync")


def analyse_source(name: str) -> Call[models.LibraryRequest]:
    """Queue an analysis of a source's files; requires the scope library."""
    return _queued("POST", f"/api/v1/library/sources/{quoted(name)}/analyse")


def remove_source(name: str) -> Call[models.LibraryRequest]:
    """Queue the removal of a source; requires the scope library."""
    return _queued("DELETE", f"/api/v1/library/sources/{quoted(name)}")


def quarantine(
    name: str, *, page_size: int | None = None, page_token: str = ""
) -> Call[models.QuarantinePage]:
    """List what of a source could not be read or analysed; requires the scope library."""
    params = params_of(page_size=page_size, page_token=page_token)
    path = f"/api/v1/library/sources/{quoted(name)}/quarantine"
    return get(path, models.QuarantinePage, params)


def match_in_source(source: str, *, id: str = "", artist: str = "") -> Call[models.SourceMatch]:
    """Look up the tracks of a song, album or artist of a source; requires the scope library.

    Args:
        source: Name of the source.
        id: The source's own id of a song, album or artist.
        artist: Instead of an id, the name of an artist.
    """
    params = params_of(id=id or None, artist=artist or None)
    return get(f"/api/v1/library/sources/{quoted(source)}/match", models.SourceMatch, params)


def own_tracks(track_ids: Sequence[str]) -> Call[models.OwnTracks]:
    """Look up the sources and paths of up to 500 tracks; requires the scope library."""
    params = {"ids": ",".join(track_ids)}
    return get("/api/v1/library/tracks", models.OwnTracks, params)


def audio(track_id: str, byte_range: str = "bytes=0-", if_range: str = "") -> Call[models.Binary]:
    """Read a part of a track's audio, at most 1 MiB; requires the scope library.

    Args:
        track_id: Of a track in a source that allows it to be played.
        byte_range: Where to begin, such as "bytes=0-"; the answer's Content-Range says how far it
            goes.
        if_range: The ETag of an earlier part; if the file is another now, all of it is answered.
    """
    headers = {"Range": byte_range} | ({"If-Range": if_range} if if_range else {})
    path = f"/api/v1/tracks/{quoted(track_id)}/audio"
    return Call("GET", path, _binary, headers=headers, accepts=frozenset({200, 206}))


def cover(track_id: str, etag: str = "") -> Call[models.Binary]:
    """Read the cover of a track from its file; status 304 if `etag` is still the newest."""
    headers = {"If-None-Match": etag} if etag else {}
    path = f"/api/v1/tracks/{quoted(track_id)}/cover"
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
    params = params_of(listener=listener, page_size=page_size, page_token=page_token)
    return get("/api/v1/playlists", models.SavedListsPage, params)


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
    return Call("POST", "/api/v1/playlists", reads(models.SavedListTracks), body=body)


def playlist(list_id: str) -> Call[models.SavedListTracks]:
    """Read a saved list with its tracks and latest pushes; requires the scope playlists."""
    return get(f"/api/v1/playlists/{quoted(list_id)}", models.SavedListTracks)


def delete_playlist(list_id: str) -> Call[models.DeletedList]:
    """Delete a saved list, and no playlist of a source; requires the scope playlists."""
    path = f"/api/v1/playlists/{quoted(list_id)}"
    return Call("DELETE", path, reads(models.DeletedList))


def push_playlist(list_id: str, source: str) -> Call[models.LibraryRequest]:
    """Queue the push of a saved list to a source; requires the scope playlists.

    Args:
        list_id: Of the list.
        source: One of the targets that `playlists` lists.
    """
    return _queued("POST", f"/api/v1/playlists/{quoted(list_id)}/pushes", {"source": source})


def _queued(
    method: str, path: str, body: Mapping[str, Any] | None = None
) -> Call[models.LibraryRequest]:
    # Equal requests that have not begun are one: repeating is safe, except that a name may be taken
    # by the first attempt.
    return Call(
        method,
        path,
        reads(models.LibraryRequest),
        body=body,
        accepts=frozenset({202}),
        idempotent=True,
    )


def _binary(reply: Reply) -> models.Binary:
    return models.Binary(status=reply.status, headers=reply.headers, content=reply.content)
