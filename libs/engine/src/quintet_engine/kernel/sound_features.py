"""Features by the sound of candidates: cosines, offsets and predicted places in the taste space.

All of them are sums over the few numbers of a track's sound. So candidates are computed eight at a
time, one in each lane, and each lane adds its numbers one after the other: a candidate's features
depend on nothing but itself and the query.
"""

from typing import Any, Final

import numpy as np
from quintet_modelkit.features import COLUMN

from quintet_engine.kernel.compiling import inlined
from quintet_engine.kernel.fetching import fetch
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
    put_columns,
    put_floats,
    repeated,
    repeated_at,
    root,
    subtract,
)
from quintet_engine.kernel.layout import SHAPED, SOUND_LENGTH, YEAR
from quintet_engine.kernel.playlists import sound_direction
from quintet_engine.kernel.sums import dot, halves_to_floats
from quintet_engine.kernel.tiles import put_records, put_values

LINEAR: Final = 11
"""Attributes of `Tokens.shaped` before the two coordinates of the key."""
# Bits of `Tracks.missing`, in the order of `Tokens.shaped`.
_BIT: Final = np.array(
    [
        1 << COLUMN[name]
        for name in (
            *("danceability", "energy", "loudness", "speechiness", "acousticness"),
            *("instrumentalness", "liveness", "valence", "tempo", "duration_ms", "mode"),
        )
    ],
    np.uint16,
)
# What a place in the taste space is predicted from, see `taste._inputs`.
_INPUTS: Final = 2 * LINEAR + 5
# The inputs of eight candidates, the lengths of their sounds, and eight unused numbers.
_TILE: Final = (_INPUTS + 2) * FLOATS
# numba lets a signed index count from the end, and checks each.
_U: Final = np.uint64
_ZERO, _ONE, _NAN = np.float32(0), np.float32(1), np.float32(np.nan)


@inlined
def _scaled_year(year: Any) -> Any:
    """Centre and scale a year like the other inputs; an unknown one counts as 2000."""
    return (year - np.float32(2000)) / np.float32(15) if year == year else _ZERO


@inlined
def _put_inputs(sound: Any, row: Any, year: Any, inputs: Any) -> None:
    """Write what a seed's place in the taste space is predicted from; see `taste._inputs`."""
    for each in range(SHAPED):
        inputs[each] = sound[row, each]
    for each in range(LINEAR):
        inputs[SHAPED + each] = sound[row, each] * sound[row, each]
    inputs[_INPUTS - 3] = _scaled_year(year)
    inputs[_INPUTS - 2] = inputs[_INPUTS - 3] * inputs[_INPUTS - 3]
    inputs[_INPUTS - 1] = _ONE


@inlined
def _put_tile(sound: Any, audio: Any, rows: Any, start: Any, tile: Any, starts: Any) -> None:
    """Write the same of eight candidates, each number of all of them side by side."""
    put_records(sound, rows, start, tile, starts)
    # The record's last three numbers are no inputs.
    for lane in range(FLOATS):
        row = _U(rows[_U(min(start + lane, len(rows) - 1))])
        tile[_U(_INPUTS * FLOATS + lane)] = tile[_U(SOUND_LENGTH * FLOATS + lane)]
        tile[_U((_INPUTS - 3) * FLOATS + lane)] = _scaled_year(audio[row, _U(YEAR)])
    year = floats(tile, (_INPUTS - 3) * FLOATS)
    for each in range(LINEAR):
        value = floats(tile, each * FLOATS)
        put_floats(tile, (SHAPED + each) * FLOATS, multiply(value, value))
    put_floats(tile, (_INPUTS - 2) * FLOATS, multiply(year, year))


@inlined
def _by_inputs(regression: Any, vector: Any, result: Any) -> None:
    """Write the factors whose product with inputs is that of the predicted place and a vector."""
    width = regression.shape[1]
    for each in range(_INPUTS):
        result[each] = dot(regression, each * width, vector, 0, width)


@inlined
def _predictions(audio: Any, learned: Any, query: Any) -> Any:
    """Express the seeds' predicted places, and the seeds' direction last, by factors of inputs."""
    count, width = len(query.rows), learned.regression.shape[1]
    inputs, vector = np.empty(_INPUTS, np.float32), np.empty(width, np.float32)
    factors = np.empty((count + 1, _INPUTS), np.float32)
    _by_inputs(learned.regression, query.direction, factors[count])
    for seed in range(count):
        row = query.rows[seed]
        vector[:] = _ZERO
        _put_inputs(learned.sound, row, audio[row, YEAR], inputs)
        square = _ZERO
        for each in range(_INPUTS):
            for other in range(width):
                vector[other] += inputs[each] * learned.regression[each, other]
        for other in range(width):
            square += vector[other] * vector[other]
        length = np.sqrt(square) if square > 0 else _ONE
        for other in range(width):
            vector[other] /= length
        _by_inputs(learned.regression, vector, factors[seed])
    return factors


@inlined
def _directions(learned: Any, query: Any) -> Any:
    """Express the seeds' sounds, their unit mean and their mean: factors, and the mean's square."""
    count, sound = len(query.rows), learned.sound
    unit, mean = np.empty(SHAPED, np.float32), np.zeros(SHAPED, np.float32)
    directions = np.empty((count + 2, SHAPED + 1), np.float32)
    for seed in range(count):
        row = query.rows[seed]
        length = sound[row, SOUND_LENGTH]
        for each in range(SHAPED):
            total = learned.whitening[SHAPED, each]
            for other in range(SHAPED):
                total += sound[row, other] * learned.whitening[other, each]
            if not length > 0:  # not analysed: the zero vector
                total = _ZERO
            mean[each] += query.shares[seed] * total
            unit[each] = total / length if length > 0 else _ZERO
        directions[seed] = sound_direction(learned, unit)
    directions[count] = sound_direction(learned, query.sound)
    directions[count + 1] = sound_direction(learned, mean)
    square = _ZERO
    for each in range(SHAPED):
        square += mean[each] * mean[each]
    return directions, square


@inlined
def _spreads(sound: Any, query: Any) -> Any:
    """Compute the seeds' mean and spread of each linear attribute, float32 (11,) each.

    The spread is shrunk towards one standard deviation of the catalogue by as much as two more
    seeds would weigh, since a handful of seeds estimates it badly.
    """
    count = len(query.rows)
    means, spreads = np.zeros(LINEAR, np.float32), np.empty(LINEAR, np.float32)
    more = np.float32(count + 2)
    for each in range(LINEAR):
        variance = _ZERO
        for seed in range(count):
            means[each] += query.shares[seed] * sound[query.rows[seed], each]
        for seed in range(count):
            gap = sound[query.rows[seed], each] - means[each]
            variance += query.shares[seed] * gap * gap
        spreads[each] = np.sqrt(variance * np.float32(count) / more + np.float32(2) / more)
    return means, spreads


@inlined
def _sound(directions: Any, square: Any, tile: Any, matrix: Any, start: Any, first: Any) -> None:
    """Write the cosine to the seeds' sound, the greatest to one seed, and the distance squared."""
    count, width = len(directions) - 2, SHAPED + 1
    length, none = floats(tile, _INPUTS * FLOATS), repeated(_ZERO)
    has_sound = above(length, none)
    nearest = repeated(np.float32(-np.inf))
    for seed in range(count):
        product = products(directions, seed * width, tile, 0, SHAPED)
        product = add(product, repeated_at(directions, seed * width + SHAPED))
        nearest = greater(choose(has_sound, divide(product, length), none), nearest)
    product = products(directions, count * width, tile, 0, SHAPED)
    product = add(product, repeated_at(directions, count * width + SHAPED))
    put_values(matrix, first, start, tile, choose(has_sound, divide(product, length), none))
    put_values(matrix, first + 1, start, tile, nearest)
    product = products(directions, (count + 1) * width, tile, 0, SHAPED)
    product = add(product, repeated_at(directions, (count + 1) * width + SHAPED))
    # |a - b|² = |a|² - 2 a·b + |b|²
    product = multiply(choose(has_sound, product, none), repeated(np.float32(2)))
    distance = add(subtract(multiply(length, length), product), repeated(square))
    put_values(matrix, first + 2, start, tile, greater(distance, none))


@inlined
def _audible(
    triangle: Any, factors: Any, shares: Any, tile: Any, matrix: Any, start: Any, first: Any
) -> None:
    """Write cosines of predicted places: to the seeds' direction, mean and greatest to seeds'."""
    count, squares = len(factors) - 1, repeated(_ZERO)
    # One row for each coordinate of the space, if that has fewer than there are inputs.
    for each in range(min(len(triangle), _INPUTS)):
        # Triangular: the values before the diagonal are 0.
        product = products(triangle, each * _INPUTS, tile, each, _INPUTS)
        squares = add(squares, multiply(product, product))
    length = root(greater(squares, repeated(np.float32(1e-12))))
    nearest, mean = repeated(np.float32(-np.inf)), repeated(_ZERO)
    for seed in range(count):
        cosine = divide(products(factors, seed * _INPUTS, tile, 0, _INPUTS), length)
        nearest = greater(cosine, nearest)
        mean = add(mean, multiply(repeated_at(shares, seed), cosine))
    cosine = divide(products(factors, count * _INPUTS, tile, 0, _INPUTS), length)
    put_values(matrix, first, start, tile, cosine)
    put_values(matrix, first + 1, start, tile, mean)
    put_values(matrix, first + 2, start, tile, nearest)


@inlined
def by_sound(
    tracks: Any,
    learned: Any,
    query: Any,
    rows: Any,
    matrix: Any,
    first_sound: Any,
    first_offset: Any,
    first_audible: Any,
) -> None:
    """Write three columns of sound, eleven of offsets and three of predicted places."""
    count, sound = len(rows), learned.sound
    directions, square = _directions(learned, query)
    means, spreads = _spreads(sound, query)
    factors = _predictions(tracks.audio, learned, query)
    tile, starts = np.empty(_TILE, np.float32), np.empty(FLOATS, np.int64)
    put_floats(tile, (_INPUTS - 1) * FLOATS, repeated(_ONE))
    for start in range(0, count, FLOATS):
        _put_tile(sound, tracks.audio, rows, start, tile, starts)
        _sound(directions, square, tile, matrix, start, first_sound)
        for each in range(LINEAR):
            offset = subtract(floats(tile, each * FLOATS), repeated_at(means, each))
            offset = divide(offset, repeated_at(spreads, each))
            put_values(matrix, first_offset + each, start, tile, offset)
        _audible(learned.triangle, factors, query.shares, tile, matrix, start, first_audible)
    for place in range(count):
        missing = tracks.missing[_U(rows[place])]
        if missing:
            for each in range(LINEAR):
                if missing & _BIT[each]:
                    matrix[first_offset + each, place] = _NAN


@inlined
def fetch_taste(learned: Any, rows: Any) -> None:
    """Ask for the rows of candidates in the taste space."""
    size = 2 * learned.regression.shape[1]
    for place in range(_U(len(rows))):
        start = learned.taste_starts[_U(rows[place])]
        # A cache line has 64 bytes. A place may start within one, so that its end is in a further.
        for block in range(0, size, 64):
            fetch(learned.taste, start + block)
        fetch(learned.taste, start + size - 1)


@inlined
def by_taste(learned: Any, query: Any, rows: Any, matrix: Any, first: Any) -> None:
    """Write cosines of the places learned in the taste space: to the mean, greatest and least."""
    count, width, last = len(query.rows), learned.regression.shape[1], len(rows) - 1
    taste, starts_of = learned.taste, learned.taste_starts
    # Whole tiles: the space of few playlists has fewer coordinates, and 0 adds nothing.
    padded = -(-width // FLOATS) * FLOATS
    seeds, own = np.empty((count, width), np.float32), np.zeros((FLOATS, padded), np.float32)
    tile = np.empty((padded + 1) * FLOATS, np.float32)
    starts = np.empty(FLOATS, np.int64)
    for seed in range(count):
        halves_to_floats(taste, starts_of[query.rows[seed]], seeds, seed * width, width)
    for start in range(0, len(rows), FLOATS):
        for lane in range(FLOATS):
            row = _U(rows[_U(min(start + lane, last))])
            halves_to_floats(taste, starts_of[row], own, lane * padded, width)
        for block in range(0, padded, FLOATS):
            for lane in range(FLOATS):
                starts[_U(lane)] = lane * padded + block
            put_columns(own, starts, tile, block * FLOATS)
        nearest, farthest = repeated(np.float32(-np.inf)), repeated(np.float32(np.inf))
        for seed in range(count):
            cosine = products(seeds, seed * width, tile, 0, width)
            nearest, farthest = greater(cosine, nearest), lesser(cosine, farthest)
        put_values(matrix, first, start, tile, products(query.direction, 0, tile, 0, width))
        put_values(matrix, first + 1, start, tile, nearest)
        put_values(matrix, first + 2, start, tile, farthest)
