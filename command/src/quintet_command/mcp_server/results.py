"""What tools answer: songs with names and ids, and nothing that only a program needs."""

from collections.abc import Iterable

from pydantic import BaseModel, Field
from quintet_client import models


class Song(BaseModel):
    """A song of the catalogue."""

    id: str = Field(description="Use this id in other tools")
    title: str
    artists: list[str]
    album: str = ""
    release_date: str = ""
    genres: list[str] = []
    seconds: int = Field(description="Duration; 0 if unknown")


class Songs(BaseModel):
    """Songs that match a search, best first."""

    songs: list[Song]
    total: int = Field(description="How many songs match in all")


class Recommended(Song):
    """A recommended song."""

    rank: int = Field(description="From 1, best first")
    why: str = Field(description="Why it is in the list: true facts, to quote as they are")


class Recommendation(BaseModel):
    """A list of recommended songs."""

    recommendation_id: str
    seeds: list[Song] = Field(description="The songs that were used as seeds")
    songs: list[Recommended]
    note: str = Field(default="", description="What the list contains of new and known artists")
    degraded: list[str] = Field(
        default=[], description="Parts of the system that were unavailable for this list"
    )


class Explanation(BaseModel):
    """Why a song is recommended for seeds."""

    song: Recommended
    seeds: list[Song]
    facts: list[str] = Field(description="Kinds of facts, the one that mattered most first")


class PathSong(Song):
    """A song of a path."""

    position: int
    step: str = Field(description="How it follows the song before it; empty for the first")


class Path(BaseModel):
    """Songs that lead from one song to another in small steps, both included."""

    songs: list[PathSong]


class RadioSong(Song):
    """A song of a radio."""

    position: int = Field(description="In the session, from 1")
    why: str
    step: str = Field(description="How it follows the song before it; empty for the first")


class Radio(BaseModel):
    """The next songs of a radio session."""

    songs: list[RadioSong]
    cursor: str = Field(description="Pass it to `radio` to continue this session")
    ended: bool = Field(description="Whether no song is left")


class Pushed(BaseModel):
    """The playlist that a saved list became at a server or in a folder."""

    source: str
    name: str
    songs: int
    missing: int = Field(description="Songs of the list that the source does not have")


class SavedList(BaseModel):
    """A saved list."""

    id: str
    name: str
    songs: int
    updated_at: str
    playlists: list[Pushed]


class SavedLists(BaseModel):
    """Saved lists, the one changed last first, and where they can be pushed to."""

    lists: list[SavedList]
    sources: list[str] = Field(description="Names to give as `source` to `push_playlist`")
    more: bool = Field(description="Whether there are more lists than these")


class PushState(BaseModel):
    """How the push of a saved list goes."""

    list_id: str
    source: str
    state: str = Field(description="queued, running, done or failed")
    message: str = Field(description="What was done, with the missing songs, or why it failed")
    hint: str = ""


def song_of(track: models.Track) -> dict[str, object]:
    """Collect the fields of `Song`."""
    return {
        "id": track.id,
        "title": track.title,
        "artists": [artist.name for artist in track.artists],
        "album": track.album,
        "release_date": track.release_date,
        "genres": list(track.genres),
        "seconds": round(track.duration_ms / 1000),
    }


def songs_of(tracks: Iterable[models.Track]) -> list[Song]:
    """Convert tracks to songs."""
    return [Song.model_validate(song_of(track)) for track in tracks]


def recommended_of(ranked: models.RankedTrack) -> Recommended:
    """Convert a ranked track."""
    why = ranked.reasons.sentence if ranked.reasons else ""
    return Recommended.model_validate({**song_of(ranked.track), "rank": ranked.rank, "why": why})


def saved_of(saved: models.SavedList) -> SavedList:
    """Convert a saved list."""
    pushes = [
        Pushed(source=each.source, name=each.name, songs=each.tracks, missing=each.missing)
        for each in saved.pushes
    ]
    return SavedList(
        id=saved.id,
        name=saved.name,
        songs=saved.tracks,
        updated_at=saved.updated_at,
        playlists=pushes,
    )
