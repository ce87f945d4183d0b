"""Features of a model that learned from playlists: see `features.declared`.

Each function writes some columns of the matrix, float32 (features, candidates), from `first` on.
What belongs to an artist is computed once for all candidates of that artist.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numba import types

from quintet_engine.kernel.compiling import borrowing, compiled, inlined
from quintet_engine.kernel.fetching import fetch, fetch_lists, fetch_records
from quintet_engine.kernel.layout import (
    ALBUM_TITLE,
    ALBUM_TRACKS,
    ARTIST_ENTRIES,
    ARTIST_PLAYLISTS,
    ARTIST_POPULARITY,
    ARTIST_SQUARES,
    ARTIST_TRACKS,
    BY_ARTIST,
    BY_AUDIO,
    BY_TRACK,
    BY_WORD,
    BY_YEAR,
    NAMED_ARTIST,
    PLAYLIST_COUNT,
    POPULARITY,
    RANK_IN_ARTIST,
    SHAPED,
    SOUND_LENGTH,
    VIEWS,
    YEAR,
    Learned,
    LearnedQuery,
    Tracks,
)
from quintet_engine.kernel.numeric import year_place
from quintet_engine.kernel.order import falling_key, slot_of, sort_by, table_for
from quintet_engine.kernel.signatures import LEARNED, LEARNED_QUERY, TRACKS, reads
from quintet_engine.kernel.signatures import writes as written
from quintet_engine.kernel.sound_features import LINEAR, by_sound, by_taste, fetch_taste
from quintet_engine.kernel.sums import dot, plain_sum_of_rows, sum_of_rows

# Numbers of an artist's record that are multiplied with a sound: whole lanes.
_PADDED: Final = 16
# numba lets a signed index count from the end, and checks each.
_U: Final = np.uint64
_ZERO, _ONE, _NAN = np.float32(0), np.float32(1), np.float32(np.nan)
_LEAST, _MOST = np.float32(-np.inf), np.float32(np.inf)
# Where the groups' columns start; audio and catalogue come first (`audio_features`).
_SOUND: Final = 30
# The column of popularity, which is one of the catalogue's.
_POPULARITY: Final = 27
_OFFSETS: Final = _SOUND + 7
_NAMES: Final = _OFFSETS + LINEAR
_AGE: Final = _NAMES + 6
_QUERY: Final = _AGE + 11
_SCORES: Final = _QUERY + 18
_COMPANY: Final = _SCORES + 31
_TASTE: Final = _COMPANY + 7


# Columns that compare sound: cosines, distance, places.
_OF_SOUND: Final = (_SOUND, _SOUND + 1, _SOUND + 2, _SOUND + 5, _SOUND + 6)


class _Seeds(NamedTuple):
    """The seed rows, prepared.

    Attributes:
        artist: int32 (m,), first artists; that beyond the last stands for none.
        album: int32 (m,), album titles, likewise.
        artists: int32 (a,), the different first artists, ascending, also that for none.
        artist_shares: float32 (a,), the seeds' shares by these.
        unknown_artist: The number for no artist.
        unknown_album: The number for no title.
    """

    artist: Any
    album: Any
    artists: Any
    artist_shares: Any
    unknown_artist: Any
    unknown_album: Any


@inlined
def _seeds(names: Any, rows: Any, shares: Any, unknown_artist: Any, unknown_album: Any) -> Any:
    count = len(rows)
    artist, album = np.empty(count, np.int32), np.empty(count, np.int32)
    artists, total, known = np.empty(count, np.int32), np.zeros(count, np.float32), 0
    for seed in range(count):
        artist[seed], album[seed] = names[rows[seed], NAMED_ARTIST], names[rows[seed], ALBUM_TITLE]
        # Kept ascending: seeds are few.
        place = known
        while place and artists[place - 1] >= artist[seed]:
            place -= 1
        if place == known or artists[place] != artist[seed]:
            for each in range(known, place, -1):
                artists[each], total[each] = artists[each - 1], total[each - 1]
            artists[place], total[place] = artist[seed], _ZERO
            known += 1
        total[place] += shares[seed]
    return _Seeds(artist, album, artists[:known], total[:known], unknown_artist, unknown_album)


@inlined
def _write_places(
    matrix: Any, source: Any, target: Any, order: Any, scratch: Any, keys: Any
) -> None:
    """Rank a column from the top as a share of its length, 0 for the best, into another.

    A missing value counts as 0 for the others, and has no place itself.
    """
    count = len(order)
    for place in range(count):
        value = matrix[source, place]
        order[place], keys[place] = place, falling_key(value if value == value else _ZERO)
    sort_by(keys, order, scratch)
    for place in range(count):
        value = matrix[source, order[place]]
        share = np.float32(place) / np.float32(count)
        matrix[target, order[place]] = share if value == value else _NAN


@borrowing
def _is_repeated(members: Any, begin: Any, place: Any) -> Any:
    """Check whether an artist is credited before, too."""
    for each in range(begin, place):
        if members[each] == members[place]:
            return True
    return False


@inlined
def _names(
    artists: Any, names: Any, seeds: Any, query: Any, rows: Any, matrix: Any, first: Any
) -> None:
    """Write shared first artists, any artists, album titles, and albums, in seed rows."""
    count = len(query.rows)
    total = 0
    for seed in range(count):
        total += artists.starts[query.rows[seed] + 1] - artists.starts[query.rows[seed]]
    table = table_for(total)
    weights = np.zeros(len(table), np.float32)
    for seed in range(count):
        begin, end = artists.starts[query.rows[seed]], artists.starts[query.rows[seed] + 1]
        for each in range(begin, end):
            if not _is_repeated(artists.members, begin, each):
                slot = slot_of(table, artists.members[each])
                table[slot] = artists.members[each]
                weights[slot] += query.shares[seed]
    scale = np.float32(count)
    for place in range(len(rows)):
        row = rows[place]
        begin, end, anyone = artists.starts[row], artists.starts[row + 1], _ZERO
        for each in range(begin, end):
            slot = slot_of(table, artists.members[each])
            if table[slot] >= 0 and not _is_repeated(artists.members, begin, each):
                anyone += weights[slot]
        artist, album = names[row, NAMED_ARTIST], names[row, ALBUM_TITLE]
        same_artist = same_title = same_album = _ZERO
        for seed in range(count):
            is_artist = artist == seeds.artist[seed] and artist < seeds.unknown_artist
            is_album = album == seeds.album[seed] and album < seeds.unknown_album
            if is_artist:
                same_artist += query.shares[seed]
            if is_album:
                same_title += query.shares[seed]
            if is_artist and is_album:
                same_album += query.shares[seed]
        matrix[first, place] = same_artist * scale
        matrix[first + 1, place] = anyone * scale
        matrix[first + 2, place] = same_title * scale
        matrix[first + 3, place] = same_album * scale


@borrowing
def _mark(marks: Any, number: Any) -> None:
    marks[number >> 3] |= np.uint8(1) << np.uint8(number & 7)


@inlined
def _words(learned: Any, query: Any, rows: Any, matrix: Any, first: Any, scores: Any) -> None:
    """Write nearest and mean tf-idf cosine of words to the seeds', and the words' scores."""
    words, count, total = learned.words, len(query.rows), 0
    for seed in range(count):
        total += words.starts[query.rows[seed] + 1] - words.starts[query.rows[seed]]
    table, known = table_for(total), 0
    place_of = np.zeros(len(table), np.int32)
    few = np.zeros((total, count), np.float32)
    # Nearly no word of a candidate is a seed's: one bit says so, from memory that stays in cache.
    marks = np.zeros((len(learned.rarity) >> 3) + 1, np.uint8)
    for seed in range(count):
        row = query.rows[seed]
        for each in range(words.starts[row], words.starts[row + 1]):
            word = words.members[each]
            _mark(marks, word)
            slot = slot_of(table, word)
            if table[slot] < 0:
                table[slot], place_of[slot] = word, known
                known += 1
            few[place_of[slot], seed] = learned.rarity[word] * learned.word_scale[row]
    cosines, views = np.zeros(count, np.float32), np.empty((1, VIEWS), np.float32)
    members = words.members
    for place in range(len(rows)):
        row = _U(rows[place])
        scale = learned.word_scale[row]
        begin, end = words.starts[row], words.starts[row + _U(1)]
        plain_sum_of_rows(members, begin, end, query.word_scores, views, 0)
        # Ridge, artist and context: by shared tracks alone tokens say nothing new.
        matrix[scores, place] = views[0, 0] * scale
        matrix[scores + 1, place] = views[0, 2] * scale
        matrix[scores + 2, place] = views[0, 3] * scale
        found = False
        for each in range(_U(begin), _U(end)):
            word = _U(members[each])
            if marks[word >> _U(3)] >> np.uint8(word & _U(7)) & np.uint8(1):
                found = True
                value, at = learned.rarity[word] * scale, place_of[slot_of(table, members[each])]
                for seed in range(count):
                    cosines[seed] += value * few[at, seed]
        nearest = mean = _ZERO
        if found:
            for seed in range(count):
                nearest = max(nearest, cosines[seed])
                mean += query.shares[seed] * cosines[seed]
                cosines[seed] = _ZERO
        matrix[first, place] = nearest
        matrix[first + 1, place] = mean


@inlined
def _mean_popularity(audio: Any, query: Any) -> Any:
    """Average the known popularity of the seeds by weight; NaN if none is known."""
    total = share = 0.0
    known = 0
    for seed in range(len(query.rows)):
        popularity = audio[query.rows[seed], POPULARITY]
        if popularity == popularity:
            total += np.float64(query.shares[seed]) * popularity
            share += query.shares[seed]
            known += 1
    if known == len(query.rows):
        return total
    return total / share if known else np.nan


@inlined
def _age_and_popularity(audio: Any, query: Any, rows: Any, matrix: Any, first: Any) -> None:
    """Write year and popularity against the seeds'."""
    count, years, known = len(query.rows), 0.0, 0
    for seed in range(count):
        year = audio[query.rows[seed], YEAR]
        if year == year:
            years += year
            known += 1
    typical = _mean_popularity(audio, query)
    # Without a known seed year the gap is NaN for all: LightGBM treats it as missing.
    mean = np.float32(years / known) if known else _NAN
    for place in range(len(rows)):
        year, popularity = audio[rows[place], YEAR], audio[rows[place], POPULARITY]
        gap = nearest = _MOST
        for seed in range(count):
            year_gap = abs(year - audio[query.rows[seed], YEAR])
            gap = year_gap if year_gap < gap else gap
            popularity_gap = abs(popularity - audio[query.rows[seed], POPULARITY])
            nearest = popularity_gap if popularity_gap < nearest else nearest
        matrix[first, place] = year
        matrix[first + 1, place] = year - mean
        # Comparisons with NaN are false: what is unknown changed neither.
        matrix[first + 2, place] = gap if gap < _MOST else _NAN
        matrix[first + 3, place] = popularity - typical
        matrix[first + 4, place] = nearest if nearest < _MOST else _NAN


@inlined
def _write_query(
    tracks: Any, learned: Any, seeds: Any, query: Any, candidates: Any, values: Any
) -> None:
    """Write the features of the query as a whole, float32 (18,)."""
    count = len(query.rows)
    most = 0
    titles = 0
    for seed in range(count):
        same, is_first = 0, True
        for other in range(count):
            same += seeds.artist[other] == seeds.artist[seed]
            is_first &= other >= seed or seeds.album[other] != seeds.album[seed]
        most = max(most, same)
        titles += is_first
    popularity = popular_squares = year = year_squares = logs = 0.0
    known = popular = listed = listed_artists = 0
    for seed in range(count):
        row, artist = query.rows[seed], seeds.artist[seed]
        if tracks.audio[row, POPULARITY] == tracks.audio[row, POPULARITY]:
            popularity += tracks.audio[row, POPULARITY]
            popular += 1
        if tracks.audio[row, YEAR] == tracks.audio[row, YEAR]:
            year += tracks.audio[row, YEAR]
            known += 1
        logs += np.log1p(np.float64(learned.artists[artist, ARTIST_TRACKS]))
        listed += learned.sound[row, PLAYLIST_COUNT] > 0
        listed_artists += learned.artists[artist, ARTIST_PLAYLISTS] > 0
    popularity = popularity / popular if popular else np.nan
    year = year / known if known else np.nan
    for seed in range(count):
        row = query.rows[seed]
        if tracks.audio[row, POPULARITY] == tracks.audio[row, POPULARITY]:
            popular_squares += (tracks.audio[row, POPULARITY] - popularity) ** 2
        if tracks.audio[row, YEAR] == tracks.audio[row, YEAR]:
            year_squares += (tracks.audio[row, YEAR] - year) ** 2
    # The three greatest cosines to playlists by artist, and others' greatest.
    first = second = third = track = word = content = _ZERO
    artists = 0.0
    kernels = query.kernels
    for playlist in range(kernels.shape[1]):
        cosine = kernels[BY_ARTIST, playlist]
        artists += cosine
        if cosine > third:
            third = cosine
            if third > second:
                second, third = third, second
            if second > first:
                first, second = second, first
        track = max(track, kernels[BY_TRACK, playlist])
        word = max(word, kernels[BY_WORD, playlist])
        content = max(content, kernels[BY_YEAR, playlist] * kernels[BY_AUDIO, playlist])
    taste = _ZERO
    for each in range(len(query.taste)):
        taste += query.taste[each] * query.taste[each]
    values[0] = count
    values[1] = len(seeds.artists) / count  # different artists per seed
    values[2] = titles / count
    values[3] = most / count  # the share of the commonest artist
    values[4] = np.sqrt(popular_squares / popular) if popular else np.nan
    values[5] = popularity
    values[6] = np.sqrt(year_squares / known) if known else np.nan
    values[7] = year
    values[8] = candidates
    values[9] = logs / count
    values[10] = track
    values[11] = (first + second + third) / np.float32(max(min(3, kernels.shape[1]), 1))
    values[12] = artists
    values[13] = word
    values[14] = content
    values[15] = listed / count
    values[16] = listed_artists / count
    values[17] = np.sqrt(taste)  # the mean of unit vectors is as long as they agree


@inlined
def _sounds(artists: Any, seeds: Any, profile: Any) -> Any:
    """Lay out the sounds of the seeds' artists, and their profile last, float32 (a + 1, 16).

    The last three numbers are 0: what an artist's record holds beside its sound adds nothing.
    """
    count = len(seeds.artists)
    sounds = np.zeros((count + 1, _PADDED), np.float32)
    for each in range(SHAPED):
        for seed in range(count):
            sounds[seed, each] = artists[seeds.artists[seed], each]
        sounds[count, each] = profile[each]
    return sounds


@borrowing
def _write_artist(learned: Any, artist: Any, sounds: Any, values: Any) -> None:
    """Write what depends on the artist alone, but for playlists: sound, entries, playlists."""
    count, begin = len(sounds) - 1, artist * learned.artists.shape[1]
    nearest = _LEAST
    for each in range(count):
        nearest = max(nearest, dot(learned.artists, begin, sounds, each * _PADDED, _PADDED))
    values[0] = dot(learned.artists, begin, sounds, count * _PADDED, _PADDED)
    values[1] = nearest
    values[2] = learned.artists[artist, ARTIST_ENTRIES]
    values[3] = learned.artists[artist, ARTIST_PLAYLISTS]
    values[4] = learned.artists[artist, ARTIST_TRACKS]
    values[5] = learned.artists[artist, ARTIST_POPULARITY]


@borrowing
def _write_artist_company(
    by_artist: Any,
    facts: Any,
    artist: Any,
    seeds: Any,
    place_of: Any,
    few: Any,
    shared: Any,
    values: Any,
) -> None:
    """Write how an artist meets the seeds' artists on playlists.

    Args:
        by_artist: `Learned.by_artist`.
        facts: `Learned.artists`.
        artist: A known one.
        seeds: The seeds.
        place_of: int32 (p,), each playlist's row of `few`, or -1.
        few: float32 (·, a), values of the seeds' artists on those playlists.
        shared: float32 (a,), overwritten.
        values: float32 (4,): nearest, weighted mean, share met, nearest of other artists.
    """
    count = len(seeds.artists)
    for seed in range(count):
        shared[seed] = _ZERO
    for each in range(_U(by_artist.starts[artist]), _U(by_artist.starts[artist + 1])):
        place = place_of[_U(by_artist.members[each])]
        if place >= 0:
            for seed in range(count):
                shared[seed] += by_artist.values[each] * few[place, seed]
    # 0.02: an artist of one long playlist is not taken for the twin of everyone on it.
    length = np.sqrt(facts[artist, ARTIST_SQUARES] + np.float32(0.02))
    nearest = mean = met = others = _ZERO
    for seed in range(count):
        other = seeds.artists[seed]
        if other < seeds.unknown_artist:
            seed_length = np.sqrt(facts[other, ARTIST_SQUARES]) + np.float32(1e-9)
            cosine = shared[seed] / seed_length / length
            nearest = max(nearest, cosine)
            mean += seeds.artist_shares[seed] * cosine
            if shared[seed] > 0:
                met += seeds.artist_shares[seed]
            if other != artist:
                others = max(others, cosine)
    values[0], values[1], values[2], values[3] = nearest, mean, met, others


@inlined
def _artist_playlists(by_artist: Any, seeds: Any, playlists: Any) -> Any:
    """Lay out the playlists of the seeds' artists: `place_of` and `few` as above."""
    count, total = len(seeds.artists), 0
    for seed in range(count):
        artist = seeds.artists[seed]
        if artist < seeds.unknown_artist:
            total += by_artist.starts[artist + 1] - by_artist.starts[artist]
    place_of, known = np.full(playlists, np.int32(-1), np.int32), 0
    few = np.zeros((total, count), np.float32)
    for seed in range(count):
        artist = seeds.artists[seed]
        if artist < seeds.unknown_artist:
            for each in range(by_artist.starts[artist], by_artist.starts[artist + 1]):
                playlist = by_artist.members[each]
                if place_of[playlist] < 0:
                    place_of[playlist] = known
                    known += 1
                few[place_of[playlist], seed] += by_artist.values[each]
    return place_of, few


@inlined
def _profile(sound: Any, query: Any) -> Any:
    """Average the seeds' shaped attributes, as a unit vector, float32 (13,)."""
    result, square = np.zeros(SHAPED, np.float32), _ZERO
    for each in range(SHAPED):
        for seed in range(len(query.rows)):
            result[each] += query.shares[seed] * sound[query.rows[seed], each]
        square += result[each] * result[each]
    length = np.sqrt(square) if square > 0 else _ONE
    for each in range(SHAPED):
        result[each] /= length
    return result


@inlined
def _fetch_names(learned: Any, rows: Any) -> None:
    """Ask for what is known of the candidates' artists and albums, and for their playlists."""
    numbers, width = np.empty(len(rows), np.int32), learned.artists.shape[1]
    for place in range(_U(len(rows))):
        artist = learned.names[_U(rows[place]), _U(NAMED_ARTIST)]
        numbers[place] = min(artist, len(learned.by_artist.starts) - 2)
        # A record may start within a cache line, so that its end is in a further.
        fetch(learned.artists, np.int64(artist) * width)
        fetch(learned.artists, np.int64(artist) * width + width - 1)
        fetch(learned.by_artist.starts, np.int64(artist))
    for place in range(_U(len(rows))):
        start = np.int64(learned.by_artist.starts[_U(max(numbers[place], 0))])
        fetch(learned.by_artist.members, start)
        fetch(learned.by_artist.values, start)
    for place in range(_U(len(rows))):
        album = learned.names[_U(rows[place]), _U(ALBUM_TITLE)]
        numbers[place] = min(album, len(learned.by_album.starts) - 2)
        fetch(learned.albums, np.int64(album) * learned.albums.shape[1])
        fetch(learned.by_album.starts, np.int64(album))
    for place in range(_U(len(rows))):
        start = np.int64(learned.by_album.starts[_U(max(numbers[place], 0))])
        fetch(learned.by_album.members, start)
        fetch(learned.by_album.values, start)


@inlined
def _artists(
    learned: Any,
    seeds: Any,
    query: Any,
    rows: Any,
    matrix: Any,
    order: Any,
    scratch: Any,
    keys: Any,
) -> None:
    """Write all columns that depend on the artist, and places within the artist."""
    count = len(rows)
    for place in range(count):
        order[place], keys[place] = place, falling_key(matrix[_SOUND, place])
    sort_by(keys, order, scratch)
    for place in range(count):
        keys[place] = np.uint32(learned.names[rows[place], NAMED_ARTIST])
    # Stable: candidates of one artist stay in the order of their sound.
    sort_by(keys, order, scratch)
    profile, weights = _profile(learned.sound, query), query.weights
    place_of, few = _artist_playlists(learned.by_artist, seeds, query.weights.shape[0])
    sounds, shared = (
        _sounds(learned.artists, seeds, profile),
        np.empty(len(seeds.artists), np.float32),
    )
    facts, company = np.empty(6, np.float32), np.empty(4, np.float32)
    views = np.zeros((1, VIEWS), np.float32)
    part = learned.by_artist
    starts, members, values = part.starts, part.members, part.values
    before, rank = np.int64(-1), 0
    for each in range(count):
        place = order[each]
        artist = np.int64(keys[place])
        if artist != before:
            before, rank = artist, 0
            _write_artist(learned, artist, sounds, facts)
            for view in range(VIEWS):
                views[0, view] = _ZERO
            for column in range(len(company)):
                company[column] = _ZERO
            if artist < seeds.unknown_artist:
                begin, end = starts[artist], starts[artist + 1]
                sum_of_rows(members, values, begin, end, weights, views, 0)
                _write_artist_company(
                    *(part, learned.artists, artist, seeds, place_of, few, shared, company)
                )
        matrix[_SOUND + 3, place], matrix[_SOUND + 4, place] = facts[0], facts[1]
        matrix[_SOUND + 6, place] = rank
        matrix[_AGE + 6, place], matrix[_AGE + 8, place] = facts[4], facts[5]
        matrix[_SCORES + 1, place], matrix[_SCORES + 2, place] = facts[2], facts[3]
        matrix[_SCORES + 3, place] = facts[2] / facts[4]  # entries per track of the artist
        for view in range(VIEWS):
            matrix[_SCORES + 8 + view, place] = views[0, view]
        # + 1: an artist that no playlist holds has score 0, and 0 / 1 is 0.
        rarity = np.sqrt(facts[3] + _ONE)
        matrix[_SCORES + 27, place] = views[0, 0] / rarity
        matrix[_SCORES + 28, place] = views[0, 2] / rarity
        for column in range(4):
            matrix[_COMPANY + 2 + column, place] = company[column]
        rank += 1


@inlined
def _holders_of_seeds(holders: Any, rows: Any, playlists: Any) -> Any:
    """List the seeds on each playlist: where each list starts, int32 (p + 1,), and the seeds."""
    starts = np.zeros(playlists + 2, np.int32)
    for seed in range(len(rows)):
        for each in range(holders.starts[rows[seed]], holders.starts[rows[seed] + 1]):
            starts[holders.members[each] + 2] += 1
    for playlist in range(playlists):
        starts[playlist + 2] += starts[playlist + 1]
    seeds = np.empty(starts[playlists + 1], np.int32)
    for seed in range(len(rows)):
        for each in range(holders.starts[rows[seed]], holders.starts[rows[seed] + 1]):
            playlist = holders.members[each]
            seeds[starts[playlist + 1]] = seed
            starts[playlist + 1] += 1
    return starts, seeds


@inlined
def _playlists(holders: Any, sound: Any, query: Any, rows: Any, matrix: Any) -> None:
    """Write scores of the candidates' own playlists, and how many they share with the seeds."""
    count = len(query.rows)
    starts, seeds = _holders_of_seeds(holders, query.rows, query.weights.shape[0])
    lengths, together = np.empty(count, np.float32), np.zeros(count, np.float32)
    for seed in range(count):
        # 0.5 keeps a track of one playlist from being its twin.
        lengths[seed] = np.sqrt(sound[query.rows[seed], PLAYLIST_COUNT] + np.float32(0.5))
    weights = query.weights
    for place in range(len(rows)):
        row = rows[place]
        a = b = c = d = _ZERO
        met = False
        for each in range(holders.starts[row], holders.starts[row + 1]):
            playlist = holders.members[each]
            a += weights[playlist, 0]
            b += weights[playlist, 1]
            c += weights[playlist, 2]
            d += weights[playlist, 3]
            for entry in range(starts[playlist], starts[playlist + 1]):
                together[seeds[entry]] += _ONE
                met = True
        nearest = company = _ZERO
        listed = sound[row, PLAYLIST_COUNT]
        if met:
            for seed in range(count):
                nearest = max(nearest, together[seed] / lengths[seed])
                if together[seed] > 0:
                    company += query.shares[seed]
                together[seed] = _ZERO
        rarity = np.sqrt(listed + _ONE)
        matrix[_SCORES, place] = listed
        matrix[_SCORES + 4, place], matrix[_SCORES + 5, place] = a, b
        matrix[_SCORES + 6, place], matrix[_SCORES + 7, place] = c, d
        matrix[_SCORES + 25, place] = b / rarity
        matrix[_SCORES + 26, place] = a / rarity
        matrix[_COMPANY, place] = nearest / np.sqrt(listed + np.float32(0.5))
        # Seeds that share a playlist with it.
        matrix[_COMPANY + 1, place] = company * np.float32(count)


@inlined
def _tokens(tracks: Any, learned: Any, seeds: Any, query: Any, rows: Any, matrix: Any) -> None:
    """Write scores of the candidates' albums, years and kinds of sound, and album facts."""
    views = np.zeros((1, VIEWS), np.float32)
    part, weights = learned.by_album, query.weights
    starts, members, values = part.starts, part.members, part.values
    for place in range(len(rows)):
        row = rows[place]
        album = np.int64(learned.names[row, ALBUM_TITLE])
        for view in range(VIEWS):
            views[0, view] = _ZERO
        if album < seeds.unknown_album:
            begin, end = starts[album], starts[album + 1]
            sum_of_rows(members, values, begin, end, weights, views, 0)
        for view in range(VIEWS):
            matrix[_SCORES + 12 + view, place] = views[0, view]
        matrix[_AGE + 7, place] = learned.sound[row, RANK_IN_ARTIST]
        matrix[_AGE + 9, place] = learned.albums[album, ALBUM_TRACKS]
        matrix[_AGE + 10, place] = learned.albums[album, ALBUM_TRACKS + 1]
        year = year_place(tracks.audio[row, YEAR])
        ridge = artist = context = _ZERO
        for each in range(learned.clusters.shape[1]):
            cluster, share = learned.clusters[row, each], learned.shares[row, each]
            ridge += share * query.cluster_scores[cluster, 0]
            artist += share * query.cluster_scores[cluster, 2]
            context += share * query.cluster_scores[cluster, 3]
        # Not by shared tracks, see `_words`.
        for column in range(3):
            view = column + (column > 0)
            matrix[_SCORES + 16 + column, place] = query.year_scores[year, view]
        matrix[_SCORES + 19, place] = ridge
        matrix[_SCORES + 20, place] = artist
        matrix[_SCORES + 21, place] = context


@inlined
def _silence(sound: Any, query: Any, rows: Any, matrix: Any) -> None:
    """Make what compares sound missing for candidates without any, or for all if no seed has."""
    has_sound = False
    for each in range(SHAPED):
        has_sound |= query.sound[each] != 0
    for place in range(len(rows)):
        if not (has_sound and sound[rows[place], SOUND_LENGTH] > 0):
            for column in _OF_SOUND:
                matrix[column, place] = _NAN


@compiled(types.void(TRACKS, LEARNED, LEARNED_QUERY, reads(np.int32), written(np.float32, 2)))
def learned_features(
    tracks: Tracks, learned: Learned, query: LearnedQuery, rows: Any, matrix: Any
) -> None:
    """Write the columns that a trained model has after those of audio and catalogue.

    Args:
        tracks: The catalogue.
        learned: The model.
        query: The query.
        rows: int32 (c,), the candidates.
        matrix: float32 (features, c).
    """
    count = len(rows)
    if count == 0:
        return
    order, scratch = np.empty(count, np.int32), np.empty(count, np.int32)
    keys = np.empty(count, np.uint32)
    unknown = (len(learned.artists) - 1, len(learned.albums) - 1)
    seeds = _seeds(learned.names, query.rows, query.shares, unknown[0], unknown[1])
    fetch_records(learned.sound, rows)
    fetch_records(learned.names, rows)
    fetch_records(learned.words.starts, rows)
    fetch_records(learned.word_scale, rows)
    by_sound(tracks, learned, query, rows, matrix, _SOUND, _OFFSETS, _TASTE + 3)
    _names(tracks.artists, learned.names, seeds, query, rows, matrix, _NAMES)
    fetch_lists(learned.words, rows)
    fetch_records(learned.holders.starts, rows)
    _words(learned, query, rows, matrix, _NAMES + 4, _SCORES + 22)
    _age_and_popularity(tracks.audio, query, rows, matrix, _AGE)
    values = np.empty(18, np.float32)
    _write_query(tracks, learned, seeds, query, count, values)
    for column in range(18):
        for place in range(count):
            matrix[_QUERY + column, place] = values[column]
    fetch_lists(learned.holders, rows)
    fetch_records(learned.taste_starts, rows)
    fetch_records(learned.clusters, rows)
    fetch_records(learned.shares, rows)
    _fetch_names(learned, rows)
    _artists(learned, seeds, query, rows, matrix, order, scratch, keys)
    _playlists(learned.holders, learned.sound, query, rows, matrix)
    _tokens(tracks, learned, seeds, query, rows, matrix)
    fetch_taste(learned, rows)
    by_taste(learned, query, rows, matrix, _TASTE)
    _write_places(matrix, _SOUND, _SOUND + 5, order, scratch, keys)
    _write_places(matrix, _POPULARITY, _AGE + 5, order, scratch, keys)
    _write_places(matrix, _SCORES + 4, _SCORES + 29, order, scratch, keys)
    _write_places(matrix, _SCORES + 8, _SCORES + 30, order, scratch, keys)
    _write_places(matrix, _COMPANY + 3, _COMPANY + 6, order, scratch, keys)
    _write_places(matrix, _TASTE, _TASTE + 6, order, scratch, keys)
    # Last: places are among all candidates, with a cosine of 0 for those without sound.
    _silence(learned.sound, query, rows, matrix)
