"""Find artists, tracks and genres by their whole names."""

from collections.abc import Mapping, Sequence
from typing import Final

import pyarrow.compute as pc
from quintet_modelkit.snapshot import Snapshot

from quintet_search.adapters.text_analysis import whole, wholes, words
from quintet_search.adapters.text_index import TextIndex
from quintet_search.domain.names import MAX_ITEMS, CatalogueFacts, NamedItem, NameKind, NameQuery
from quintet_search.domain.records import ArtistReference, GenreRecord

_FEW_TRACKS: Final = 12
_MOST_SIMILAR: Final = 3
_THE: Final = "the "


class Names:
    """Finds items by name in one version of the catalogue; several threads may search at once.

    Args:
        snapshot: Titles and artists.
        tracks: The index of tracks.
        artists: The index of artists.
        artist_ids: The id of each row of `artists`.
        artist_names: The name of each row of `artists`.
        genres: All genres.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        tracks: TextIndex,
        artists: TextIndex,
        artist_ids: Sequence[str],
        artist_names: Sequence[str],
        genres: Sequence[GenreRecord],
    ) -> None:
        self._snapshot = snapshot
        self._tracks = tracks
        self._artists = artists
        self._artist_ids = artist_ids
        self._artist_names = artist_names
        self._genres = _by_name(genres)

    def find(self, name: NameQuery) -> list[NamedItem]:
        """List the items of a name: artists, then tracks, then a genre; most popular first."""
        text = whole(name.text)
        if not text:
            return []
        found = [*self._artists_of(text), *self._tracks_of(text), *self._genre_of(text)]
        if not found and name.similar:
            found = [*self._similar_artists(text), *self._similar_tracks(text)]
        return found[:MAX_ITEMS]

    def _artists_of(self, text: str) -> list[NamedItem]:
        for form in _with_article(text):
            if rows := self._artists.named(form, MAX_ITEMS // 4):
                return [self._artist(row) for row in rows]
        return []

    def _tracks_of(self, text: str) -> list[NamedItem]:
        rows = self._tracks.named(text, _FEW_TRACKS, words(text))
        # A track is also indexed under the whole names of its artists.
        return [track for track in self._read(rows) if text in wholes(track.name)]

    def _genre_of(self, text: str) -> list[NamedItem]:
        name = self._genres.get(text) or self._genres.get(text.replace(" ", ""))
        return [] if name is None else [NamedItem(NameKind.GENRE, "", name)]

    def _similar_artists(self, text: str) -> list[NamedItem]:
        rows = self._artists.similar(text, _MOST_SIMILAR)
        longer = [
            row
            for row in self._artists.beginning_with(text, _FEW_TRACKS)
            if whole(self._artist_names[row]).startswith(f"{text} ")
        ]
        found = dict.fromkeys([*rows, *longer])
        return [self._artist(row, is_similar=True) for row in list(found)[:_MOST_SIMILAR]]

    def _similar_tracks(self, text: str) -> list[NamedItem]:
        count = len(text.split())
        tracks = self._read(self._tracks.similar_words("title", text.split(), _FEW_TRACKS))
        close = [
            NamedItem(track.kind, track.id, track.name, track.artists, is_similar=True)
            for track in tracks
            if any(len(form.split()) == count for form in wholes(track.name))
        ]
        return close[:_MOST_SIMILAR]

    def _artist(self, row: int, *, is_similar: bool = False) -> NamedItem:
        names = self._artist_ids[row], self._artist_names[row]
        return NamedItem(NameKind.ARTIST, *names, is_similar=is_similar)

    def _read(self, rows: Sequence[int]) -> list[NamedItem]:
        if not rows:
            return []
        columns = ["track_id", "title", "artist_ids", "artists"]
        taken = self._snapshot.tracks.select(columns).take(list(rows)).to_pylist()
        return [
            NamedItem(
                NameKind.TRACK,
                each["track_id"],
                each["title"],
                tuple(map(ArtistReference, each["artist_ids"], each["artists"])),
            )
            for each in taken
        ]


def catalogue_facts(
    snapshot: Snapshot, genres: Sequence[GenreRecord], popular: Sequence[str]
) -> CatalogueFacts:
    """Count what a catalogue has."""
    dates = pc.utf8_length(snapshot.tracks.column("release_date"))
    largest = sorted(genres, key=lambda genre: (-genre.track_count, genre.name))[:5]
    return CatalogueFacts(
        len(snapshot),
        int(pc.sum(pc.greater_equal(dates, 4)).as_py() or 0),
        int(pc.sum(snapshot.tracks.column("explicit")).as_py() or 0),
        largest,
        popular,
    )


def _with_article(text: str) -> tuple[str, str]:
    """List a name as written, and with the article added or left out: "Beatles", "The Beatles"."""
    return text, text.removeprefix(_THE) if text.startswith(_THE) else _THE + text


def _by_name(genres: Sequence[GenreRecord]) -> Mapping[str, str]:
    """Map forms of each genre to its name: "hip hop" and "hiphop" to "hip-hop"."""
    forms: dict[str, str] = {}
    for genre in sorted(genres, key=lambda genre: -genre.track_count):
        for form in (whole(genre.name), whole(genre.name).replace(" ", "")):
            forms.setdefault(form, genre.name)
    return forms
