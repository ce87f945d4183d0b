"""Relations of a track to the seeds: album, artist, playlists, taste, genre and sound.

Each relation is with one seed, of which it is true. Where several seeds qualify, playlists and
taste choose the strongest, and the others choose the seed nearest in sound.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from quintet_engine.catalogue import Catalogue, Rows
from quintet_engine.collaborative.affinity import MOST_ROWS
from quintet_engine.context import Context
from quintet_engine.query import SeedKind
from quintet_engine.reasons.families import (
    ALBUM,
    ALBUM_IN_PLAYLISTS,
    ARTIST,
    ARTIST_IN_PLAYLISTS,
    GENRE,
    PLACE,
    SOUND,
    TASTE,
    TOGETHER,
)
from quintet_engine.seed_view import SeedView
from quintet_explain import Fact, Kind, Reference, ReferenceKind
from quintet_explain.facts import CLOSE_COSINE, NEAR_TASTE

from tests.oracle.reasons.playlists import (
    PlaylistRelations,
    playlist_relations,
)

_KINDS: Final = {
    SeedKind.TRACK: ReferenceKind.TRACK,
    SeedKind.ARTIST: ReferenceKind.ARTIST,
    SeedKind.GENRE: ReferenceKind.GENRE,
}


@dataclass(frozen=True)
class Effects:
    """The effects of feature families on one track's score.

    Attributes:
        shares: The signed share of each family in all effects, -1..1; 0 if nothing has any.
        total: The size of all effects together, in units of the score.
    """

    shares: list[float]
    total: float

    def share(self, *families: str) -> float:
        """Sum the shares of families, -1..1."""
        total = 0.0
        for family in families:
            total += self.shares[PLACE[family]]
        return total


class RelationFinder:
    """Finds the relations of the rows of one list; everything numeric is computed once for all.

    Args:
        context: The prepared query.
        rows: int64 (k,), the tracks of the list.
        cosines: float32 (k, seeds), of the weighted attributes.
    """

    def __init__(self, context: Context, rows: Rows, cosines: NDArray[np.float32]) -> None:
        catalogue = context.catalogue
        self._context, self._rows, self._cosines = context, rows.tolist(), cosines
        self.references = [_reference(catalogue, n, view) for n, view in enumerate(context.seeds)]
        # Plain sets: a call of NumPy costs more than to compare the few members of a seed.
        self._albums = [set(view.albums.tolist()) for view in context.seeds]
        self._artists_of = [set(view.artists.tolist()) for view in context.seeds]
        self._genres = [set(view.genres.tolist()) for view in context.seeds]
        self._similar = cosines.tolist()
        album = catalogue.album[rows]
        self._shares_album = ((album >= 0) & (context.album_weight[album] > 0)).tolist()
        self._shares_artist = _any(catalogue.track_artists.greatest(rows, context.artist_weight))
        self._shares_genre = _any(catalogue.track_genres.greatest(rows, context.genre_weight))
        self._playlists: PlaylistRelations | None = None
        if context.affinity is not None:
            self._playlists = playlist_relations(context.affinity, rows)
            self._members = _Members(context)

    def of(self, place: int, effects: Effects) -> list[Fact]:
        """Find the relations of a row that raised its score."""
        facts = [
            *self._by_catalogue(place, effects),
            *self._by_playlists(place, effects),
            *self._by_sound(place, effects),
        ]
        return [fact for fact in facts if fact.weight > 0]

    def nearest(self, place: int, effects: Effects) -> Fact | None:
        """State which seed is nearest in sound, for a track without any other fact."""
        seed = int(self._cosines[place].argmax())
        cosine, share = float(self._cosines[place, seed]), effects.shares[PLACE[SOUND]]
        if cosine <= 0 or not share:
            return None
        return Fact(Kind.SOUND, self.references[seed], share, value=min(cosine, 1.0))

    def _by_catalogue(self, place: int, effects: Effects) -> Iterator[Fact]:
        """Find a shared album, or else a shared artist, or else a shared genre."""
        catalogue, row = self._context.catalogue, self._rows[place]
        if self._shares_album[place]:
            seed = self._nearest(place, self._albums, [int(catalogue.album[row])])
            share = effects.share(ALBUM, ALBUM_IN_PLAYLISTS, ARTIST, ARTIST_IN_PLAYLISTS)
            yield Fact(Kind.SAME_ALBUM, self.references[seed], share)
        elif self._shares_artist[place]:
            artists = catalogue.track_artists.of(row).tolist()
            seed = self._nearest(place, self._artists_of, artists)
            shared = [artist for artist in artists if artist in self._artists_of[seed]]
            name = catalogue.artist_title(row, shared[0])
            share = effects.share(ARTIST, ARTIST_IN_PLAYLISTS)
            yield Fact(Kind.SAME_ARTIST, self.references[seed], share, name=name)
        elif self._shares_genre[place]:
            yield self._genre(place, row, effects)

    def _genre(self, place: int, row: int, effects: Effects) -> Fact:
        context = self._context
        genres = context.catalogue.track_genres.of(row).tolist()
        seed = self._nearest(place, self._genres, genres)
        shared = [genre for genre in genres if genre in self._genres[seed]]
        # The genre that most seeds share says most about the list.
        genre = max(shared, key=context.genre_weight.__getitem__)
        name = context.catalogue.genres[genre]
        weight = effects.shares[PLACE[GENRE]]
        return Fact(
            *(Kind.GENRE, self.references[seed], weight),
            value=len(shared),
            other_value=len(genres),
            name=name,
        )

    def _by_playlists(self, place: int, effects: Effects) -> Iterator[Fact]:
        """Find playlists with both tracks, or else with both artists; and closeness in taste."""
        found = self._playlists
        if found is None:
            return
        together = found.together.values[place]
        same_artist = self._shares_album[place] or self._shares_artist[place]
        if together >= 1:
            reference = self._members[found.together.seed_rows[place]]
            held = found.holders[found.together.seed_rows[place]]
            weight = effects.shares[PLACE[TOGETHER]]
            yield Fact(Kind.TOGETHER, reference, weight, value=together, other_value=held)
        elif found.artists.values[place] >= 1 and not same_artist:
            yield self._artists(found, place, effects)
        taste = found.taste.values[place]
        if taste >= NEAR_TASTE:
            reference = self._members[found.taste.seed_rows[place]]
            yield Fact(Kind.TASTE, reference, effects.shares[PLACE[TASTE]], value=min(taste, 1.0))

    def _artists(self, found: PlaylistRelations, place: int, effects: Effects) -> Fact:
        reference = self._members[found.artists.seed_rows[place]]
        return Fact(
            Kind.ARTISTS_TOGETHER,
            reference,
            effects.shares[PLACE[ARTIST_IN_PLAYLISTS]],
            value=found.artists.values[place],
            other_value=found.artist_holders[found.artists.seed_rows[place]],
            name=first_artist(self._context.catalogue, self._rows[place]),
        )

    def _by_sound(self, place: int, effects: Effects) -> Iterator[Fact]:
        seed = int(self._cosines[place].argmax())
        cosine = float(self._cosines[place, seed])
        if cosine >= CLOSE_COSINE:
            share = effects.shares[PLACE[SOUND]]
            yield Fact(Kind.SOUND, self.references[seed], share, value=min(cosine, 1.0))

    def _nearest(self, place: int, of_seeds: list[set[int]], numbers: list[int]) -> int:
        """Choose the seed nearest in sound among those that share one of the numbers."""
        related = [n for n, own in enumerate(of_seeds) if not own.isdisjoint(numbers)]
        return max(related, key=self._similar[place].__getitem__)


def _any(values: NDArray[np.float32]) -> list[bool]:
    return [bool(flag) for flag in (values > 0).tolist()]


def _reference(catalogue: Catalogue, place: int, view: SeedView) -> Reference:
    """Name a seed."""
    name = view.seed.name
    if view.seed.kind is SeedKind.TRACK:
        return track_reference(catalogue, place, ReferenceKind.TRACK, int(view.rows[0]))
    if view.seed.kind is SeedKind.ARTIST:
        title = catalogue.artist_title(int(view.rows[0]), int(view.artists[0]))
        return Reference(place, ReferenceKind.ARTIST, name, title)
    return Reference(place, ReferenceKind.GENRE, name, name)


def track_reference(catalogue: Catalogue, place: int, kind: ReferenceKind, row: int) -> Reference:
    """Name a track that a fact is about."""
    rows = np.array([row])
    (track_id,), (title,) = catalogue.track_ids(rows), catalogue.titles(rows)
    return Reference(place, kind, track_id, title, first_artist(catalogue, row))


class _Members:
    """Names the seed rows of the affinity, each when it is first needed."""

    def __init__(self, context: Context) -> None:
        assert context.affinity is not None
        self._catalogue, self._rows = context.catalogue, context.affinity.seeds
        self._kinds = [view.seed.kind for view in context.seeds]
        # As `Affinity.of` joins the seeds' rows: each group cut to its most popular.
        sizes = [min(len(view.rows), MOST_ROWS) for view in context.seeds]
        self._owners = np.repeat(np.arange(len(sizes)), sizes).tolist()
        self._named: dict[int, Reference] = {}

    def __getitem__(self, place: int) -> Reference:
        if place not in self._named:
            owner = self._owners[place]
            is_seed = self._kinds[owner] is SeedKind.TRACK
            kind = ReferenceKind.TRACK if is_seed else ReferenceKind.MEMBER
            self._named[place] = track_reference(
                self._catalogue, owner, kind, int(self._rows[place])
            )
        return self._named[place]


def first_artist(catalogue: Catalogue, row: int) -> str:
    """Look up the name of a row's first artist; empty if it has none."""
    artist = int(catalogue.first_artist[row])
    return catalogue.artist_title(row, artist) if artist >= 0 else ""
