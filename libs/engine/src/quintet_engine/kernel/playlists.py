"""Compares a query with playlists, and scores what is on them."""

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from quintet_engine.kernel.compiling import compiled, inlined
from quintet_engine.kernel.lanes import (
    FLOATS,
    above,
    choose,
    divide,
    floats,
    products,
    put_floats,
    repeated,
    repeated_at,
)
from quintet_engine.kernel.lanes import add as add_lanes
from quintet_engine.kernel.layout import (
    ALBUM_TITLE,
    BY_ALBUM,
    BY_ARTIST,
    BY_AUDIO,
    BY_TRACK,
    BY_WORD,
    BY_YEAR,
    NO_YEAR,
    REACH,
    SHAPED,
    SOUND_LENGTH,
    VIEWS,
    YEAR,
    YEARS,
    Bits,
    Floats,
    Learned,
    Listed,
    Numbers,
    Pool,
    Tracks,
    Weighted,
    WordLists,
)
from quintet_engine.kernel.numeric import year_place
from quintet_engine.kernel.selecting import (
    add,
    has,
    key_of,
    part,
    ranked,
    room,
    row_of,
    score_of,
)
from quintet_engine.kernel.signatures import (
    LEARNED,
    LISTED,
    POOLS,
    TRACKS,
    WEIGHTED,
    WORD_LISTS,
    reads,
    tuple_of,
    writes,
)
from quintet_engine.kernel.sums import (
    dot,
    dots_and_add,
    halves_to_floats,
    plain_sum_of_rows,
    sum_of_rows,
)
from quintet_engine.kernel.tiles import put_records

_OFFSETS = np.array([offset for offset, _ in REACH])
_VALUES = np.array([value for _, value in REACH], np.float32)
_RIDGE, _BY_TRACK, _BY_ARTIST, _BY_CONTEXT = range(VIEWS)
# The factor 1 + 0.5 · cosine of `related` is at most 1.5; the rest is room for rounding.
_MOST_SOUND_FACTOR = np.float32(1.5001)
# Tracks that wait to be scored together: few enough to raise the bar soon.
_WAITING = 256
_ABOVE_ZERO = np.nextafter(np.float32(0), np.float32(1))
# numba lets a signed index count from the end, and checks each; unsigned takes a third of the time.
_U = np.uint64


@inlined
def _put(keys: Any, weights: Any, size: Any, number: Any, weight: Any) -> Any:
    """Add a token of a seed to the list of all seeds' tokens."""
    # The place in the low bits: after sorting it leads back to the weight.
    keys[size] = (np.uint64(number) << np.uint64(32)) | np.uint64(size)
    weights[size] = weight
    return size + 1


@inlined
def _listed_tokens(lists: Any, rows: Any, shares: Any) -> Any:
    """List artists or words of seeds with the seeds' shares: keys and weights."""
    total = 0
    for row in rows:
        total += lists.starts[row + 1] - lists.starts[row]
    keys, weights, size = np.empty(total, np.uint64), np.empty(total, np.float32), 0
    for place in range(len(rows)):
        begin = lists.starts[rows[place]]
        for each in range(begin, lists.starts[rows[place] + 1]):
            repeated = False
            for before in range(begin, each):  # an artist that is credited twice counts once
                repeated |= lists.members[before] == lists.members[each]
            if not repeated:
                size = _put(keys, weights, size, lists.members[each], shares[place])
    return keys[:size], weights


@inlined
def _albums(learned: Any, rows: Any, shares: Any) -> Any:
    """List album titles of seeds, likewise."""
    keys, weights, size = np.empty(len(rows), np.uint64), np.empty(len(rows), np.float32), 0
    for place in range(len(rows)):
        album = learned.names[rows[place], ALBUM_TITLE]
        if album < len(learned.albums) - 1:
            size = _put(keys, weights, size, album, shares[place])
    return keys[:size], weights


@inlined
def _clusters(learned: Any, rows: Any, shares: Any) -> Any:
    """List kinds of sound of seeds, each with its share of the track, likewise."""
    width = learned.clusters.shape[1]
    keys, weights = np.empty(len(rows) * width, np.uint64), np.empty(len(rows) * width, np.float32)
    size = 0
    for place in range(len(rows)):
        for each in range(width):
            value = learned.shares[rows[place], each]
            if value > 0:
                cluster = learned.clusters[rows[place], each]
                size = _put(keys, weights, size, cluster, shares[place] * value)
    return keys[:size], weights


@inlined
def _years(tracks: Any, rows: Any, shares: Any) -> Any:
    """List year tokens of seeds, likewise."""
    most = len(rows) * len(_OFFSETS)
    keys, weights, size = np.empty(most, np.uint64), np.empty(most, np.float32), 0
    for place in range(len(rows)):
        year = year_place(tracks.audio[rows[place], YEAR])
        for each in range(len(_OFFSETS)):
            token = year + _OFFSETS[each]
            if year != NO_YEAR and 0 <= token < YEARS:
                size = _put(keys, weights, size, token, shares[place] * _VALUES[each])
    return keys[:size], weights


@inlined
def _token_kernel(lists: Any, tokens: Any, result: Any) -> None:
    """Compute the seeds' cosine to every playlist by tokens of one kind.

    The seeds' token counts are rooted and scaled to length one, as `space.token_rows` does for
    playlists.
    """
    keys, weights = np.sort(tokens[0]), tokens[1]
    numbers, counts = np.empty(len(keys), np.int64), np.empty(len(keys), np.float32)
    distinct = 0
    for key in keys:
        number = np.int64(key >> np.uint64(32))
        weight = weights[key & np.uint64(0xFFFFFFFF)]
        if distinct and numbers[distinct - 1] == number:
            counts[distinct - 1] += weight
        else:
            numbers[distinct], counts[distinct] = number, weight
            distinct += 1
    # The length of the roots is the root of the sum of the counts.
    total = np.float32(0)
    for place in range(distinct):
        total += counts[place]
    length = max(np.sqrt(total), np.float32(1e-9))
    for place in range(distinct):
        value = np.sqrt(counts[place]) / length
        number = numbers[place]
        for each in range(lists.starts[number], lists.starts[number + 1]):
            result[lists.members[each]] += lists.values[each] * value


@inlined
def _normalise(weights: Any, view: Any) -> None:
    """Scale the weights of a view to a sum of one; those that are all zero stay."""
    total = np.float64(0)
    for playlist in range(len(weights)):
        total += weights[playlist, view]
    if total > 1e-9:
        for playlist in range(len(weights)):
            weights[playlist, view] = np.float32(weights[playlist, view] / total)


@inlined
def _ridge(triangle: Any, kernel: Any) -> Any:
    """Multiply a symmetric matrix, its lower triangle row after row, by a vector."""
    result, count = np.zeros(len(kernel), np.float32), len(kernel)
    begins, factors = np.empty(4, np.int64), np.empty(4, np.float32)
    below = np.zeros(4, np.float32)
    for first in range(0, count, 4):
        many = min(4, count - first)
        if many == 4:
            for each in range(4):
                row = first + each
                begins[each], factors[each] = row * (row + 1) // 2, kernel[row]
            dots_and_add(triangle, begins, kernel, first, factors, result, below)
        # The corner at the diagonal; and all columns of the last rows, if those are fewer.
        corner = first if many == 4 else 0
        for each in range(many):
            row = first + each
            start, total = row * (row + 1) // 2, below[each] if many == 4 else np.float32(0)
            for column in range(corner, row):
                total += triangle[start + column] * kernel[column]
                result[column] += triangle[start + column] * kernel[row]
            result[row] += total + triangle[start + row] * kernel[row]
    return result


@inlined
def _views(kernels: Any, ridge: Any) -> Any:
    """Weight the playlists in each view, float32 (p, 4)."""
    count = len(ridge)
    weights = np.empty((count, VIEWS), np.float32)
    for playlist in range(count):
        weights[playlist, _RIDGE] = ridge[playlist]
        weights[playlist, _BY_TRACK] = kernels[BY_TRACK, playlist]
        artist = kernels[BY_ARTIST, playlist]
        weights[playlist, _BY_ARTIST] = artist * artist
        # 0.2: seeds whose words occur nowhere else still have playlists of their year and sound.
        context = kernels[BY_YEAR, playlist] * kernels[BY_AUDIO, playlist]
        context *= np.float32(0.2) + kernels[BY_WORD, playlist]
        weights[playlist, _BY_CONTEXT] = context * context
    for view in (_BY_TRACK, _BY_ARTIST, _BY_CONTEXT):
        _normalise(weights, view)
    return weights


@inlined
def _mean_sound(learned: Any, rows: Any, shares: Any) -> Any:
    """Average the seeds' `Tokens.sound`, as a unit vector, float32 (13,)."""
    sound, mean = learned.sound, np.zeros(SHAPED, np.float32)
    for place in range(len(rows)):
        row = rows[place]
        if sound[row, SOUND_LENGTH] > 0:  # a track that was not analysed has no sound
            for each in range(SHAPED):
                total = learned.whitening[SHAPED, each]
                for other in range(SHAPED):
                    total += sound[row, other] * learned.whitening[other, each]
                mean[each] += shares[place] * total
    return _unit(mean)


@inlined
def _mean_taste(learned: Any, rows: Any, shares: Any) -> Any:
    """Average the seeds' places in the taste space, float32 (d,)."""
    width = learned.regression.shape[1]
    mean, own = np.zeros(width, np.float32), np.empty(width, np.float32)
    for place in range(len(rows)):
        halves_to_floats(learned.taste, learned.taste_starts[rows[place]], own, 0, width)
        for each in range(width):
            mean[each] += shares[place] * own[each]
    return mean


@inlined
def _unit(vector: Any) -> Any:
    """Scale a vector to length one; a zero vector stays."""
    square = np.float32(0)
    for value in vector:
        square += value * value
    length = np.sqrt(square) if square > 0 else np.float32(1)
    scaled = np.empty_like(vector)
    for each in range(len(vector)):
        scaled[each] = vector[each] / length
    return scaled


_VECTOR = writes(np.float32)


@compiled(
    tuple_of(writes(np.float32, 2), writes(np.float32, 2), _VECTOR, _VECTOR, _VECTOR)(
        *(TRACKS, LEARNED, reads(np.int32), reads(np.float32)),
        *(reads(np.float32), reads(np.float32), reads(np.float32)),
    )
)
def compare(
    tracks: Tracks,
    learned: Learned,
    rows: Numbers,
    shares: Floats,
    lengths: Floats,
    alphas: Floats,
    triangle: Floats,
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Compare seeds with every playlist, and average their sounds and places.

    Args:
        tracks: The catalogue.
        learned: The model.
        rows: int32 (m,), the seed rows.
        shares: float32 (m,), their weights, summing to one.
        lengths: float32 (p,), tracks in each playlist.
        alphas: float32 (6,), the weight of each kind of token in the playlists' kernel.
        triangle: float32 (p · (p + 1) / 2,), `PlaylistSpace.inverse`, its lower triangle.

    Returns:
        `LearnedQuery.kernels`, `weights`, `sound`, `taste` and `direction`.
    """
    count = len(lengths)
    kernels = np.zeros((6, count), np.float32)
    length = np.float32(0)
    for place in range(len(rows)):
        length += shares[place] * shares[place]
        row = rows[place]
        for each in range(learned.holders.starts[row], learned.holders.starts[row + 1]):
            kernels[BY_TRACK, learned.holders.members[each]] += shares[place]
    length = np.sqrt(length) if length > 0 else np.float32(1)
    for playlist in range(count):
        kernels[BY_TRACK, playlist] /= length * np.sqrt(max(lengths[playlist], np.float32(1)))
    by_artist = _listed_tokens(tracks.artists, rows, shares)
    _token_kernel(learned.by_artist, by_artist, kernels[BY_ARTIST])
    _token_kernel(learned.by_album, _albums(learned, rows, shares), kernels[BY_ALBUM])
    by_word = _listed_tokens(learned.words, rows, shares)
    _token_kernel(learned.by_word, by_word, kernels[BY_WORD])
    _token_kernel(learned.by_year, _years(tracks, rows, shares), kernels[BY_YEAR])
    _token_kernel(learned.by_cluster, _clusters(learned, rows, shares), kernels[BY_AUDIO])
    total = np.zeros(count, np.float32)
    for kind in range(len(alphas)):
        for playlist in range(count):
            total[playlist] += alphas[kind] * kernels[kind, playlist]
    taste = _mean_taste(learned, rows, shares)
    weights = _views(kernels, _ridge(triangle, total))
    return kernels, weights, _mean_sound(learned, rows, shares), taste, _unit(taste)


@inlined
def _word_scores(lists: Any, rarity: Any, weights: Any) -> Any:
    """Score words by the weighted playlists, each times its rarity, float32 (w, 4)."""
    scaled = np.empty_like(weights)
    for playlist in range(len(weights)):
        for view in range(VIEWS):
            scaled[playlist, view] = weights[playlist, view] * lists.least[playlist]
    words = np.empty((len(rarity), VIEWS), np.float32)
    more = np.empty((1, VIEWS), np.float32)
    plain, rest = lists.plain, lists.rest
    for word in range(len(rarity)):
        begin, end = plain.starts[word], plain.starts[word + 1]
        plain_sum_of_rows(plain.members, begin, end, scaled, words, word)
        begin, end = rest.starts[word], rest.starts[word + 1]
        sum_of_rows(rest.members, rest.values, begin, end, weights, more, 0)
        for view in range(VIEWS):
            words[word, view] = (words[word, view] + more[0, view]) * rarity[word]
    return words


_TABLE = writes(np.float32, 2)


@compiled(
    *(tuple_of(_TABLE, _TABLE, _TABLE)(LEARNED, each, reads(np.float32, 2)) for each in WORD_LISTS)
)
def token_scores(
    learned: Learned, by_word: WordLists, weights: Floats
) -> tuple[Floats, Floats, Floats]:
    """Score years, kinds of sound and words by the weighted playlists.

    Args:
        learned: The model.
        by_word: The playlists of its words.
        weights: `LearnedQuery.weights`.

    Returns:
        `LearnedQuery.year_scores`, `cluster_scores` and `word_scores`.
    """
    tokens = np.zeros((YEARS, VIEWS), np.float32)
    lists = learned.by_year
    for token in range(YEARS):
        begin, end = lists.starts[token], lists.starts[token + 1]
        sum_of_rows(lists.members, lists.values, begin, end, weights, tokens, token)
    years = np.zeros((NO_YEAR + 1, VIEWS), np.float32)
    for place in range(NO_YEAR):
        for each in range(len(_OFFSETS)):
            token = place + _OFFSETS[each]
            if 0 <= token < YEARS:
                for view in range(VIEWS):
                    years[place, view] += _VALUES[each] * tokens[token, view]
    lists = learned.by_cluster
    clusters = np.empty((len(lists.starts) - 1, VIEWS), np.float32)
    for token in range(len(clusters)):
        begin, end = lists.starts[token], lists.starts[token + 1]
        sum_of_rows(lists.members, lists.values, begin, end, weights, clusters, token)
    return years, clusters, _word_scores(by_word, learned.rarity, weights)


@inlined
def sound_direction(learned: Any, unit: Any) -> Any:
    """Express a unit vector of `Tokens.sound` for `sound_cosine`: 13 factors and a constant."""
    result = np.empty(SHAPED + 1, np.float32)
    for coordinate in range(SHAPED + 1):
        total = np.float32(0)
        for each in range(SHAPED):
            total += learned.whitening[coordinate, each] * unit[each]
        result[coordinate] = total
    return result


@inlined
def sound_cosine(sound: Any, row: Any, direction: Any) -> Any:
    """Compute the cosine of a track's `Tokens.sound` to a direction; 0 for a zero vector.

    Args:
        sound: `Learned.sound`. Not the whole tuple: a call would copy its eighty numbers.
        row: The track.
        direction: From `sound_direction`.
    """
    length = sound[row, SOUND_LENGTH]
    if not length > 0:
        return np.float32(0)
    product = dot(sound, row * sound.shape[1], direction, 0, SHAPED)
    return (product + direction[SHAPED]) / length


_HITS = tuple_of(writes(np.int32), writes(np.float32))
_QUERY = (reads(np.float32, 2), reads(np.float32), reads(np.uint8), types.int64)


@compiled(writes(np.float32, 2)(LISTED, reads(np.float32, 2)))
def listed_scores(tracks: Listed, weights: Floats) -> Floats:
    """Sum the weights of the playlists of each track on playlists, by ridge and by shared tracks.

    Args:
        tracks: The k tracks on playlists.
        weights: `LearnedQuery.weights`.

    Returns:
        float32 (2, k), by ridge, then by the playlists that hold a seed.
    """
    starts, members = tracks.holders.starts, tracks.holders.members
    scores = np.empty((2, len(tracks.rows)), np.float32)
    for place in range(_U(len(tracks.rows))):
        by_ridge, by_track = np.float32(0), np.float32(0)
        for each in range(_U(starts[place]), _U(starts[place + _U(1)])):
            playlist = _U(members[each])
            by_ridge += weights[playlist, _U(_RIDGE)]
            by_track += weights[playlist, _U(_BY_TRACK)]
        scores[0, place], scores[1, place] = by_ridge, by_track
    return scores


@compiled(
    _HITS(LEARNED, LISTED, reads(np.float32), reads(np.float32), reads(np.uint8), types.int64)
)
def together(
    learned: Learned,
    tracks: Listed,
    scores: Floats,
    sound: Floats,
    allowed: Bits,
    most: int,
) -> tuple[Numbers, Floats]:
    """Find the best tracks on playlists with the seeds, the nearer in sound first among equals.

    Args:
        learned: The model.
        tracks: The tracks on playlists.
        scores: From `listed_scores`, by the playlists that hold a seed.
        sound: `LearnedQuery.sound`.
        allowed: A bitmap of all rows.
        most: How many, at least 1.
    """
    keys, size, least = room(most, len(scores)), 0, np.uint64(0)
    sounds, direction = learned.sound, sound_direction(learned, sound)
    for place in range(len(scores)):
        row = tracks.rows[place]
        if scores[place] > 0 and has(allowed, row):
            # Small enough to decide only among scores that are practically equal.
            score = scores[place] + np.float32(1e-3) * sound_cosine(sounds, row, direction)
            size, least = add(keys, size, most, least, key_of(score, row))
    best: Numbers
    best, values = ranked(keys, size, most)
    return best, values


@inlined
def _popularity_factor(popularity: Any) -> Any:
    """Map popularity 0..100 to 0.3..1.3: an unknown track of a favoured artist still counts."""
    # NaN, an unknown popularity, counts as 0.
    known = popularity if popularity > 0 else np.float32(0)
    return np.float32(0.3) + known / np.float32(100)


@inlined
def _bounds(favour: Any, popularity: Any) -> Any:
    """Bound the scores of artists' tracks: that of the most popular one, if it sounds best."""
    result = np.empty(len(favour), np.float32)
    for place in range(_U(len(favour))):
        factor = _popularity_factor(popularity[place])
        result[place] = favour[place] * factor * _MOST_SOUND_FACTOR
    return result


@inlined
def _favours(on_playlists: Any, weights: Any) -> Any:
    """Score the artists on playlists by ridge, float32 (k,)."""
    lists = on_playlists.by_artist
    result = np.empty(len(on_playlists.artists), np.float32)
    for place in range(_U(len(result))):
        total = np.float32(0)
        for each in range(_U(lists.starts[place]), _U(lists.starts[place + _U(1)])):
            total += lists.values[each] * weights[_U(lists.members[each]), _U(_RIDGE)]
        result[place] = total
    return result


@inlined
def _promising(bounds: Any, most: Any) -> Any:
    """Sort the artists with the `most` greatest bounds above 0, the greatest first, as keys."""
    keys, size, least, bar = room(most, len(bounds)), 0, np.uint64(0), _ABOVE_ZERO
    # From the last: artists on many playlists come last, and mostly have greater bounds.
    for place in range(len(bounds) - 1, -1, -1):
        if bounds[_U(place)] >= bar:
            size, least = add(keys, size, most, least, key_of(bounds[_U(place)], place))
            if least:
                bar = max(bar, score_of(least))
    if size > most:
        part(keys, size, most)
        size = most
    return np.sort(keys[:size])[::-1]


@inlined
def _add_waiting(
    waiting: Any,
    worths: Any,
    size: Any,
    sound: Any,
    direction: Any,
    tile: Any,
    best: Any,
    state: Any,
) -> None:
    """Score the tracks that wait, eight at a time, and add them to the best so far.

    Args:
        waiting: int32, their rows.
        worths: float32, what their scores are but for sound.
        size: How many wait.
        sound: `Learned.sound`.
        direction: From `sound_direction`.
        tile: float32 (136,) and int64 (8,), overwritten.
        best: The best keys so far.
        state: uint64 (3,): how many those are, the least key that counts, and how many count.
    """
    numbers, starts = tile
    for start in range(0, size, FLOATS):
        put_records(sound, waiting[:size], start, numbers, starts)
        length, none = floats(numbers, SOUND_LENGTH * FLOATS), repeated(np.float32(0))
        product = products(direction, 0, numbers, 0, SHAPED)
        cosine = divide(add_lanes(product, repeated_at(direction, SHAPED)), length)
        put_floats(numbers, 0, choose(above(length, none), cosine, none))
        for lane in range(min(FLOATS, size - start)):
            row = waiting[start + lane]
            score = worths[start + lane] * (np.float32(1) + np.float32(0.5) * numbers[lane])
            found, state[1] = add(
                best, np.int64(state[0]), np.int64(state[2]), state[1], key_of(score, row)
            )
            state[0] = np.uint64(found)


@compiled(_HITS(LEARNED, LISTED, WEIGHTED, *_QUERY))
def related(
    learned: Learned,
    on_playlists: Listed,
    artist_tracks: Weighted,
    weights: Floats,
    sound: Floats,
    allowed: Bits,
    most: int,
) -> tuple[Numbers, Floats]:
    """Find the best tracks by artists that ridge favours: artist score · popularity · sound.

    An upper bound for each artist, the score of its most popular track with the best possible
    sound, shows which artists need not be looked at. Artists come in the order of their bounds, a
    few hundred at first; if those do not settle it, all.

    Args:
        learned: The model.
        on_playlists: The artists on playlists.
        artist_tracks: Rows of each first artist and their popularity, the most popular first.
        weights: `LearnedQuery.weights`.
        sound: `LearnedQuery.sound`.
        allowed: A bitmap of all rows.
        most: How many.
    """
    artists, favour = on_playlists.artists, _favours(on_playlists, weights)
    bounds, direction = _bounds(favour, on_playlists.popularity), sound_direction(learned, sound)
    tile = (np.empty(17 * FLOATS, np.float32), np.empty(FLOATS, np.int64))
    waiting, worths = np.empty(_WAITING, np.int32), np.empty(_WAITING, np.float32)
    best, state = np.empty(2 * most + 64, np.uint64), np.zeros(3, np.uint64)
    for turn in range(2):
        keys = _promising(bounds, most if turn == 0 else len(artists))
        state[0], state[1], state[2] = 0, 0, most
        size, bar = 0, np.float32(0)
        settled = len(keys) < most
        for key in keys:
            if score_of(key) < bar:
                settled = True  # the further artists have lower bounds
                break
            place = _U(row_of(key))
            artist = _U(artists[place])
            for each in range(
                _U(artist_tracks.starts[artist]), _U(artist_tracks.starts[artist + _U(1)])
            ):
                worth = favour[place] * _popularity_factor(artist_tracks.values[each])
                if worth * _MOST_SOUND_FACTOR < bar:
                    break  # the artist's further tracks are less popular
                row = _U(artist_tracks.members[each])
                if has(allowed, row):
                    waiting[size], worths[size] = row, worth
                    size += 1
                    if size == _WAITING:
                        _add_waiting(
                            *(waiting, worths, size, learned.sound, direction, tile, best, state)
                        )
                        size = 0
                        bar = score_of(state[1]) if state[1] else bar
        _add_waiting(waiting, worths, size, learned.sound, direction, tile, best, state)
        if settled:
            break
    nearest: Numbers
    nearest, scores = ranked(best, np.int64(state[0]), most)
    return nearest, scores


@inlined
def _powers(values: Any, centre: Any) -> Any:
    """Sum what values exceed a centre by, and the squares of that, float64.

    Four sums, so that four additions run at a time; what remains adds to the first.
    """
    a = b = c = d = p = q = r = s = np.float64(0)
    whole = _U(len(values)) & ~_U(3)
    for each in range(_U(0), whole, _U(4)):
        w, x = values[each] - centre, values[each + _U(1)] - centre
        y, z = values[each + _U(2)] - centre, values[each + _U(3)] - centre
        a, b, c, d = a + w, b + x, c + y, d + z
        p, q, r, s = p + w * w, q + x * x, r + y * y, s + z * z
    for each in range(whole, _U(len(values))):
        w = values[each] - centre
        a, p = a + w, p + w * w
    return (a + c) + (b + d), (p + r) + (q + s)


@inlined
def _standardise(values: Any, total: Any) -> None:
    """Add the standard scores of values to a sum of them."""
    count = max(len(values), 1)
    mean = _powers(values, np.float64(0))[0] / count
    spread = np.sqrt(_powers(values, mean)[1] / count) + 1e-9
    centre, scale = np.float32(mean), np.float32(1.0 / spread)
    for place in range(_U(len(values))):
        total[place] += (values[place] - centre) * scale


@compiled(*(writes(np.float32)(pool, *(3 * (reads(np.float32, 2),))) for pool in POOLS))
def content(pool: Pool, years: Floats, clusters: Floats, words: Floats) -> NDArray[np.float32]:
    """Score how well tracks of the content pool fit the context of the seeds, float32 (k,).

    The sum of the standard scores of year, sound and words, and half that of popularity.

    Args:
        pool: The tracks.
        years: `LearnedQuery.year_scores`.
        clusters: `LearnedQuery.cluster_scores`.
        words: `LearnedQuery.word_scores`.
    """
    count = len(pool.rows)
    by_year, by_sound = np.empty(count, np.float32), np.empty(count, np.float32)
    by_word, total = np.empty(count, np.float32), np.empty(count, np.float32)
    # One column on its own: all words of one view fit the cache, those of four do not.
    context = np.empty(len(words), np.float32)
    for word in range(len(words)):
        context[word] = words[word, _BY_CONTEXT]
    starts, members = pool.words.starts, pool.words.members
    for place in range(count):
        by_year[place] = years[_U(pool.years[place]), _U(_BY_CONTEXT)]
        sound = np.float32(0)
        for each in range(pool.clusters.shape[1]):
            score = clusters[_U(pool.clusters[place, each]), _U(_BY_CONTEXT)]
            sound += pool.shares[place, each] * score
        by_sound[place] = sound
        # Two sums, so that two additions run at a time.
        even, odd = np.float32(0), np.float32(0)
        begin, end = _U(starts[_U(place)]), _U(starts[_U(place) + _U(1)])
        for pair in range((end - begin) >> _U(1)):
            even += context[_U(members[begin + _U(2) * pair])]
            odd += context[_U(members[begin + _U(2) * pair + _U(1)])]
        if (end - begin) & _U(1):
            even += context[_U(members[end - _U(1)])]
        by_word[place] = (even + odd) * pool.word_scale[place]
        total[place] = np.float32(0.5) * pool.popularity[place]
    _standardise(by_year, total)
    _standardise(by_sound, total)
    _standardise(by_word, total)
    return total
