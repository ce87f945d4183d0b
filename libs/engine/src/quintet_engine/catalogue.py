"""The engine's in-memory view of a catalogue snapshot: row arrays and group memberships."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray
from quintet_modelkit.features import COLUMN, DIMENSIONS, Encoded, Raw, is_analysed
from quintet_modelkit.snapshot import NO_ROWS, Snapshot
from quintet_modelkit.songs import songs_of
from quintet_modelkit.text_index import TextIndex
from quintet_modelkit.texts import Texts
from quintet_text.normal_form import by_form, normalise

from quintet_engine.computed_rows import ComputedRows
from quintet_engine.kernel.layout import POPULARITY, YEAR, Lists, Tracks, fixed
from quintet_engine.music import octave, wheel_places
from quintet_engine.row_set import Mask as Mask
from quintet_engine.row_set import Rows as Rows
from quintet_engine.row_set import RowSet

Weights = NDArray[np.float32]
# The oldest recording of a voice is from 1860: an earlier release date is a placeholder.
_FIRST_YEAR = 1860
# Up to so many rows are read from the features of all attributes, and more from a copied column.
_FEW: Final = 10_000
UNKNOWN_DISTANCE: Final = 2.0
"""Standard deviations between a target and a missing value: nearly all known values are nearer."""


@dataclass(frozen=True)
class Groups:
    """The members of each of g groups, as compressed sparse rows.

    Attributes:
        starts: int32 (g + 1,); group i holds `members[starts[i]:starts[i + 1]]`.
        members: int32, the groups' members one after another.
    """

    starts: NDArray[np.int32]
    members: NDArray[np.int32]

    @cached_property
    def arrays(self) -> Lists:
        """The same as compiled code reads it."""
        return Lists(fixed(self.starts, np.int32), fixed(self.members, np.int32))

    def of(self, group: int) -> Rows:
        """Select the members of one group, int64."""
        return self.members[self.starts[group] : self.starts[group + 1]].astype(np.int64)

    def of_all(self, groups: Rows) -> Rows:
        """Select the distinct members of several groups, ascending, int64."""
        return np.unique(self._gather(groups)[0]).astype(np.int64)

    def members_of(self, groups: Rows) -> tuple[Rows, NDArray[np.int64]]:
        """Select the members of groups, one group after another, int64, with their counts.

        A group number beyond the last has no members.
        """
        known = groups < len(self.starts) - 1
        members, _, sizes = self._gather(groups[known])
        counts = np.zeros(len(groups), np.int64)
        counts[known] = sizes
        return members.astype(np.int64), counts

    def sizes(self) -> NDArray[np.int64]:
        """Count the members of each group, int64 (g,)."""
        return np.diff(self.starts).astype(np.int64)

    def greatest(self, groups: Rows, weight: Weights) -> Weights:
        """Find the greatest weight among each group's members, float32 (k,); 0 if empty."""
        return self._reduce(groups, weight, np.maximum)

    def total(self, groups: Rows, weight: Weights) -> Weights:
        """Sum the weights of each group's members, float32 (k,); 0 if empty."""
        return self._reduce(groups, weight, np.add)

    def sorted_by(self, values: NDArray[np.floating]) -> "Groups":
        """Order each group's members by a value, ascending, ties by member."""
        owners = np.repeat(np.arange(len(self.starts) - 1), self.sizes())
        order = np.lexsort((self.members, values[self.members], owners))
        return Groups(self.starts, self.members[order])

    def inverse(self, count: int) -> "Groups":
        """List, for each of `count` members, the groups it belongs to, in ascending order."""
        owners = np.repeat(np.arange(len(self.starts) - 1, dtype=np.int32), self.sizes())
        order = np.argsort(self.members, kind="stable")
        starts = np.concatenate(([0], np.cumsum(np.bincount(self.members, minlength=count))))
        return Groups(starts.astype(np.int32), owners[order])

    def _gather(self, groups: Rows) -> tuple[NDArray[np.int32], Rows, Rows]:
        """Select the members of groups one after another, with each group's start and size."""
        places, starts, sizes = entries_of(self.starts, groups)
        return self.members[places], starts, sizes

    def _reduce(self, groups: Rows, weight: Weights, reduction: np.ufunc) -> Weights:
        members, starts, sizes = self._gather(groups)
        result = np.zeros(len(groups), dtype=np.float32)
        filled = sizes > 0
        if filled.any():
            # `reduceat` gives an empty group the next element, so it only sees filled ones.
            result[filled] = reduction.reduceat(weight[members], starts[filled])
        return result


@dataclass(frozen=True)
class Catalogue:
    """A snapshot as arrays, each aligned with its n rows.

    Attributes:
        snapshot: The snapshot itself.
        audio: float32 (n, 16), see `layout.Tracks.audio`: standardised features, 0 where missing,
            then year and popularity.
        artist_names: Artist id → artist number.
        track_artists: Artist numbers of each row.
        first_artist: int32 (n,), -1 for a row without artists.
        album: int32 (n,), album numbers, -1 if unknown.
        album_tracks: Rows of each album.
        genre_names: Genre → genre number.
        track_genres: Genre numbers of each row.
        explicit: bool (n,).
        recording: int32 (n,), the same for releases of one recording.
        song: int32 (n,), the same for all tracks of one name; -1 for a name of one track.
        version: int16 (n,), `quintet_text.versions.Version` flags.
        season: int8 (n,), `quintet_text.seasons.Season`.
    """

    snapshot: Snapshot
    audio: NDArray[np.float32]
    artist_names: Mapping[str, int]
    track_artists: Groups
    first_artist: NDArray[np.int32]
    album: NDArray[np.int32]
    album_tracks: Groups
    genre_names: Mapping[str, int]
    track_genres: Groups
    explicit: Mask
    recording: NDArray[np.int32]
    song: NDArray[np.int32]
    version: NDArray[np.int16]
    season: NDArray[np.int8]

    @classmethod
    def of(cls, snapshot: Snapshot, *, recommend_absent: bool = False) -> Self:
        """Build the view: one pass over the snapshot's columns.

        Args:
            snapshot: The catalogue.
            recommend_absent: Whether tracks that no source has any more may be returned: training
                and evaluation learn from playlists that have them.
        """
        if recommend_absent:
            snapshot = replace(snapshot, absent=NO_ROWS)
        tracks = snapshot.tracks
        features = np.asarray(snapshot.features)
        audio = np.empty((len(tracks), POPULARITY + 1), np.float32)
        audio[:, :DIMENSIONS] = snapshot.standardiser.transform(features)
        audio[:, YEAR] = _years(tracks.column("release_date"))
        audio[:, POPULARITY] = features[:, COLUMN["popularity"]]
        artist_names, track_artists = _lists(tracks.column("artist_ids"))
        genre_names, track_genres = _lists(tracks.column("genres"))
        first = np.full(len(tracks), -1, dtype=np.int32)
        filled = track_artists.sizes() > 0
        first[filled] = track_artists.members[track_artists.starts[:-1][filled]]
        album, albums = _numbers(tracks.column("album_id"))
        return cls(
            snapshot,
            fixed(audio, np.float32),
            artist_names,
            track_artists,
            first,
            album,
            by_number(album, albums),
            genre_names,
            track_genres,
            tracks.column("explicit").to_numpy().astype(np.bool_),
            tracks.column("recording").to_numpy().astype(np.int32),
            *songs_of(tracks),
        )

    def __len__(self) -> int:
        return len(self.audio)

    @property
    def columns(self) -> Raw:
        """Raw attributes, NaN where missing, float64 (n, 14), mapped from the snapshot."""
        return self.snapshot.features

    def read_features(self) -> None:
        """Compute what reads the features of all rows, whose pages can be released afterwards."""
        for name in ("deviations", "centres", "popularity_to_rank", "arrays"):
            getattr(self, name)

    def column(self, attribute: str) -> Raw:
        """One raw attribute of all rows, side by side in memory, float64 (n,), for filters.

        Copied at the first use: most catalogues are filtered by few attributes.
        """
        if attribute not in self._columns:
            self._columns[attribute] = fixed(self.columns[:, COLUMN[attribute]], np.float64)
        return self._columns[attribute]

    @cached_property
    def _columns(self) -> dict[str, Raw]:
        return {}

    @property
    def encoded(self) -> Encoded:
        """The standardised features, 0 where missing, float32 (n, 14)."""
        return self.audio[:, :DIMENSIONS]

    @property
    def year(self) -> Weights:
        """The year of release, NaN if unknown, float32 (n,)."""
        return self.audio[:, YEAR]

    @property
    def known_popularity(self) -> Weights:
        """Popularity 0..100, NaN if unknown, float32 (n,)."""
        return self.audio[:, POPULARITY]

    @cached_property
    def lengths(self) -> Weights:
        """The length of each row of `encoded`, float32 (n,); 1 if nothing was measured."""
        lengths = np.linalg.norm(self.encoded, axis=1)
        return fixed(np.where(lengths > 0, lengths, 1), np.float32)

    @cached_property
    def unit(self) -> ComputedRows:
        """`encoded` with rows of unit length, float32 (n, 14); 0 if nothing was measured."""
        # Not `self`: a catalogue that refers to itself is freed late, by the collector.
        encoded, lengths = self.encoded, self.lengths
        shape = (len(self), DIMENSIONS)
        return ComputedRows(shape, lambda rows: encoded[rows] / lengths[rows][..., None])

    @cached_property
    def popularity(self) -> Raw:
        """Popularity of each row to order by, 0..100, float64 (n,); an unknown one counts as 0."""
        return np.nan_to_num(self.column("popularity"))

    @cached_property
    def popularity_to_rank(self) -> Weights:
        """The same as compiled code reads it, float32 (n,)."""
        return fixed(self.popularity, np.float32)

    @cached_property
    def analysed(self) -> Mask | None:
        """Mark the rows that were measured at all, bool (n,); None if all of them were.

        The others have no direction: channels and features by cosine leave them out.
        """
        measured = is_analysed(self.columns)
        return None if measured.all() else measured

    @cached_property
    def analysed_rows(self) -> RowSet | None:
        """The rows that were measured at all; None if all of them were."""
        return None if self.analysed is None else RowSet.of(self.analysed)

    @cached_property
    def missing(self) -> NDArray[np.uint16]:
        """The attributes that features must not compare, uint16 (n,): bit i is column i.

        Those that are missing, and the duration of a row of which nothing was measured: it is 0 in
        `encoded`.
        """
        places = 1 << np.arange(self.columns.shape[1])
        bits: NDArray[np.uint16] = (np.isnan(self.columns) @ places).astype(np.uint16)
        if self.analysed is not None:
            bits[~self.analysed] |= np.uint16(1 << COLUMN["duration_ms"])
        return bits

    def lacks(self, attribute: str, rows: Rows) -> Mask:
        """Mark the rows whose attribute features must not compare, bool (k,); see `missing`."""
        return np.asarray(self.missing[rows] >> COLUMN[attribute] & 1, dtype=np.bool_)

    @cached_property
    def arrays(self) -> Tracks:
        """The catalogue as compiled code reads it."""
        rhythm = (wheel_places(self.columns), octave(self.columns[:, COLUMN["tempo"]]))
        numbers = (self.first_artist, self.album, self.recording, self.song)
        return Tracks(
            self.audio,
            self.lengths,
            fixed(np.column_stack(rhythm), np.float32),
            fixed(self.explicit, np.uint8),
            fixed(np.column_stack(numbers), np.int32),
            self.track_artists.arrays,
            self.track_genres.arrays,
            fixed(self.missing, np.uint16),
        )

    def rows_of(self, track_ids: Sequence[str]) -> Rows:
        """Look up the rows of many track ids at once, int64 (k,); -1 for an unknown one."""
        row_of = self.snapshot.row_of
        if not len(track_ids):
            return np.empty(0, np.int64)
        if not isinstance(row_of, TextIndex):
            return np.array([row_of.get(name, -1) for name in track_ids], dtype=np.int64)
        from quintet_engine.kernel import looking_up

        # Lone surrogates, which JSON can contain, must not raise.
        joined = "".join(track_ids)
        keys = joined.encode("utf-8", "surrogatepass")
        lengths = [len(name) for name in track_ids]
        if len(keys) != len(joined):
            lengths = [len(name.encode("utf-8", "surrogatepass")) for name in track_ids]
        starts = np.zeros(len(lengths) + 1, np.int32)
        np.cumsum(lengths, out=starts[1:])
        rows = np.empty(len(lengths), np.int64)
        places, texts, order = row_of.arrays
        looking_up.rows_of(
            *(fixed(places, np.int32), fixed(texts, np.uint8), fixed(order, np.int32)),
            *(fixed(np.frombuffer(keys, np.uint8), np.uint8), fixed(starts, np.int32)),
            rows,
        )
        return rows

    @cached_property
    def artist_tracks(self) -> Groups:
        """Rows of each artist, ascending."""
        return self.track_artists.inverse(len(self.artist_names))

    @cached_property
    def genre_tracks(self) -> Groups:
        """Rows of each genre, the most popular first, ties by row."""
        return self.track_genres.inverse(len(self.genre_names)).sorted_by(-self.popularity)

    @cached_property
    def recordings(self) -> Groups:
        """Rows of each recording, ascending; numbered as `recording`."""
        return by_number(self.recording)

    @cached_property
    def songs(self) -> Groups:
        """Rows of each song, by any artist and in any version; numbered as `song`."""
        return by_number(self.song)

    @cached_property
    def seasonal(self) -> Rows:
        """Rows of all songs of a season, ascending."""
        return np.flatnonzero(self.season)

    @cached_property
    def available(self) -> RowSet:
        """All rows but tracks that no source has any more."""
        mask = np.ones(len(self), np.bool_)
        mask[self.snapshot.absent] = False
        return RowSet.of(mask)

    @cached_property
    def of_no_season(self) -> RowSet:
        """The available rows but songs of a season."""
        return RowSet.of(self.available.mask & (self.season == 0))

    @cached_property
    def genres(self) -> tuple[str, ...]:
        """Genre names by genre number."""
        return tuple(self.genre_names)

    def genre_number(self, name: str) -> int | None:
        """Find a genre by its name, or by any spelling with the same normal form."""
        number = self.genre_names.get(name)
        if number is None:
            number = self.genre_names.get(self._genre_forms.get(normalise(name), ""))
        return number

    @cached_property
    def _genre_forms(self) -> Mapping[str, str]:
        return by_form(self.genre_names)

    @cached_property
    def deviations(self) -> Raw:
        """Standard deviation of each attribute, float64 (14,), all positive.

        Values are clipped to the 1st and 99th percentile first: one ten-hour track must not make
        every difference in duration look small. For key it is 3 semitones, half the greatest
        distance on the circle.
        """
        # Column by column: all at once would take twice the memory of the features.
        spread = np.array([_clipped(column).std() for column in self.columns.T])
        spread = np.where(spread > 1e-9, spread, 1.0)
        spread[COLUMN["key"]] = 3.0
        return spread

    @cached_property
    def centres(self) -> Raw:
        """Mean of each attribute, float64 (14,), clipped as in `deviations`; of no use for key."""
        return np.array([_clipped(column).mean() for column in self.columns.T])

    def distances(self, attribute: str, value: float, rows: Rows | slice) -> Raw:
        """Measure how far rows are from a value, in standard deviations, float64 (k,), ≥ 0.

        Key is measured around the circle of twelve semitones; an unknown key is as far from every
        known one as a tritone, the greatest distance. A missing value is
        `UNKNOWN_DISTANCE` away.
        """
        column = COLUMN[attribute]
        # Of few rows, the features themselves: a copy of the column would be read once.
        many = isinstance(rows, slice) or len(rows) > _FEW
        values = self.column(attribute)[rows] if many else self.columns[rows, column]
        gaps = np.abs(values - value)
        if attribute == "key":
            gaps = np.minimum(gaps % 12, -gaps % 12)
            gaps = np.where((values < 0) != (value < 0), 6.0, gaps)
        distances = gaps / self.deviations[column]
        return np.asarray(np.where(np.isnan(distances), UNKNOWN_DISTANCE, distances))

    def track_id(self, row: int) -> str:
        """Look up the track id of a row."""
        return self._ids.of((row,))[0]

    def track_ids(self, rows: Rows) -> list[str]:
        """Look up the track ids of rows."""
        return self._ids.of(rows.tolist())

    def titles(self, rows: Rows) -> list[str]:
        """Look up the titles of rows."""
        return self._titles.of(rows.tolist())

    def artist_title(self, row: int, artist: int) -> str:
        """Look up the name of one of a row's artists, by artist number."""
        place = list(self.track_artists.of(row)).index(artist)
        return self.credited(np.array([row]), np.array([place]))[0]

    def first_artists(self, rows: Rows) -> list[str]:
        """Look up the names of rows' first artists; empty for a row without any."""
        has_artist = self.first_artist[rows] >= 0
        names = iter(self.credited(rows[has_artist], np.zeros(has_artist.sum(), np.int64)))
        return [next(names) if known else "" for known in has_artist.tolist()]

    def credited(self, rows: Rows, places: NDArray[np.integer]) -> list[str]:
        """Look up the names of rows' artists, by place in the rows' credits."""
        starts, names = self._credits
        return names.of((starts[rows] + places).tolist())

    @cached_property
    def _credits(self) -> tuple[NDArray[np.int32], Texts]:
        """The artists' names of all rows one after another, and where each row's start."""
        lists: Any = self.snapshot.tracks.column("artists").combine_chunks()
        return lists.offsets.to_numpy(), Texts(lists.values)

    @cached_property
    def _ids(self) -> Texts:
        return Texts(self.snapshot.tracks.column("track_id"))

    @cached_property
    def _titles(self) -> Texts:
        return Texts(self.snapshot.tracks.column("title"))


def entries_of(starts: NDArray[np.integer], rows: Rows) -> tuple[Rows, Rows, Rows]:
    """Find the entries of some rows of a sparse matrix of n compressed rows.

    Args:
        starts: (n + 1,), as in `Groups`.
        rows: int64 (k,).

    Returns:
        The places of all entries, row after row; where each row's entries begin among them (k,);
        how many entries each row has (k,).
    """
    sizes = (starts[rows + 1] - starts[rows]).astype(np.int64)
    begins = np.cumsum(sizes) - sizes
    shift = np.repeat(starts[rows] - begins, sizes)
    return np.arange(len(shift)) + shift, begins, sizes


def _clipped(values: Raw) -> Raw:
    """Clip the known values of an attribute; a single 0 if there is none."""
    values = values[~np.isnan(values)] if np.isnan(values).any() else values
    if not len(values):
        return np.zeros(1)
    low, high = np.percentile(values, (1, 99))
    return np.clip(values, low, high)


def _numbers(column: pa.ChunkedArray) -> tuple[NDArray[np.int32], int]:
    """Assign numbers to the distinct texts of a column, -1 to the empty one, and count them."""
    encoded = column.combine_chunks().dictionary_encode()
    numbers = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int32)
    empty = pa.compute.index(encoded.dictionary, "").as_py()
    if empty >= 0:
        numbers[numbers == empty] = -1
    return numbers, len(encoded.dictionary)


def by_number(numbers: NDArray[np.integer], count: int | None = None) -> Groups:
    """Group rows by their number, from 0, ascending; -1 stands for no group.

    Args:
        numbers: (n,), one per row.
        count: How many groups there are; up to the greatest number if None.
    """
    if count is None:
        count = int(numbers.max(initial=-1)) + 1
    known = np.flatnonzero(numbers >= 0).astype(np.int32)
    order = np.argsort(numbers[known], kind="stable")
    starts = np.concatenate(([0], np.cumsum(np.bincount(numbers[known], minlength=count))))
    return Groups(starts.astype(np.int32), known[order])


def _lists(column: pa.ChunkedArray) -> tuple[Mapping[str, int], Groups]:
    """Assign numbers to the members of a column of lists, by first appearance."""
    lists: Any = column.combine_chunks()
    starts = lists.offsets.to_numpy().astype(np.int32)
    encoded = lists.flatten().dictionary_encode()
    members = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int32)
    return TextIndex(encoded.dictionary), Groups(starts - starts[0], members)


def _years(column: pa.ChunkedArray) -> Weights:
    """Parse the year of release dates (YYYY, YYYY-MM, YYYY-MM-DD), NaN if unknown, float32 (n,)."""
    heads = pa.compute.utf8_slice_codeunits(column, 0, 4)
    digits = pa.compute.match_substring_regex(heads, "^[0-9]{4}$")
    years = pa.compute.cast(pa.compute.if_else(digits, heads, "0"), pa.int32()).to_numpy()
    return np.where(years >= _FIRST_YEAR, years, np.nan).astype(np.float32)
