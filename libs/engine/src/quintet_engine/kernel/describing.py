"""Describes the tracks of a list: what they have in common with the seeds, effects, facts.

`reasons` says which facts are stated; here is what they are found from.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numba import types
from numpy.typing import NDArray
from quintet_contract.attributes import ATTRIBUTES
from quintet_modelkit.features import COLUMN, DIMENSIONS, dimensions_of

from quintet_engine.kernel.audio_features import is_analysed
from quintet_engine.kernel.compiling import compiled, inlined
from quintet_engine.kernel.layout import (
    NAMED_ARTIST,
    AudioQuery,
    Bits,
    Floats,
    Learned,
    Numbers,
    Tracks,
    fixed,
)
from quintet_engine.kernel.reasons import (
    ASKED,
    ATTRIBUTE_FAMILIES,
    CODES,
    FAMILIES,
    KIND,
    MOST_CONTRIBUTIONS,
    NAME,
    NAMES_AN_ARTIST,
    NUMBERS,
    OF_SOUND,
    REFERENCE,
    TRACK_SEED,
    WEIGHT,
    Asked,
    Listing,
    find,
    names_a_genre,
)
from quintet_engine.kernel.signatures import (
    AUDIO_QUERY,
    LEARNED,
    TRACKS,
    numba,
    reads,
    tuple_of,
    writes,
)
from quintet_engine.kernel.sums import dot, halves_to_floats

Wide = NDArray[np.float64]

_TEMPO: Final = COLUMN["tempo"]
_KEY: Final = COLUMN["key"]
_WIDTH: Final = len(ATTRIBUTES)
# The attribute that each encoded coordinate is of; key has two.
_ATTRIBUTE_OF: Final = np.array(
    [
        next(place for place, name in enumerate(ATTRIBUTES) if each in dimensions_of(name))
        for each in range(DIMENSIONS)
    ]
)


class Ranked(NamedTuple):
    """The k tracks of a list and what they were ranked by, for t targets.

    Attributes:
        rows: int32 (k,).
        matrix: float32 (k, features), the values that the booster saw.
        contributions: float64 (k, features + 1), TreeSHAP, the last column is the mean score; (k,
            0) if no booster ranked.
        family: int8 (features,), each feature's family; -1 for none.
        centres: float64 (14,), the catalogue's mean of each attribute.
        deviations: float64 (14,), its standard deviation.
        spread: What the booster's scores were divided by.
        sound: float64 (k or 0,), what attribute weights added to the scores.
        more: float64 (k,), the size of what targets and the listener's memory added.
        fits: float64 (t, k), what each target's fit added.
        distances: float64 (t, k), standard deviations from each target.
        liked: int32 (k or 0, `CODES`), the fact about a liked track; its kind is -1 for none.
        likings: float64 (k or 0, `NUMBERS`), its numbers; the weight is not a share yet.
    """

    rows: Numbers
    matrix: Floats
    contributions: Wide
    family: NDArray[np.int8]
    centres: Wide
    deviations: Wide
    spread: float
    sound: Wide
    more: Wide
    fits: Wide
    distances: Wide
    liked: NDArray[np.int32]
    likings: Wide


def _example() -> Any:
    wide, one = fixed(np.zeros((1, 1)), np.float64), fixed(np.zeros(1), np.float64)
    floats, codes = fixed(np.zeros((1, 1)), np.float32), fixed(np.zeros((1, 1)), np.int32)
    number, family = fixed(np.zeros(1), np.int32), fixed(np.zeros(1), np.int8)
    return numba.typeof(
        Ranked(
            *(number, floats, wide, family, one, one, 1.0, one, one, wide, wide, codes, wide),
        )
    )


_RANKED: Final = _example()
_NUMBER, _TABLE = writes(np.int32), writes(np.float64, 2)
_DESCRIBED: Final = tuple_of(
    *(writes(np.int32, 3), writes(np.float64, 3), _NUMBER, _NUMBER, writes(np.float64)),
    *(writes(np.int32, 2), _TABLE, _TABLE, _TABLE, _TABLE, writes(np.int32, 2), writes(np.uint8)),
)


@inlined
def _meet(lists: Any, left: Any, right: Any, holds: Any, result: Any) -> None:
    """Count what each of k lists has in common with each of m others, into float32 (k, m).

    Args:
        lists: Lists of distinct numbers, such as the playlists of each track.
        left: int32 (k,), list numbers; one beyond the last is an empty list. A list and itself
            count as 0.
        right: int32 (m,), likewise.
        holds: uint8, a zero for each number; as before afterwards.
        result: Added to.
    """
    count = len(lists.starts) - 1
    for column in range(len(right)):
        if right[column] >= count:
            continue
        first, last = lists.starts[right[column]], lists.starts[right[column] + 1]
        for each in range(first, last):
            holds[lists.members[each]] = 1
        for place in range(len(left)):
            if left[place] >= count or left[place] == right[column]:
                continue
            for each in range(lists.starts[left[place]], lists.starts[left[place] + 1]):
                result[place, column] += holds[lists.members[each]]
        for each in range(first, last):
            holds[lists.members[each]] = 0


@inlined
def _put_length(lists: Any, number: Any, lengths: Any, place: Any) -> None:
    """Write how long a list is; one beyond the last is empty."""
    if number < len(lists.starts) - 1:
        lengths[place] = lists.starts[number + 1] - lists.starts[number]


@compiled(
    tuple_of(*(4 * (writes(np.float32, 2),)))(
        LEARNED, reads(np.int32), reads(np.int32), types.int64
    )
)
def relate(
    learned: Learned, rows: Numbers, seeds: Numbers, playlists: int
) -> tuple[Floats, Floats, Floats, Floats]:
    """Relate tracks to seed rows by playlists and taste.

    Args:
        learned: The model.
        rows: int32 (k,), the tracks.
        seeds: int32 (m,), the seed rows.
        playlists: How many playlists there are.

    Returns:
        float32 (k, m) each: how many playlists hold both tracks, 0 for a track and itself; how many
        hold both first artists, likewise, and 0 for an unknown one; the cosine of the tracks in the
        taste space. float32 (2, m): how many playlists hold each seed row, and its first artist.
    """
    shape = (len(rows), len(seeds))
    together, artists = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    cosines, holds = np.empty(shape, np.float32), np.zeros(playlists, np.uint8)
    _meet(learned.holders, rows, seeds, holds, together)
    left, right = np.empty(len(rows), np.int32), np.empty(len(seeds), np.int32)
    for place in range(len(rows)):
        left[place] = learned.names[rows[place], NAMED_ARTIST]
    for place in range(len(seeds)):
        right[place] = learned.names[seeds[place], NAMED_ARTIST]
    _meet(learned.by_artist, left, right, holds, artists)
    holders = np.zeros((2, len(seeds)), np.float32)
    for place in range(len(seeds)):
        _put_length(learned.holders, seeds[place], holders[0], place)
        _put_length(learned.by_artist, right[place], holders[1], place)
    width = learned.regression.shape[1]
    theirs, ours = np.empty((len(seeds), width), np.float32), np.empty(width, np.float32)
    for seed in range(len(seeds)):
        start = learned.taste_starts[seeds[seed]]
        halves_to_floats(learned.taste, start, theirs, seed * width, width)
    for place in range(len(rows)):
        halves_to_floats(learned.taste, learned.taste_starts[rows[place]], ours, 0, width)
        for seed in range(len(seeds)):
            cosines[place, seed] = dot(theirs, seed * width, ours, 0, width)
    return together, artists, cosines, holders


@inlined
def _put_cosines(tracks: Any, query: Any, row: Any, cosines: Any, terms: Any) -> None:
    """Write a row's cosine to each seed, and the terms of the cosine to the profile.

    Args:
        tracks: The catalogue.
        query: `AudioQuery`.
        row: The track.
        cosines: float32 (s,), of the weighted attributes.
        terms: float64 (14,), by attribute.
    """
    length, square = tracks.lengths[row], np.float32(0)
    weighted = np.empty(DIMENSIONS, np.float32)
    shares = np.zeros(_WIDTH, np.float32)
    for each in range(DIMENSIONS):
        unit = tracks.audio[row, each] / length
        shares[_ATTRIBUTE_OF[each]] += unit * query.vector[each]
        weighted[each] = unit
        if query.has_weights:
            weighted[each] = tracks.audio[row, each] * query.weights[each]
            square += weighted[each] * weighted[each]
    scale = np.sqrt(square) if square > 0 else np.float32(1)
    for each in range(_WIDTH):
        terms[each] = shares[each]
    for seed in range(len(cosines)):
        total = np.float32(0)
        for each in range(DIMENSIONS):
            total += weighted[each] / scale * query.seed_vectors[seed, each]
        cosines[seed] = min(max(total, np.float32(-1)), np.float32(1))


@inlined
def _closest_track(kinds: Any, vectors: Any, cosines: Any) -> Any:
    """Choose the nearest seed track that was analysed; the number of seeds without any."""
    best = len(kinds)
    for seed in range(len(kinds)):
        if kinds[seed] == TRACK_SEED and (best == len(kinds) or cosines[seed] > cosines[best]):
            for each in range(DIMENSIONS):
                if vectors[seed, each] != 0:
                    best = seed
                    break
    return best


@inlined
def _put_effects(shares: Any, family: Any, effects: Any, strongest: Any) -> Any:
    """Sum contributions by family, find the strongest, and return the size of all of them.

    Args:
        shares: float64 (features + 1,).
        family: int8 (features,).
        effects: float64 (families,), added to.
        strongest: int32 (`MOST_CONTRIBUTIONS`,), the features of the greatest ones; -1 remains
            where there are fewer.
    """
    found, total = 0, 0.0
    for feature in range(len(family)):
        share = shares[feature]
        if share == 0:
            continue
        size = abs(share)
        total += size
        if family[feature] >= 0:
            effects[family[feature]] += share
        if found == MOST_CONTRIBUTIONS and size <= abs(shares[strongest[found - 1]]):
            continue
        # Insertion from the end: equal sizes keep the order of the features.
        place = min(found, MOST_CONTRIBUTIONS - 1)
        while place > 0 and abs(shares[strongest[place - 1]]) < size:
            strongest[place] = strongest[place - 1]
            place -= 1
        strongest[place] = feature
        found = min(found + 1, MOST_CONTRIBUTIONS)
    return total


@inlined
def _put_effects_of_cosine(terms: Any, effects: Any) -> Any:
    """Take the effects from the terms of the cosine, for a list that no booster ranked."""
    total = 0.0
    for each in range(_WIDTH):
        effects[ATTRIBUTE_FAMILIES + each] = terms[each]
        effects[OF_SOUND] += terms[each]
        total += abs(terms[each])
    return total


@inlined
def _number_names(codes: Any, sizes: Any, rows: Any, references: Any) -> Any:
    """Assign numbers to the names that facts state, from 1, and mark what facts refer to.

    Returns:
        int32 (names, 2): a row and the place of the artist in its credits, or -1 and the number of
        a genre; and uint8 (references,), 1 for each that a fact refers to.
    """
    used = np.zeros(references, np.uint8)
    named, count = np.empty((codes.shape[0] * codes.shape[1], 2), np.int32), 0
    for place in range(len(sizes)):
        for fact in range(sizes[place]):
            if codes[place, fact, REFERENCE] >= 0:
                used[codes[place, fact, REFERENCE]] = 1
            name, kind = codes[place, fact, NAME], codes[place, fact, KIND]
            codes[place, fact, NAME] = 0
            if name >= 0 and (names_a_genre(kind) or NAMES_AN_ARTIST[kind]):
                named[count, 0] = -1 if names_a_genre(kind) else rows[place]
                named[count, 1] = name
                count += 1
                codes[place, fact, NAME] = count
    return named[:count], used


@compiled(
    _DESCRIBED(
        TRACKS,
        reads(np.float64, 2),
        AUDIO_QUERY,
        ASKED,
        _RANKED,
        *(4 * (reads(np.float32, 2),)),
        types.int64,
    )
)
def describe(
    tracks: Tracks,
    features: Wide,
    query: AudioQuery,
    asked: Asked,
    ranked: Ranked,
    together: Floats,
    artists: Floats,
    taste: Floats,
    holders: Floats,
    references: int,
) -> tuple[
    *tuple[NDArray[np.int32], Wide, Numbers, Numbers, Wide],
    *tuple[NDArray[np.int32], Wide, Wide, Wide, Wide, NDArray[np.int32], Bits],
]:
    """Find what is stated of each track of a list.

    Args:
        tracks: The catalogue.
        features: float64 (n, 14), its attributes.
        query: The query.
        asked: What reasons read of it.
        ranked: The list.
        together: From `relate`; (k, 0) without a model, likewise `artists` and `taste`.
        artists: Likewise.
        taste: Likewise.
        holders: From `relate`; (2, 0) without a model.
        references: How many numbers of references there are: seeds, seed rows, liked tracks.

    Returns:
        Facts as int32 (k, `MOST_FACTS`, `CODES`) and float64 (k, `MOST_FACTS`, `NUMBERS`), and how
        many each track has, int32 (k,). The nearest seed track, int32 (k,), the number of seeds for
        none, and the cosine to it, float64 (k,), NaN without one. Of the `MOST_CONTRIBUTIONS`
        strongest contributions the features, int32 (k, most), -1 for none, the contributions and
        the features' values, float64 (k, most). The attributes and the terms of the cosine, float64
        (k, 14). The names of facts, and what they refer to, see `_number_names`.
    """
    rows, count, seeds = ranked.rows, len(ranked.rows), len(asked.kinds)
    raw, scores = np.empty((count, _WIDTH)), np.empty((count, _WIDTH))
    terms, cosines = np.empty((count, _WIDTH)), np.empty((count, seeds), np.float32)
    effects, totals = np.zeros((count, FAMILIES)), np.empty(count)
    closest, similarity = np.empty(count, np.int32), np.full(count, np.nan)
    strongest = np.full((count, MOST_CONTRIBUTIONS), np.int32(-1), np.int32)
    contributions = np.zeros((count, MOST_CONTRIBUTIONS))
    seen = np.zeros((count, MOST_CONTRIBUTIONS))
    likings = np.empty((len(ranked.liked), NUMBERS))
    liked = np.empty((len(ranked.liked), CODES), np.int32)
    for place in range(count):
        row = rows[place]
        for each in range(_WIDTH):
            raw[place, each] = features[row, each]
            scores[place, each] = raw[place, each] - ranked.centres[each]
            scores[place, each] /= ranked.deviations[each]
        _put_cosines(tracks, query, row, cosines[place], terms[place])
        closest[place] = seeds
        if is_analysed(tracks.missing[row]):
            closest[place] = _closest_track(asked.kinds, query.seed_vectors, cosines[place])
            if closest[place] < seeds:
                similarity[place] = cosines[place, closest[place]]
        if ranked.contributions.shape[1]:
            total = _put_effects(
                ranked.contributions[place], ranked.family, effects[place], strongest[place]
            )
        else:
            total = _put_effects_of_cosine(terms[place], effects[place])
        for each in range(MOST_CONTRIBUTIONS):
            feature = strongest[place, each]
            if feature >= 0:
                contributions[place, each] = ranked.contributions[place, feature]
                seen[place, each] = ranked.matrix[place, feature]
        total = total / ranked.spread + ranked.more[place]
        for each in range(FAMILIES):
            effects[place, each] /= ranked.spread
        if len(ranked.sound):
            effects[place, OF_SOUND] += ranked.sound[place]
            total += abs(ranked.sound[place])
        totals[place] = total
        for each in range(FAMILIES):
            effects[place, each] /= total if total > 0 else 1.0
        if len(liked):
            liked[place] = ranked.liked[place]
            likings[place] = ranked.likings[place]
            if total > 0:
                likings[place, WEIGHT] /= total
            else:
                liked[place, KIND] = -1
    listing = Listing(
        *(rows, raw, scores, cosines, together, artists, holders, taste, effects, totals),
        *(ranked.fits, ranked.distances, liked, likings),
    )
    codes, numbers, sizes = find(tracks, asked, listing, _TEMPO, _KEY)
    named, used = _number_names(codes, sizes, rows, references)
    return (
        *(codes, numbers, sizes, closest, similarity, strongest, contributions, seen),
        *(raw, terms, named, used),
    )
