"""Finds the facts of all tracks of a list: effects, relations, comparisons, and their order.

A fact is a row of `codes` and a row of `numbers`; `quintet_engine.reasons` says what it states and
names what the numbers stand for. The rules are in the documentation of that package.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quintet_engine.kernel.compiling import inlined
from quintet_engine.kernel.layout import (
    ALBUM,
    OCTAVE,
    RECORDING,
    WHEEL,
    Bits,
    Floats,
    Lists,
    Numbers,
    Shares,
    fixed,
)
from quintet_engine.kernel.signatures import numba

Wide = NDArray[np.float64]

MOST_FACTS: Final = 9
"""Facts of one track at most: two each of targets, relations, things alike and differences, and a
track that the listener liked."""
MOST_OF_KIND: Final = 2
MOST_CONTRIBUTIONS: Final = 6
"""How many feature contributions a track has at most, the strongest."""
# Columns of `codes`.
KIND: Final = 0
REFERENCE: Final = 1
ATTRIBUTE: Final = 2
RELATION: Final = 3
NAME: Final = 4
CODES: Final = 5
# Columns of `numbers`.
WEIGHT: Final = 0
VALUE: Final = 1
OTHER_VALUE: Final = 2
NUMBERS: Final = 3

# Kinds of facts, in the order of `quintet_explain.Kind`.
SAME_ALBUM, SAME_ARTIST, TOGETHER, ARTISTS_TOGETHER, TASTE, GENRE, SOUND = range(7)
COMPARED, TEMPO, KEY, TARGET, LIKED, PLAYED = range(7, 13)
NAMES_AN_ARTIST: Final = np.array(
    [kind in (SAME_ARTIST, ARTISTS_TOGETHER, LIKED, PLAYED) for kind in range(13)]
)
"""Which kinds of facts name an artist: by its place in the track's credits."""
# How two values are related, in the order of `quintet_explain.Relation`.
NONE, HIGH, LOW, MORE, LESS, SAME, DOUBLE, HALF = range(8)
# Kinds of seeds.
TRACK_SEED, ARTIST_SEED, GENRE_SEED = range(3)
# Families of features, in the order of `families.FAMILIES`; attributes follow.
OF_ARTIST, OF_ALBUM, OF_ARTIST_IN_PLAYLISTS, OF_ALBUM_IN_PLAYLISTS = range(4)
OF_TOGETHER, OF_TASTE, OF_GENRE, OF_SOUND = range(4, 8)
ATTRIBUTE_FAMILIES: Final = 8
FAMILIES: Final = ATTRIBUTE_FAMILIES + 14

CLOSE_COSINE: Final = 0.5
NEAR_TASTE: Final = 0.5
ALIKE: Final = 0.25
DIFFERENT: Final = 0.75
NOTABLE: Final = 0.75
# 8 % of tempo in octaves, -log2(1 - 0.08): tempi within it are the same range.
_SAME_OCTAVES: Final = 0.12029423371771177
# Room for all facts of one sort about a track: fourteen targets, or eight comparisons, tempo, key.
_MOST: Final = 16


class Asked(NamedTuple):
    """What reasons read of a query with s seeds, m seed rows and t targets.

    Attributes:
        kinds: int8 (s,), `TRACK_SEED` and so on.
        albums: The albums of each seed.
        artists: Its artists.
        genres: Its genres.
        genre_shares: The seeds' shares by genre.
        raw: float64 (s, 14), the seeds' attributes.
        scores: float64 (s, 14), the same in standard deviations from the catalogue's mean.
        rhythm: float32 (s, 2), as `Tracks.rhythm`.
        owners: int32 (m,), the seed that each seed row stands for.
        rows: int32 (m,), the seed rows.
        compared: int32, the attributes that are compared.
        worded: uint8 (5, 14), which attributes have a word in which relation.
        compares_tempo: Whether tempo is compared.
        compares_key: Whether key is compared.
        targets: int32 (t,), attributes.
        wanted: float64 (t,), their values.
    """

    kinds: NDArray[np.int8]
    albums: Lists
    artists: Lists
    genres: Lists
    genre_shares: Shares
    raw: Wide
    scores: Wide
    rhythm: Floats
    owners: Numbers
    rows: Numbers
    compared: Numbers
    worded: Bits
    compares_tempo: bool
    compares_key: bool
    targets: Numbers
    wanted: Wide


class Listing(NamedTuple):
    """The k tracks of a list, and what relates them to s seeds, m seed rows and t targets.

    Attributes:
        rows: int32 (k,).
        raw: float64 (k, 14), attributes.
        scores: float64 (k, 14), the same in standard deviations from the catalogue's mean.
        cosines: float32 (k, s), of the weighted attributes.
        together: float32 (k, m), playlists that hold both tracks.
        artists_met: float32 (k, m), playlists that hold both first artists.
        holders: float32 (2, m), playlists that hold each seed row, and its first artist.
        taste: float32 (k, m), cosines in the taste space.
        effects: float64 (k, families), shares of all effects.
        totals: float64 (k,), the size of all effects.
        fits: float64 (t, k), what each target's fit added to the score.
        distances: float64 (t, k), standard deviations from each target.
        liked: int32 (k or 0, `CODES`), the fact about a liked track; its kind is -1 for none.
        likings: float64 (k or 0, `NUMBERS`), its numbers.
    """

    rows: Numbers
    raw: Wide
    scores: Wide
    cosines: Floats
    together: Floats
    artists_met: Floats
    holders: Floats
    taste: Floats
    effects: Wide
    totals: Wide
    fits: Wide
    distances: Wide
    liked: NDArray[np.int32]
    likings: Wide


def _example() -> Any:
    """Make a tuple, from which numba takes its type."""
    number, bits = fixed(np.zeros(1), np.int32), fixed(np.zeros((1, 1)), np.uint8)
    wide, one = fixed(np.zeros((1, 1)), np.float64), fixed(np.zeros(1), np.float64)
    floats, lists = fixed(np.zeros((1, 1)), np.float32), Lists(number, number)
    shares = Shares(number, fixed(np.zeros(1), np.float32))
    kinds = fixed(np.zeros(1), np.int8)
    asked = Asked(
        *(kinds, lists, lists, lists, shares, wide, wide, floats, number, number, number, bits),
        *(True, True, number, one),
    )
    return numba.typeof(asked)


ASKED: Final = _example()


@inlined
def names_a_genre(kind: Any) -> Any:
    """Check whether a fact of a kind names a genre, by its number."""
    return kind == GENRE


@inlined
def _add(
    facts: Any, kind: Any, reference: Any, name: Any, weight: Any, value: Any, other: Any
) -> Any:
    """Append a fact, and return its place."""
    codes, numbers, size = facts
    place = size[0]
    codes[place, KIND], codes[place, REFERENCE], codes[place, NAME] = kind, reference, name
    codes[place, ATTRIBUTE], codes[place, RELATION] = -1, NONE
    numbers[place, WEIGHT], numbers[place, VALUE] = weight, value
    numbers[place, OTHER_VALUE] = other
    size[0] = place + 1
    return place


@inlined
def _copy(source: Any, place: Any, target: Any) -> None:
    """Append a fact of one list to another."""
    codes, numbers, size = target
    for column in range(CODES):
        codes[size[0], column] = source[0][place, column]
    for column in range(NUMBERS):
        numbers[size[0], column] = source[1][place, column]
    size[0] += 1


@inlined
def _select(source: Any, sort: Any, target: Any) -> None:
    """Append the two heaviest facts of a sort, the heavier first, equal ones as they come.

    Args:
        source: Facts.
        sort: 0 for all; 1 for those that raised the score and do not differ; 2 for differences.
        target: Facts, appended to.
    """
    codes, numbers, size = source
    taken = -1
    for _ in range(MOST_OF_KIND):
        best, most = -1, 0.0
        for place in range(size[0]):
            weight = numbers[place, WEIGHT]
            relation = codes[place, RELATION]
            differs = relation in (MORE, LESS)
            if place == taken or (sort == 1 and (differs or weight <= 0)):
                continue
            if sort == 2:
                if not differs or weight == 0:
                    continue
                weight = abs(weight)
            if best < 0 or weight > most:
                best, most = place, weight
        if best < 0:
            return
        _copy(source, best, target)
        taken = best


@inlined
def _shares(first: Any, last: Any, own: Any, lists: Any, seed: Any) -> Any:
    """Find the first of a row's numbers that a seed has as well; -1 if there is none."""
    for each in range(first, last):
        for other in range(lists.starts[seed], lists.starts[seed + 1]):
            if own[each] == lists.members[other]:
                return each
    return -1


@inlined
def _nearest_of(cosines: Any, place: Any, first: Any, last: Any, own: Any, lists: Any) -> Any:
    """Choose the seed nearest in sound among those that share a number; -1 if none does."""
    best = -1
    for seed in range(len(lists.starts) - 1):
        if best >= 0 and not cosines[place, seed] > cosines[place, best]:
            continue
        if _shares(first, last, own, lists, seed) >= 0:
            best = seed
    return best


@inlined
def _greatest(values: Any, place: Any) -> Any:
    """Find the column of the greatest value of a row, the first among equals."""
    best = 0
    for column in range(1, values.shape[1]):
        if values[place, column] > values[place, best]:
            best = column
    return best


@inlined
def _strongest_row(values: Any, place: Any, own: Any, recordings: Any) -> Any:
    """Find the strongest relation to a seed row that is not the track itself; 0 without any."""
    best, most = -1, np.float32(0)
    for column in range(values.shape[1]):
        value = np.float32(0) if recordings[column] == own else values[place, column]
        if best < 0 or value > most:
            best, most = column, value
    return best, most


@inlined
def _genre(tracks: Any, asked: Any, row: Any, seed: Any) -> Any:
    """Choose a genre of a row and a seed: the one that most seeds share."""
    genres, best, most = tracks.genres, -1, np.float32(-1)
    for each in range(genres.starts[row], genres.starts[row + 1]):
        if _shares(each, each + 1, genres.members, asked.genres, seed) < 0:
            continue
        genre, weight = genres.members[each], np.float32(0)
        for other in range(len(asked.genre_shares.numbers)):
            if asked.genre_shares.numbers[other] == genre:
                weight = asked.genre_shares.weights[other]
        if weight > most:
            best, most = genre, weight
    return best


@inlined
def _by_catalogue(tracks: Any, asked: Any, listing: Any, place: Any, facts: Any) -> Any:
    """Find a shared album, or else a shared artist, or else a shared genre.

    Returns:
        Whether album or artist are shared.
    """
    row, cosines, effects = listing.rows[place], listing.cosines, listing.effects[place]
    albums = tracks.numbers[row, ALBUM : ALBUM + 1]
    by_artist = effects[OF_ARTIST] + effects[OF_ARTIST_IN_PLAYLISTS]
    seed = _nearest_of(cosines, place, 0, 1, albums, asked.albums)
    if seed >= 0:
        weight = by_artist + effects[OF_ALBUM] + effects[OF_ALBUM_IN_PLAYLISTS]
        _add(facts, SAME_ALBUM, seed, -1, weight, 0.0, 0.0)
        return True
    first, last = tracks.artists.starts[row], tracks.artists.starts[row + 1]
    seed = _nearest_of(cosines, place, first, last, tracks.artists.members, asked.artists)
    if seed >= 0:
        shared = _shares(first, last, tracks.artists.members, asked.artists, seed)
        _add(facts, SAME_ARTIST, seed, shared - first, by_artist, 0.0, 0.0)
        return True
    first, last = tracks.genres.starts[row], tracks.genres.starts[row + 1]
    seed = _nearest_of(cosines, place, first, last, tracks.genres.members, asked.genres)
    if seed >= 0:
        genre, shared = _genre(tracks, asked, row, seed), 0
        for each in range(first, last):
            shared += _shares(each, each + 1, tracks.genres.members, asked.genres, seed) >= 0
        own = np.float64(last - first)
        _add(facts, GENRE, seed, genre, effects[OF_GENRE], np.float64(shared), own)
    return False


@inlined
def _reference(asked: Any, member: Any) -> Any:
    """Give the number of what a seed row stands for: its seed, or itself, after all seeds."""
    owner = asked.owners[member]
    return owner if asked.kinds[owner] == TRACK_SEED else len(asked.kinds) + member


@inlined
def _by_playlists(
    tracks: Any, asked: Any, listing: Any, place: Any, same: Any, recordings: Any, facts: Any
) -> None:
    """Find playlists with both tracks, or else with both artists; and closeness in taste."""
    if not len(asked.rows):
        return
    effects, own = listing.effects[place], tracks.numbers[listing.rows[place], RECORDING]
    member, together = _strongest_row(listing.together, place, own, recordings)
    if together >= 1:
        weight, reference = effects[OF_TOGETHER], _reference(asked, member)
        held = np.float64(listing.holders[0, member])
        _add(facts, TOGETHER, reference, -1, weight, np.float64(together), held)
    elif not same:
        member = _greatest(listing.artists_met, place)
        count = np.float64(listing.artists_met[place, member])
        if count >= 1:
            weight, reference = effects[OF_ARTIST_IN_PLAYLISTS], _reference(asked, member)
            held = np.float64(listing.holders[1, member])
            _add(facts, ARTISTS_TOGETHER, reference, 0, weight, count, held)
    member, taste = _strongest_row(listing.taste, place, own, recordings)
    if taste >= NEAR_TASTE:
        value, reference = min(np.float64(taste), 1.0), _reference(asked, member)
        _add(facts, TASTE, reference, -1, effects[OF_TASTE], value, 0.0)


@inlined
def _compared(asked: Any, listing: Any, place: Any, seed: Any, attribute: Any) -> Any:
    """Relate an attribute of a row to a seed's; NONE where they neither differ nor are notable."""
    ours, theirs = listing.scores[place, attribute], asked.scores[seed, attribute]
    gap = ours - theirs
    relation = NONE
    if gap >= DIFFERENT:
        relation = MORE
    elif gap <= -DIFFERENT:
        relation = LESS
    elif abs(gap) <= ALIKE and min(ours, theirs) >= NOTABLE:
        relation = HIGH
    elif abs(gap) <= ALIKE and max(ours, theirs) <= -NOTABLE:
        relation = LOW
    # Without a word there is nothing to state.
    return relation if asked.worded[relation, attribute] else NONE


@inlined
def _tempo_relation(asked: Any, listing: Any, place: Any, seed: Any, tempo: Any) -> Any:
    """Relate two tempi that are the same, or one of them double the other."""
    ratio = listing.raw[place, tempo] / asked.raw[seed, tempo]
    ours, theirs = listing.scores[place, tempo], asked.scores[seed, tempo]
    if ratio > 1.5:
        return DOUBLE
    if ratio < 0.75:
        return HALF
    if min(ours, theirs) >= NOTABLE:
        return HIGH
    return LOW if max(ours, theirs) <= -NOTABLE else SAME


@inlined
def _add_comparison(asked: Any, listing: Any, place: Any, seed: Any, fact: Any, facts: Any) -> None:
    kind, attribute, relation = fact
    weight = listing.effects[place, ATTRIBUTE_FAMILIES + attribute]
    value, other = listing.raw[place, attribute], asked.raw[seed, attribute]
    added = _add(facts, kind, seed, -1, weight, value, other)
    facts[0][added, ATTRIBUTE], facts[0][added, RELATION] = attribute, relation


@inlined
def _compare(
    tracks: Any, asked: Any, listing: Any, place: Any, seed: Any, tempo: Any, key: Any, facts: Any
) -> None:
    """Compare a row with a seed: attributes, tempo and key."""
    for attribute in asked.compared:
        relation = _compared(asked, listing, place, seed, attribute)
        if relation != NONE and listing.effects[place, ATTRIBUTE_FAMILIES + attribute] != 0:
            fact = (COMPARED, attribute, relation)
            _add_comparison(asked, listing, place, seed, fact, facts)
    ours, theirs = tracks.rhythm[listing.rows[place]], asked.rhythm[seed]
    octaves = np.float64(abs(ours[OCTAVE] - theirs[OCTAVE]))
    # NaN compares as false, so an unknown tempo or key is not mentioned.
    if asked.compares_tempo and min(octaves, abs(octaves - 1.0)) <= _SAME_OCTAVES:
        fact = (TEMPO, tempo, _tempo_relation(asked, listing, place, seed, tempo))
        _add_comparison(asked, listing, place, seed, fact, facts)
    steps = abs(ours[WHEEL] - theirs[WHEEL])
    # The mean of many keys is no key.
    is_track = asked.kinds[seed] == TRACK_SEED
    if asked.compares_key and is_track and min(steps, 12 - steps) <= 1:
        fact = (KEY, key, SAME)
        _add_comparison(asked, listing, place, seed, fact, facts)


@inlined
def _find_targets(asked: Any, listing: Any, place: Any, facts: Any) -> None:
    """State the fit to targets where it raised the score, or is too close to hear."""
    total = listing.totals[place]
    for target in range(len(asked.targets)):
        attribute, fit = asked.targets[target], listing.fits[target, place]
        value = listing.raw[place, attribute]
        if np.isnan(value) or not (fit > 0 or listing.distances[target, place] <= ALIKE):
            continue
        weight = fit / total if total else 0.0
        added = _add(facts, TARGET, -1, -1, weight, value, asked.wanted[target])
        facts[0][added, ATTRIBUTE] = attribute


@inlined
def _order(found: Any, subject: Any, codes: Any, numbers: Any) -> Any:
    """Write facts in the order in which they are stated.

    The heaviest comes first, then others about the same seed, then those about other seeds.

    Args:
        found: Facts.
        subject: The seed that attributes are compared with.
        codes: int32 (`MOST_FACTS`, `CODES`), written.
        numbers: float64 (`MOST_FACTS`, `NUMBERS`), written.
    """
    size = found[2][0]
    first = 0
    for place in range(1, size):
        if found[1][place, WEIGHT] > found[1][first, WEIGHT]:
            first = place
    about = found[0][first, REFERENCE]
    about = about if about >= 0 else subject
    is_written = np.zeros(MOST_FACTS, np.uint8)
    for turn in range(size):
        best, best_apart = first if turn == 0 else -1, False
        for place in range(size):
            if turn == 0 or is_written[place]:
                continue
            reference = found[0][place, REFERENCE]
            apart = reference >= 0 and reference != about
            heavier = best < 0 or found[1][place, WEIGHT] > found[1][best, WEIGHT]
            if best < 0 or (apart == best_apart and heavier) or (best_apart and not apart):
                best, best_apart = place, apart
        is_written[best] = 1
        for column in range(CODES):
            codes[turn, column] = found[0][best, column]
        for column in range(NUMBERS):
            numbers[turn, column] = found[1][best, column]
    return size


@inlined
def _empty() -> Any:
    size = np.zeros(1, np.int64)
    return np.empty((_MOST, CODES), np.int32), np.empty((_MOST, NUMBERS)), size


@inlined
def find(tracks: Any, asked: Any, listing: Any, tempo: Any, key: Any) -> Any:
    """Find the facts of every track of a list.

    Args:
        tracks: The catalogue.
        asked: `Asked`.
        listing: `Listing`.
        tempo: The column of tempo.
        key: The column of key.

    Returns:
        int32 (k, `MOST_FACTS`, `CODES`); float64 (k, `MOST_FACTS`, `NUMBERS`); int32 (k,), how many
        facts each track has.
    """
    count = len(listing.rows)
    codes = np.empty((count, MOST_FACTS, CODES), np.int32)
    numbers = np.empty((count, MOST_FACTS, NUMBERS))
    sizes = np.zeros(count, np.int32)
    recordings = np.empty(len(asked.rows), np.int32)
    for member in range(len(asked.rows)):
        recordings[member] = tracks.numbers[asked.rows[member], RECORDING]
    sorts, relations, found = _empty(), _empty(), _empty()
    for place in range(count):
        found[2][0] = relations[2][0] = sorts[2][0] = 0
        nearest = _greatest(listing.cosines, place)
        cosine = min(np.float64(listing.cosines[place, nearest]), 1.0)
        by_sound = listing.effects[place, OF_SOUND]
        same = _by_catalogue(tracks, asked, listing, place, relations)
        _by_playlists(tracks, asked, listing, place, same, recordings, relations)
        if cosine >= CLOSE_COSINE:
            _add(relations, SOUND, nearest, -1, by_sound, cosine, 0.0)
        _find_targets(asked, listing, place, sorts)
        _select(sorts, 0, found)
        chosen = found[2][0]
        _select(relations, 1, found)
        subject = nearest
        if found[2][0] > chosen and found[0][chosen, REFERENCE] < len(asked.kinds):
            subject = np.int64(found[0][chosen, REFERENCE])
        if len(listing.liked) and listing.liked[place, KIND] >= 0:
            _copy((listing.liked, listing.likings, found[2]), place, found)
        sorts[2][0] = 0
        _compare(tracks, asked, listing, place, subject, tempo, key, sorts)
        _select(sorts, 1, found)
        _select(sorts, 2, found)
        if not found[2][0] and cosine > 0 and by_sound != 0:
            _add(found, SOUND, nearest, -1, by_sound, cosine, 0.0)
        sizes[place] = _order(found, subject, codes[place], numbers[place])
    return codes, numbers, sizes
