"""Which rows a query may return: not absent ones, by filters, seeds, their versions, seasons.

Excluding works by recording: a track that a listener skipped must not come back as another release.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from quintet_modelkit.songs import song_form
from quintet_text.seasons import Season, season_of
from quintet_text.versions import COPIES, Version

from quintet_engine.catalogue import Catalogue, Groups, Mask, Rows
from quintet_engine.kernel.layout import fixed
from quintet_engine.query import Filters, Query, Seasonal, SeedKind, Variants
from quintet_engine.row_set import RowSet
from quintet_engine.seed_view import NO_ROWS, SeedView

Ranged = tuple[NDArray[np.floating], float | None, float | None]
"""Values of all rows, (n,) with NaN for unknown ones, and the least and greatest allowed."""
_DISTINCTIVE: Final = 6
"""Words of a name that two songs hardly share by chance: of 60 such pairs by different artists in a
catalogue of 100,000 tracks, 55 were covers; of names of five words, three in four."""


def allowed_rows(
    query: Query, seeds: Sequence[SeedView], negatives: Sequence[SeedView], catalogue: Catalogue
) -> RowSet:
    """Find the rows that a query may return."""
    tracks = [view for view in seeds if view.seed.kind is SeedKind.TRACK]
    # The tracks of an artist or genre seed stay, since the listener asked for them.
    rows = [view.rows for view in (*tracks, *negatives)]
    released = np.concatenate([NO_ROWS, *rows, _excluded(query.filters, catalogue)])
    if query.variants is Variants.EXCLUDE:
        tracks += [view for view in negatives if view.seed.kind is SeedKind.TRACK]
        originals = np.concatenate([NO_ROWS, *(view.rows for view in tracks)])
    else:
        originals = NO_ROWS
    excluded = [releases_and_versions(released, originals, catalogue)]
    allowed = filtered_rows(query.filters, catalogue)
    if query.seasonal is Seasonal.EXCLUDE and len(catalogue.seasonal):
        asked = _seasons_asked(query.filters, seeds, catalogue)
        if asked:
            seasonal = catalogue.seasonal
            excluded.append(seasonal[~np.isin(catalogue.season[seasonal], asked)])
        elif allowed is catalogue.available:
            allowed = catalogue.of_no_season
        else:
            allowed &= catalogue.of_no_season
    return allowed.without(np.concatenate(excluded))


def _excluded(filters: Filters, catalogue: Catalogue) -> Rows:
    """Find the rows of the excluded tracks, by any of their ids, int64.

    Unknown ids exclude nothing: a client may send the whole history of a listener.
    """
    if not filters.excluded_tracks:
        return NO_ROWS
    names = list(filters.excluded_tracks)
    rows = catalogue.rows_of(names)
    # Most names are ids of the catalogue itself, as those that a memory has.
    found = [catalogue.snapshot.find(names[place]) for place in np.flatnonzero(rows < 0).tolist()]
    others = np.array([row for row in found if row is not None], dtype=np.int64)
    return np.concatenate([rows[rows >= 0], others])


def heard_rows(heard: frozenset[str], rows: Rows, catalogue: Catalogue) -> list[bool]:
    """Mark which of some rows were heard, in any release, (k,)."""
    known = catalogue.rows_of(tuple(heard))
    known = known[known >= 0]
    if not len(known):
        return [False] * len(rows)
    recordings = np.unique(catalogue.recording[known])
    marked: list[bool] = np.isin(catalogue.recording[rows], recordings).tolist()
    return marked


def releases_and_versions(released: Rows, originals: Rows, catalogue: Catalogue) -> Rows:
    """Find all releases of the recordings of some rows, and other versions of the songs of others.

    A version is a track that is surely the song of a row. It has the song's name, and one of:
    - an artist of the row;
    - a note or artist that says copy: karaoke, tribute, cover, sped up. A copy does not say of
      which artist, so that a row which is one itself has all tracks of its name as versions;
    - a name of `_DISTINCTIVE` words: by another artist, it is a cover.

    Returns:
        int64 (k,), in any order, some of them twice.
    """
    from quintet_engine.kernel import excluding

    rows, unsure = excluding.releases_and_versions(
        *(catalogue.arrays, catalogue.recordings.arrays, catalogue.songs.arrays),
        *(fixed(catalogue.version, np.int16), fixed(released, np.int32)),
        *(fixed(originals, np.int32), int(COPIES)),
    )
    named = originals[unsure.astype(np.bool_)]
    if not len(named):
        return rows
    titles = zip(named.tolist(), catalogue.titles(named), strict=True)
    covered = [row for row, title in titles if len(song_form(title).split()) >= _DISTINCTIVE]
    songs = [catalogue.songs.of(int(catalogue.song[row])) for row in covered]
    return np.concatenate([rows, *songs])


def _seasons_asked(filters: Filters, seeds: Sequence[SeedView], catalogue: Catalogue) -> list[int]:
    """List the seasons of seeds and genre filters.

    An artist or genre is of a season if most of its tracks are.
    """
    seasons = {int(season_of("", genres=(genre,))) for genre in filters.genres}
    for view in seeds:
        of_tracks = catalogue.season[view.rows]
        for season in np.unique(of_tracks).tolist():
            if 2 * np.count_nonzero(of_tracks == season) > len(of_tracks):
                seasons.add(season)
    return sorted(seasons - {int(Season.NONE)})


def count_unknown(filters: Filters, catalogue: Catalogue) -> int:
    """Count the rows left out because a filtered attribute or the year is unknown of them.

    They meet all filters whose value is known of them.
    """
    ranged = _ranged(filters, catalogue)
    if not ranged:
        return 0
    unknown = np.any([np.isnan(values) for values, _, _ in ranged], axis=0)
    if not unknown.any():
        return 0
    others = replace(filters, ranges={}, years=(None, None))
    kept = filtered_rows(others, catalogue).mask & unknown
    for values, low, high in ranged:
        below = np.zeros(len(values), np.bool_) if low is None else values < low
        above = np.zeros(len(values), np.bool_) if high is None else values > high
        kept &= ~(below | above)
    return int(np.count_nonzero(kept))


def _ranged(filters: Filters, catalogue: Catalogue) -> list[Ranged]:
    """List the values that have a range: of attributes, and the year of release."""
    ranged: list[Ranged] = [
        (catalogue.column(name), low, high) for name, (low, high) in filters.ranges.items()
    ]
    if filters.years != (None, None):
        ranged.append((catalogue.year, *filters.years))
    return ranged


def filtered_rows(filters: Filters, catalogue: Catalogue) -> RowSet:
    """Find the available rows that meet every filter but the excluded tracks."""
    allowed = catalogue.available
    if filters.selects:
        allowed = RowSet.of(_filtered(filters, catalogue))
    artists = [catalogue.artist_names.get(name) for name in filters.excluded_artists]
    known = np.array([artist for artist in artists if artist is not None], dtype=np.int64)
    return allowed.without(catalogue.artist_tracks.of_all(known)) if len(known) else allowed


def _filtered(filters: Filters, catalogue: Catalogue) -> Mask:
    """Mark the rows that meet every filter but excluded tracks and artists, bool (n,).

    A row of which a filtered attribute is unknown does not meet the filter: NaN compares as false.
    """
    allowed = catalogue.available.mask.copy()
    for values, low, high in _ranged(filters, catalogue):
        if low is not None:
            allowed &= values >= low
        if high is not None:
            allowed &= values <= high
    if filters.explicit is not None:
        allowed &= catalogue.explicit == filters.explicit
    if filters.genres:
        allowed &= _of_genres(filters.genres, catalogue)
    if filters.excluded_genres:
        allowed &= ~_of_genres(filters.excluded_genres, catalogue)
    if filters.artists:
        artists = [catalogue.artist_names.get(name) for name in filters.artists]
        allowed &= _members(catalogue.artist_tracks, artists, len(catalogue))
    if filters.sources:
        allowed &= _of_sources(filters.sources, catalogue)
    if filters.excluded_versions:
        flags = sum(Version[version.name] for version in filters.excluded_versions)
        allowed &= (catalogue.version & flags) == 0
    return allowed


def _of_genres(genres: Sequence[str], catalogue: Catalogue) -> Mask:
    """Mark the rows of at least one of the genres; an unknown genre has none."""
    numbers = [catalogue.genre_number(genre) for genre in genres]
    return _members(catalogue.genre_tracks, numbers, len(catalogue))


def _members(groups: Groups, numbers: Sequence[int | None], count: int) -> Mask:
    """Mark the rows that are members of at least one group, bool (count,)."""
    known = np.array([number for number in numbers if number is not None], dtype=np.int64)
    chosen = np.zeros(count, dtype=np.bool_)
    chosen[groups.of_all(known)] = True
    return chosen


def _of_sources(names: Sequence[str], catalogue: Catalogue) -> Mask:
    """Mark the rows that at least one of the sources has, bool (n,); a source may be unknown."""
    marked = np.zeros(len(catalogue), dtype=np.bool_)
    for name in names:
        marked[catalogue.snapshot.rows_of_source(name)] = True
    return marked
