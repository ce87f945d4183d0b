"""Features that need no playlists, for every kind of model: see `features.declared`.

Each function writes some columns of the matrix, float32 (features, candidates), from one on.
"""

from typing import Any, Final

import numpy as np
from numba import types
from quintet_contract.attributes import MEASURED
from quintet_modelkit.features import COLUMN, LINEAR

from quintet_engine.kernel.compiling import borrowing, compiled, inlined
from quintet_engine.kernel.fetching import fetch_lists, fetch_records
from quintet_engine.kernel.lanes import (
    FLOATS,
    above,
    add,
    choose,
    divide,
    floats,
    greater,
    lesser,
    multiply,
    products,
    put_floats,
    repeated,
    repeated_at,
    root,
    subtract,
)
from quintet_engine.kernel.layout import ALBUM, OCTAVE, POPULARITY, WHEEL, YEAR, AudioQuery, Tracks
from quintet_engine.kernel.signatures import AUDIO_QUERY, TRACKS, reads, writes
from quintet_engine.kernel.tiles import put_records, put_values

_ENCODED: Final = 14
_LINEAR: Final = len(LINEAR)
# The column of the first gap; cosines come before.
_FIRST_GAP: Final = 5
# A record of `Tracks.audio` of eight candidates, and eight unused numbers.
_TILE: Final = 17 * FLOATS
# Added to the seeds' spread, in standard deviations of the catalogue: five seeds that agree by
# chance must not make every gap infinite.
_SPREAD_FLOOR: Final = np.float32(0.5)
# Bits of `Tracks.missing`: of each linear attribute, of key and mode, of tempo, of all measured.
_BIT: Final = np.array([1 << COLUMN[name] for name in LINEAR], np.uint16)
_KEY_BITS: Final = np.uint16(1 << COLUMN["key"] | 1 << COLUMN["mode"])
_TEMPO_BIT: Final = np.uint16(1 << COLUMN["tempo"])
_ALL_MEASURED: Final = np.uint16(sum(1 << COLUMN[name] for name in MEASURED))
_ZERO, _ONE, _NAN = np.float32(0), np.float32(1), np.float32(np.nan)


@borrowing
def weight_of(shares: Any, number: Any) -> Any:
    """Look up the share of seeds of an artist, album or genre; 0 if none has it."""
    low, high = 0, len(shares.numbers)
    while low < high:
        middle = (low + high) // 2
        if shares.numbers[middle] < number:
            low = middle + 1
        else:
            high = middle
    if low < len(shares.numbers) and shares.numbers[low] == number:
        return shares.weights[low]
    return _ZERO


@inlined
def is_analysed(missing: Any) -> Any:
    """Check whether anything of a track was measured."""
    return missing & _ALL_MEASURED != _ALL_MEASURED


@inlined
def _known_shares(query: Any) -> Any:
    """Share the weight out among the seeds that have a direction; among all if none has."""
    count, total = len(query.shares), _ZERO
    shares = np.zeros(count, np.float32)
    for seed in range(count):
        for each in range(_ENCODED):
            if query.seed_vectors[seed, each] != 0:
                shares[seed] = query.shares[seed]
        total += shares[seed]
    for seed in range(count):
        shares[seed] = shares[seed] / total if total > 0 else query.shares[seed]
    return shares, total > 0


@borrowing
def _put_cosines(
    query: Any, shares: Any, tile: Any, weighted: Any, lengths: Any, matrix: Any, start: Any
) -> None:
    """Write eight candidates' profile, nearest, mean, farthest and negative cosine.

    Args:
        query: The query.
        shares: From `_known_shares`.
        tile: The encoded attributes.
        weighted: The same, the query's attribute weights applied.
        lengths: float32 (8,), of the unweighted ones.
        matrix: float32 (features, c).
        start: The first of the eight.
    """
    none = repeated(_ZERO)
    length = floats(lengths, 0)
    put_values(matrix, 0, start, tile, divide(products(query.vector, 0, tile, 0, _ENCODED), length))
    if query.has_weights:
        squares = none
        for each in range(_ENCODED):
            value = floats(weighted, each * FLOATS)
            squares = add(squares, multiply(value, value))
        length = choose(above(squares, none), root(squares), repeated(_ONE))
    nearest, mean, farthest = repeated(np.float32(-np.inf)), none, repeated(np.float32(np.inf))
    for seed in range(len(shares)):
        if shares[seed] > 0:
            product = products(query.seed_vectors, seed * _ENCODED, weighted, 0, _ENCODED)
            cosine = divide(product, length)
            nearest, farthest = greater(cosine, nearest), lesser(cosine, farthest)
            mean = add(mean, multiply(repeated_at(shares, seed), cosine))
    put_values(matrix, 1, start, tile, nearest)
    put_values(matrix, 2, start, tile, mean)
    put_values(matrix, 3, start, tile, farthest)
    # To the nearest negative seed; 0 without any.
    negative = repeated(np.float32(-np.inf) if len(query.negative_vectors) else _ZERO)
    for seed in range(len(query.negative_vectors)):
        product = products(query.negative_vectors, seed * _ENCODED, weighted, 0, _ENCODED)
        negative = greater(divide(product, length), negative)
    put_values(matrix, 4, start, tile, negative)


@borrowing
def _put_gaps(query: Any, tile: Any, matrix: Any, start: Any) -> None:
    """Write eight candidates' gaps in linear attributes to the seeds' mean, by their spread."""
    none = repeated(_ZERO)
    for each in range(_LINEAR):
        # NaN where no seed has the attribute.
        gap = subtract(floats(tile, each * FLOATS), repeated(query.mean[each]))
        gap = choose(above(none, gap), subtract(none, gap), gap)
        gap = divide(gap, repeated(query.spread[each] + _SPREAD_FLOOR))
        value = multiply(gap, repeated(query.weights[each]))
        put_values(matrix, _FIRST_GAP + each, start, tile, value)


@inlined
def _cosines_and_gaps(tracks: Any, query: Any, rows: Any, matrix: Any) -> None:
    """Write the columns of encoded attributes.

    Missing where the candidate, or what it is compared with, was not analysed, or lacks an
    attribute.
    """
    shares, has_seeds = _known_shares(query)
    has_profile = False
    for each in range(_ENCODED):
        has_profile |= query.vector[each] != 0
    tile, lengths = np.empty(_TILE, np.float32), np.empty(FLOATS, np.float32)
    weighted, starts = np.empty(_TILE, np.float32), np.empty(FLOATS, np.int64)
    for start in range(0, len(rows), FLOATS):
        put_records(tracks.audio, rows, start, tile, starts)
        for lane in range(FLOATS):
            lengths[lane] = tracks.lengths[rows[min(start + lane, len(rows) - 1)]]
        for each in range(_ENCODED):
            value = multiply(floats(tile, each * FLOATS), repeated_at(query.weights, each))
            put_floats(weighted, each * FLOATS, value)
        _put_cosines(query, shares, tile, weighted, lengths, matrix, start)
        _put_gaps(query, tile, matrix, start)
    for place in range(len(rows)):
        missing = tracks.missing[rows[place]]
        analysed = is_analysed(missing)
        if not (analysed and has_profile):
            matrix[0, place] = _NAN
        if not (analysed and has_seeds):
            matrix[1, place] = matrix[2, place] = matrix[3, place] = _NAN
        if missing:
            if not analysed:
                matrix[4, place] = _NAN
            for each in range(_LINEAR):
                if missing & _BIT[each]:
                    matrix[_FIRST_GAP + each, place] = _NAN


@inlined
def _rhythm_and_key(tracks: Any, query: Any, rows: Any, matrix: Any, first: Any) -> None:
    """Write mean and best key match, mean and least gap in tempo."""
    for place in range(len(rows)):
        wheel, octave = tracks.rhythm[rows[place], WHEEL], tracks.rhythm[rows[place], OCTAVE]
        match, best, beat, least = _ZERO, np.float32(-np.inf), _ZERO, np.float32(np.inf)
        for seed in range(len(query.shares)):
            steps = abs(wheel - query.seed_rhythm[seed, WHEEL])
            steps = min(steps, np.float32(12) - steps)
            gap = abs(octave - query.seed_rhythm[seed, OCTAVE])
            gap = min(gap, abs(gap - _ONE))
            # A value that analysis could not find, or that a seed lacks, counts as half the
            # greatest distance (6 steps, half an octave): neither a match nor a clash.
            key = _ONE - (steps if steps == steps else np.float32(3)) / np.float32(6)
            gap = gap if gap == gap else np.float32(0.25)
            match += query.shares[seed] * key
            best = max(best, key)
            beat += query.shares[seed] * gap
            least = min(least, gap)
        # What the candidate lacks is missing.
        missing = tracks.missing[rows[place]]
        matrix[first, place] = _NAN if missing & _KEY_BITS else match
        matrix[first + 1, place] = _NAN if missing & _KEY_BITS else best
        matrix[first + 2, place] = _NAN if missing & _TEMPO_BIT else beat
        matrix[first + 3, place] = _NAN if missing & _TEMPO_BIT else least


@inlined
def _relations(tracks: Any, query: Any, rows: Any, matrix: Any, first: Any) -> None:
    """Write the shares of seeds by an artist, from the album, of a genre; the genres' cosine."""
    length = _ZERO
    for weight in query.genres.weights:
        length += weight * weight
    # A query without genres has length 0, and every product with it is 0 as well.
    length = np.sqrt(length) if length > 0 else _ONE
    for place in range(len(rows)):
        row = rows[place]
        greatest = _ZERO
        for each in range(tracks.artists.starts[row], tracks.artists.starts[row + 1]):
            greatest = max(greatest, weight_of(query.artists, tracks.artists.members[each]))
        matrix[first, place] = greatest
        album = tracks.numbers[row, ALBUM]
        matrix[first + 1, place] = weight_of(query.albums, album) if album >= 0 else _ZERO
        greatest = total = _ZERO
        begin, end = tracks.genres.starts[row], tracks.genres.starts[row + 1]
        for each in range(begin, end):
            weight = weight_of(query.genres, tracks.genres.members[each])
            greatest = max(greatest, weight)
            total += weight
        matrix[first + 2, place] = greatest
        count = np.float32(max(end - begin, 1))
        matrix[first + 3, place] = total / (np.sqrt(count) * length)


@inlined
def _release(tracks: Any, query: Any, rows: Any, matrix: Any, first: Any) -> None:
    """Write gaps in year, content flag and popularity, popularity, and the seeds' agreement."""
    years, known = 0.0, 0
    for year in query.seed_years:
        if year == year:
            years += year
            known += 1
    year = np.float32(years / known) if known else _NAN
    agreement = 0.0
    shares, _ = _known_shares(query)
    for each in range(_ENCODED):
        total = 0.0
        for seed in range(len(shares)):
            total += np.float64(shares[seed]) * query.seed_vectors[seed, each]
        agreement += total * total
    for place in range(len(rows)):
        row = rows[place]
        popularity = tracks.audio[row, POPULARITY]
        matrix[first, place] = abs(tracks.audio[row, YEAR] - year)
        matrix[first + 1, place] = abs(np.float64(tracks.explicit[row]) - query.explicit)
        matrix[first + 2, place] = popularity
        matrix[first + 3, place] = abs(popularity - query.popularity)
        matrix[first + 4, place] = agreement


@compiled(
    types.void(TRACKS, AUDIO_QUERY, reads(np.int32), writes(np.float32, 2)),
)
def audio_and_catalogue(tracks: Tracks, query: AudioQuery, rows: Any, matrix: Any) -> None:
    """Write the first 30 columns of the matrix, which every kind of model has.

    Args:
        tracks: The catalogue.
        query: The query.
        rows: int32 (c,), the candidates.
        matrix: float32 (features, c).
    """
    if len(rows) == 0:
        return
    fetch_records(tracks.audio, rows)
    fetch_records(tracks.lengths, rows)
    fetch_records(tracks.missing, rows)
    fetch_records(tracks.rhythm, rows)
    fetch_records(tracks.artists.starts, rows)
    fetch_records(tracks.genres.starts, rows)
    fetch_records(tracks.numbers, rows)
    fetch_records(tracks.explicit, rows)
    _cosines_and_gaps(tracks, query, rows, matrix)
    _rhythm_and_key(tracks, query, rows, matrix, 5 + _LINEAR)
    fetch_lists(tracks.artists, rows)
    fetch_lists(tracks.genres, rows)
    _relations(tracks, query, rows, matrix, 9 + _LINEAR)
    _release(tracks, query, rows, matrix, 13 + _LINEAR)
