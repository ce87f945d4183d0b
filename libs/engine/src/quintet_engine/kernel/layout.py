"""The arrays that compiled code reads and writes: what each number means.

Catalogue and model give them once (`Catalogue.arrays`, `CollaborativeModel.arrays`), a query gives
its own once (`Context.arrays`), and every kernel takes these tuples. Arrays are C-contiguous and
read-only, so that a mapped file and a computed array have one type, and a kernel is compiled once.

Letters in shapes: n tracks, a artists, b album titles, w words, p playlists, d coordinates of the
taste space; s seeds of the query, m seed rows, c candidates.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Numbers = NDArray[np.int32]
Bits = NDArray[np.uint8]
"""A set of rows as a bitmap: row r is bit r % 8 of byte r // 8, as FAISS's `IDSelectorBitmap`."""

# Columns of `Tracks.audio` after the encoded attributes, which are the columns 0 to 13.
YEAR: Final = 14
POPULARITY: Final = 15
# Columns of `Tracks.rhythm`.
WHEEL: Final = 0
OCTAVE: Final = 1
# Columns of `Tracks.numbers`.
FIRST_ARTIST: Final = 0
ALBUM: Final = 1
RECORDING: Final = 2
SONG: Final = 3

# Columns of `Learned.sound` after the 13 of `Tokens.shaped`.
SOUND_LENGTH: Final = 13
RANK_IN_ARTIST: Final = 14
PLAYLIST_COUNT: Final = 15
# Columns of `Learned.names`.
NAMED_ARTIST: Final = 0
ALBUM_TITLE: Final = 1
# Columns of `Learned.artists` after the 13 of `Tokens.artist_sound`.
ARTIST_ENTRIES: Final = 13
ARTIST_PLAYLISTS: Final = 14
ARTIST_SQUARES: Final = 15
ARTIST_TRACKS: Final = 16
ARTIST_POPULARITY: Final = 17
# Columns of `Learned.albums`.
ALBUM_TRACKS: Final = 0
ALBUM_ARTISTS: Final = 1

SHAPED: Final = 13
"""Coordinates of `Tokens.shaped`: eleven attributes, then two of the key."""
VIEWS: Final = 4
"""Columns of playlists' weights: ridge, track, artist, context, as `affinity.VIEWS`."""
# Rows of `LearnedQuery.kernels`: the track itself, then `tokens.KINDS`.
BY_TRACK, BY_ARTIST, BY_ALBUM, BY_WORD, BY_YEAR, BY_AUDIO = range(6)


class Lists(NamedTuple):
    """Several lists of numbers, one after another.

    Attributes:
        starts: int32 (lists + 1,); list i is `members[starts[i]:starts[i + 1]]`.
        members: int32; or uint16, where `narrow` says so, for lists that each query reads whole.
    """

    starts: Numbers
    members: NDArray[Any]


class Weighted(NamedTuple):
    """Lists whose members have a weight each: a sparse matrix in compressed rows.

    Attributes:
        starts: int32 (lists + 1,).
        members: int32, ascending in each list.
        values: float32, one per member.
    """

    starts: Numbers
    members: Numbers
    values: Floats


class WordLists(NamedTuple):
    """The playlists of each word, the values of `Learned.by_word` in a third of the memory.

    A playlist's values are the roots of counts times one factor. Most counts are 1, so four in five
    values are the least one of their playlist. Of these, the playlist's number alone is stored.

    Attributes:
        least: float32 (p,), the least value of each playlist.
        plain: The playlists of which a word has the least value, in 16 bits if that is enough.
        rest: The other playlists of each word, with their values.
    """

    least: Floats
    plain: Lists
    rest: Weighted


class Tracks(NamedTuple):
    """What every model reads of a catalogue of n tracks.

    Attributes:
        audio: float32 (n, 16), one cache line each: 14 encoded attributes, year (NaN if unknown),
            popularity 0..100 (NaN if unknown). A missing attribute is 0, see `missing`.
        lengths: float32 (n,), the length of the encoded attributes: they divided by it are the
            unit vector; 1 for a zero vector, as `normalise_rows` divides.
        rhythm: float32 (n, 2): place on the circle of fifths 0..12, log2 of the tempo; NaN where
            unknown.
        explicit: uint8 (n,), 1 or 0.
        numbers: int32 (n, 4): first artist, album, recording, song; -1 for none.
        artists: Artist numbers of each track, in the order of its credits.
        genres: Genre numbers of each track.
        missing: uint16 (n,), the attributes that features must not compare, as bits: see
            `Catalogue.missing`. Features about them are NaN, and so are cosines where `lengths`
            stands for a zero vector: every bit of `MEASURED` is set.
    """

    audio: Floats
    lengths: Floats
    rhythm: Floats
    explicit: Bits
    numbers: Numbers
    artists: Lists
    genres: Lists
    missing: NDArray[np.uint16]


class Learned(NamedTuple):
    """What a trained model reads besides: tokens, playlists, taste.

    Attributes:
        sound: float32 (n, 16), one cache line each: 13 of `Tokens.shaped`, the length of
            `Tokens.sound`, rank among its artist's tracks by popularity, playlists that hold it.
        names: int32 (n, 2): first artist (a if unknown), album title (b if unknown).
        clusters: int16 (n, 3), kinds of sound.
        shares: float32 (n, 3), the share of each; 0 where there are fewer than three kinds.
        words: Word numbers of each track. Words are numbered by the length of their lists in
            `by_word`, for the reason that `Listed` gives.
        word_scale: float32 (n,), one over the length of the track's tf-idf row.
        rarity: float32 (w,), the words' inverse document frequency: a tf-idf value is
            `rarity[word] * word_scale[track]`.
        holders: The playlists that hold each track.
        artists: float32 (a + 1, 18): 13 of `Tokens.artist_sound`, entries on playlists, playlists,
            squared length of the row of `by_artist`, tracks, greatest popularity. The last row
            stands for no artist.
        albums: float32 (b + 1, 2): tracks, artists. The last row stands for no title.
        by_artist: For each artist the playlists' square-rooted, scaled counts (X transposed).
        by_album: Likewise for each album title.
        by_word: For each word.
        by_year: For each year token, from `FIRST_YEAR` on.
        by_cluster: For each kind of sound.
        taste: uint8, a file or an array with a place in the taste space for each track: d float16,
            of unit length. The lists of an index have them already, so they are not held twice.
        taste_starts: int64 (n,), at which byte of `taste` each track's place starts.
        whitening: float32 (14, 13): `Tokens.sound` is `shaped @ whitening[:13] + whitening[13]`.
        regression: float32 (inputs, d), predicts a place in the taste space, see `Taste`.
        triangle: float32 (min(inputs, d), inputs), for its length, see `Taste.audible_cosines`.
    """

    sound: Floats
    names: Numbers
    clusters: NDArray[np.int16]
    shares: Floats
    words: Lists
    word_scale: Floats
    rarity: Floats
    holders: Lists
    artists: Floats
    albums: Floats
    by_artist: Weighted
    by_album: Weighted
    by_word: Weighted
    by_year: Weighted
    by_cluster: Weighted
    taste: Bits
    taste_starts: NDArray[np.int64]
    whitening: Floats
    regression: Floats
    triangle: Floats


class Listed(NamedTuple):
    """The k tracks on playlists and the artists of tracks on playlists, for loops over all of them.

    They are ordered by the length of their lists: a loop that always ends after the same number of
    rounds is several times as fast, since the processor predicts its end.

    Attributes:
        rows: int32 (k,).
        holders: The playlists that hold each of them.
        artists: int32, artist numbers, by the length of their lists in `Learned.by_artist`.
        by_artist: Those lists.
        popularity: float32, the artists' greatest popularity.
    """

    rows: Numbers
    holders: Lists
    artists: Numbers
    by_artist: Weighted
    popularity: Floats


class Pool(NamedTuple):
    """The k tracks that are searched by year, sound and words, ordered by their number of words.

    Attributes:
        rows: int32 (k,).
        popularity: float32 (k,), standard scores.
        years: int16 (k,), rows of `LearnedQuery.year_scores`.
        clusters: int16 (k, 3), kinds of sound.
        shares: float32 (k, 3), the share of each.
        words: Word numbers of each track of the pool, in 16 bits if that is enough.
        word_scale: float32 (k,), as `Learned.word_scale`.
    """

    rows: Numbers
    popularity: Floats
    years: NDArray[np.int16]
    clusters: NDArray[np.int16]
    shares: Floats
    words: Lists
    word_scale: Floats


FIRST_YEAR: Final = 1949
YEARS: Final = 84
"""Year tokens: 1949, which older tracks share, to 2032."""
NO_YEAR: Final = YEARS + 3
"""The place of an unknown year, and of one that reaches no token, in `year_scores`."""
REACH: Final = ((0, 1.0), (-1, 0.7), (1, 0.7), (-2, 0.4), (2, 0.4), (-3, 0.2), (3, 0.2))
"""A track's year tokens: offset from its own year, and value. Charts and playlists do not end on
New Year."""


class Shares(NamedTuple):
    """The seeds' shares by artist, album or genre, for the few numbers that any seed has.

    Attributes:
        numbers: int32 (k,), ascending, distinct.
        weights: float32 (k,), the sum of the shares of the seeds that have it.
    """

    numbers: Numbers
    weights: Floats


class AudioQuery(NamedTuple):
    """A prepared query as every model reads it.

    Attributes:
        vector: float32 (14,), unit, to search by.
        mean: float32 (14,), the profile's encoded mean; NaN for a linear attribute that no seed has
            and that is no target.
        spread: float32 (14,), its spread.
        weights: float32 (14,), the weight of each encoded coordinate.
        has_weights: Whether any of them is not 1.
        shares: float32 (s,), the seeds' weights, summing to one.
        seed_vectors: float32 (s, 14), unit, attribute weights applied.
        negative_vectors: float32 (k, 14), likewise, of the negative seeds.
        seed_rhythm: float32 (s, 2), as `Tracks.rhythm`, of each seed's mean.
        seed_years: float32 (s,), the mean of the known years of each seed; NaN without any.
        explicit: The seeds' share of explicit tracks.
        popularity: Their mean popularity.
        artists: The seeds' shares by artist.
        albums: By album.
        genres: By genre.
        allowed: Bitmap of the rows that may be returned.
        allowed_count: How many they are.
    """

    vector: Floats
    mean: Floats
    spread: Floats
    weights: Floats
    has_weights: bool
    shares: Floats
    seed_vectors: Floats
    negative_vectors: Floats
    seed_rhythm: Floats
    seed_years: Floats
    explicit: float
    popularity: float
    artists: Shares
    albums: Shares
    genres: Shares
    allowed: Bits
    allowed_count: int


class LearnedQuery(NamedTuple):
    """A prepared query compared with what was learned.

    Attributes:
        rows: int32 (m,), the rows that the seeds stand for.
        shares: float32 (m,), their weights, summing to one.
        kernels: float32 (6, p), the seeds' cosine to every playlist, by `BY_TRACK` … `BY_AUDIO`.
        weights: float32 (p, 4), the playlists' weights in each view.
        sound: float32 (13,), the unit mean of the seeds' `Tokens.sound`.
        taste: float32 (d,), the seeds' mean place; shorter the more they differ.
        direction: float32 (d,), the same, unit.
        year_scores: float32 (NO_YEAR + 1, 4), the score of a track of each year in each view, the
            sum over `REACH` of the year tokens' scores, by `numeric.year_place`; the last row is 0.
        cluster_scores: float32 (kinds of sound, 4).
        word_scores: float32 (w, 4), each word's score times its rarity.
    """

    rows: Numbers
    shares: Floats
    kernels: Floats
    weights: Floats
    sound: Floats
    taste: Floats
    direction: Floats
    year_scores: Floats
    cluster_scores: Floats
    word_scores: Floats


class Found(NamedTuple):
    """The candidates: what retrieval gives to features.

    Attributes:
        rows: int32 (c,), ascending, distinct.
        closeness: float32 (channels, c), 1 / (1 + place in the channel); 0 where not found.
    """

    rows: Numbers
    closeness: Floats


def fixed(values: Any, dtype: Any) -> NDArray[Any]:
    """Make the read-only, C-contiguous view of an array; copied only if it has another type."""
    array = np.ascontiguousarray(values, dtype=dtype)
    if array.flags.writeable:
        array = array.view()  # its owner may still write to it
        array.flags.writeable = False
    return array


def narrow(count: int) -> Any:
    """Choose the type of numbers below a count: uint16 if that is enough, or int32."""
    return np.uint16 if count <= np.iinfo(np.uint16).max + 1 else np.int32


class Trees(NamedTuple):
    """The trees of a booster; m different tests, t trees, k nodes, l leaves.

    A tree's nodes come in preorder: after a node its whole left subtree, then its right one. So
    leaves come from left to right, and a node's left child is the next node.

    Attributes:
        feature: int32 (m,), ascending: which column a test reads.
        threshold: float32 (m,), rounded down, so that a float32 passes exactly if LightGBM passes
            it. A greater value goes right.
        unknown_right: uint8 (m,), 1 if a missing value goes right.
        starts: int32 (t + 1,), where a tree's nodes start.
        test: int32 (k,), a node's test; -1 for a leaf.
        right: int32 (k,), the right child's place among all nodes; -1 for a leaf.
        share: float32 (k,), the share of its parent's training rows that reach a node.
        prior: int32 (k,), the nearest node above whose parent tests the same feature as this one's
            parent; -1 without any.
        product: float32 (k,), the product of `share` over a node and all such nodes above it.
        leaf_starts: int32 (t + 1,), where a tree's leaves start.
        value: float64 (l,), the leaves' values.
        points: int32 (t,), the points of quadrature that are exact for a tree: half as many as
            its longest path has different features, rounded up.
    """

    feature: Numbers
    threshold: Floats
    unknown_right: NDArray[np.uint8]
    starts: Numbers
    test: Numbers
    right: Numbers
    share: Floats
    prior: Numbers
    product: Floats
    leaf_starts: Numbers
    value: NDArray[np.float64]
    points: Numbers


class Tables(NamedTuple):
    """What explaining reads besides the trees; computed from them (`kernel.trees.tabulate`).

    Attributes:
        parent: int32 (k,), each node's parent, counted within the tree; -1 for a root.
        starts: int32 (t + 1,), where a tree's entries start: one per node and point.
        factor: float32 (entries, 2), the new factor of a feature over the one before at a node, for
            rows that pass its test, and for those that begin to fail.
        gain: float32 (entries, 2), the change of (passes - s) / factor, likewise.
    """

    parent: Numbers
    starts: Numbers
    factor: Floats
    gain: Floats
