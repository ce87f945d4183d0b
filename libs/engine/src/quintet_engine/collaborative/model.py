"""The collaborative model of one catalogue: everything learned from playlists but the booster."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from quintet_engine.arrays import load_array, load_matrix, numbers_fit, save_arrays
from quintet_engine.catalogue import Catalogue
from quintet_engine.collaborative.content import ContentPool
from quintet_engine.collaborative.files import (
    LAYOUT,
    PlaylistArrays,
    load_learned,
    save_learned,
    saved_holders,
)
from quintet_engine.collaborative.legacy import load_unpacked, load_unpacked_holders
from quintet_engine.collaborative.packing import (
    learned_arrays,
    listed_arrays,
    pool_arrays,
    tokens_of,
    word_lists,
)
from quintet_engine.collaborative.space import PlaylistSpace
from quintet_engine.collaborative.taste import INPUTS, Taste
from quintet_engine.collaborative.tokens import Tokens
from quintet_engine.computed_rows import ComputedRows, Select
from quintet_engine.index import FaissIndex
from quintet_engine.kernel.layout import Learned, Listed, Pool, Weighted, WordLists, fixed
from quintet_engine.vectors import VectorIndex

FOLDER: Final = "collaborative"
_INDEX: Final = "taste.faiss"
_SOUNDS: Final = "sounds.faiss"
_CONTENT: Final = "content"
_ARRAYS: Final = "arrays"
_PLAYLISTS: Final = "playlists"


@dataclass(frozen=True)
class CollaborativeModel:
    """What a trained model consists of besides its booster.

    Attributes:
        tokens: Names, words, years and sounds of the catalogue's tracks.
        space: The playlists and how similar they are.
        taste: Places of tracks in the taste space.
        index: Over `taste.places`, to search by cosine.
        sounds: Over `tokens.sound_units`, likewise.
        content: The tracks that are searched by year, sound and words.
        catalogue: The catalogue that it was learned for.
        packed: The arrays of a saved model; packed on first use if None.
        playlists: sparse float32 (q, n), all playlists learned from if they are more than those of
            `space`; None if they are the same, and in a loaded model.
    """

    tokens: Tokens
    space: PlaylistSpace
    taste: Taste
    index: VectorIndex
    sounds: VectorIndex
    content: ContentPool
    catalogue: Catalogue
    packed: Learned | None = None
    playlists: sp.csr_matrix | None = None

    @cached_property
    def arrays(self) -> Learned:
        """The model as compiled code reads it."""
        if self.packed is not None:
            return self.packed
        return learned_arrays(self.tokens, self.space, self.taste)

    @cached_property
    def on_playlists(self) -> Listed:
        """The tracks and artists on playlists, likewise."""
        return listed_arrays(self.space, self.arrays)

    @cached_property
    def word_lists(self) -> WordLists:
        """The playlists of each word, likewise."""
        return word_lists(self.arrays.by_word, len(self.space.lengths))

    @cached_property
    def pool(self) -> Pool:
        """The content pool, likewise."""
        return pool_arrays(self.content, self.catalogue.arrays, self.arrays)

    @cached_property
    def artist_tracks(self) -> Weighted:
        """Rows of each first artist and their popularity, the most popular first."""
        popularity = self.catalogue.popularity
        lists = self.tokens.artist_tracks.sorted_by(-popularity).arrays
        values = fixed(popularity[lists.members], np.float32)
        return Weighted(lists.starts, lists.members, values)

    def save(self, folder: Path) -> dict[str, Any]:
        """Write everything into a folder and return the facts to load it with.

        Raises:
            TypeError: An index is not a FAISS index, for example one of Milvus, which has no file.
        """
        indices = (self.index, self.sounds)
        if not all(isinstance(index, FaissIndex) for index in indices):
            raise TypeError("only a FAISS index can be saved; this model searches another store")
        space = self.space
        playlists = PlaylistArrays(
            fixed(space.lengths, np.float32), space.alphas, fixed(space.triangle, np.float32)
        )
        save_learned(folder / _ARRAYS, self.arrays, playlists)
        save_arrays(folder / _CONTENT, {"rows": self.content.rows})
        if self.playlists is not None:
            # Serving does not read it: a new catalogue learns from all playlists again.
            save_arrays(folder / _PLAYLISTS, {"holders": self.playlists.T.tocsr()})
        facts: list[dict[str, Any]] = []
        for index, name in zip(indices, (_INDEX, _SOUNDS), strict=True):
            assert isinstance(index, FaissIndex)
            index.save(folder / name)
            facts.append(index.facts)
        return {**facts[0], "sounds": facts[1], "layout": LAYOUT}

    @classmethod
    def load(cls, folder: Path, facts: dict[str, Any], catalogue: Catalogue) -> Self:
        """Map what `save` wrote.

        Args:
            folder: The folder it was written to.
            facts: What `save` returned.
            catalogue: The catalogue that it was learned for.

        Raises:
            OSError, ValueError: A file is missing, damaged, of another layout, or does not fit the
                others.
        """
        if "sounds" not in facts:
            raise ValueError("the bundle has no index of sounds; train the model again")
        layout = facts.get("layout", 1)
        if layout == 1:
            learned, playlists = load_unpacked(folder, catalogue)
        elif layout == LAYOUT:
            learned, playlists = load_learned(
                folder / _ARRAYS, len(catalogue), len(catalogue.artist_names), INPUTS
            )
        else:
            raise ValueError(
                f"the collaborative model has layout {layout!s:.20}; this program reads 1 and "
                f"{LAYOUT}: train the model again, or install the version that published it"
            )
        tokens = tokens_of(learned, catalogue)
        taste = Taste(learned.taste, learned.taste_starts, learned.regression)
        index = FaissIndex.load(folder / _INDEX, _places_of(taste, len(catalogue)), facts)
        lists = index.lists
        if lists is not None and lists.is_half and not lists.is_residual:
            # The index has the same numbers: one of both is read, and the other stays on disk.
            taste = Taste(lists.pages, lists.starts_of_rows(), learned.regression)
            learned = learned._replace(taste=taste.pages, taste_starts=taste.starts)
        return cls(
            tokens,
            PlaylistSpace.of(learned, *playlists),
            taste,
            replace(index, vectors=_places_of(taste, len(catalogue))),
            FaissIndex.load(folder / _SOUNDS, tokens.sound_units, facts["sounds"]),
            _content(folder / _CONTENT, tokens, catalogue.popularity),
            catalogue,
            learned,
        )


def _places_of(taste: Taste, count: int) -> ComputedRows:
    """Look places in the taste space up when they are read."""

    def compute(rows: Select) -> NDArray[np.float32]:
        if isinstance(rows, slice):
            rows = np.arange(count)[rows]
        found = taste.of(np.atleast_1d(rows))
        return found if np.ndim(rows) else found[0]

    return ComputedRows((count, taste.regression.shape[1]), compute)


def load_holders(bundle: Path) -> sp.csr_matrix:
    """Map which playlist holds which track, of all playlists, sparse float32 (n, p), of a bundle.

    Raises:
        OSError, ValueError: A file is missing or damaged.
    """
    folder = bundle / FOLDER
    if (folder / _PLAYLISTS).is_dir():
        return load_matrix(folder / _PLAYLISTS, "holders")
    if (folder / _ARRAYS).is_dir():
        return saved_holders(folder / _ARRAYS)
    return load_unpacked_holders(folder)


def _content(folder: Path, tokens: Tokens, popularity: NDArray[np.floating]) -> ContentPool:
    """Load the content pool, or choose it again from the same catalogue."""
    if not folder.is_dir():  # a bundle published before the pool's rows were saved
        return ContentPool.of(tokens, popularity)
    rows = load_array(folder, "rows")
    if rows.dtype != np.int64 or rows.ndim != 1 or not numbers_fit(rows, len(popularity)):
        raise ValueError("the collaborative model's content names tracks that do not exist")
    return ContentPool.among(rows, popularity)
