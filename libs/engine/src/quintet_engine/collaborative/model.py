"""The collaborative model of one catalogue: everything learned from playlists but the booster."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from quintet_engine.arrays import load_array, numbers_fit, save_arrays
from quintet_engine.catalogue import Catalogue
from quintet_engine.collaborative.content import ContentPool
from quintet_engine.collaborative.packing import learned_arrays, listed_arrays, pool_arrays
from quintet_engine.collaborative.space import PlaylistSpace
from quintet_engine.collaborative.taste import INPUTS, Taste
from quintet_engine.collaborative.tokens import FACTS, KINDS, SHAPED, Tokens
from quintet_engine.index import FaissIndex
from quintet_engine.kernel.layout import Learned, Listed, Lists, Pool
from quintet_engine.vectors import VectorIndex

FOLDER: Final = "collaborative"
_INDEX: Final = "taste.faiss"
_SOUNDS: Final = "sounds.faiss"
_CONTENT: Final = "content"


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
    """

    tokens: Tokens
    space: PlaylistSpace
    taste: Taste
    index: VectorIndex
    sounds: VectorIndex
    content: ContentPool
    catalogue: Catalogue

    @cached_property
    def arrays(self) -> Learned:
        """The model as compiled code reads it."""
        return learned_arrays(self.tokens, self.space, self.taste)

    @cached_property
    def on_playlists(self) -> Listed:
        """The tracks and artists on playlists, likewise."""
        return listed_arrays(self.space, self.arrays)

    @cached_property
    def pool(self) -> Pool:
        """The content pool, likewise."""
        return pool_arrays(self.content, self.catalogue.arrays, self.arrays)

    @cached_property
    def artist_tracks(self) -> Lists:
        """Rows of each first artist, the most popular first."""
        groups, popularity = self.tokens.artist_tracks, self.catalogue.popularity
        return groups.sorted_by(-popularity).arrays

    # Training reads which playlist holds which track from here: `space.load_holders`.
    PLAYLISTS: ClassVar[str] = f"{FOLDER}/playlists"

    def save(self, folder: Path) -> dict[str, Any]:
        """Write everything into a folder and return the facts to load the indices with.

        Raises:
            TypeError: An index is not a FAISS index, for example one of Milvus, which has no file.
        """
        indices = (self.index, self.sounds)
        if not all(isinstance(index, FaissIndex) for index in indices):
            raise TypeError("only a FAISS index can be saved; this model searches another store")
        self.tokens.save(folder / "tokens")
        self.space.save(folder / "playlists")
        arrays = {"places": self.taste.places, "regression": self.taste.regression}
        save_arrays(folder / "taste", arrays)
        save_arrays(folder / _CONTENT, {"rows": self.content.rows})
        facts: list[dict[str, Any]] = []
        for index, name in zip(indices, (_INDEX, _SOUNDS), strict=True):
            assert isinstance(index, FaissIndex)
            index.save(folder / name)
            facts.append(index.facts)
        return {**facts[0], "sounds": facts[1]}

    @classmethod
    def load(cls, folder: Path, facts: dict[str, Any], catalogue: Catalogue) -> Self:
        """Map what `save` wrote.

        Args:
            folder: The folder it was written to.
            facts: What `save` returned.
            catalogue: The catalogue that it was learned for.

        Raises:
            OSError, ValueError: A file is missing, damaged, or does not fit the others.
        """
        taste = Taste(
            load_array(folder / "taste", "places"), load_array(folder / "taste", "regression")
        )
        if "sounds" not in facts:
            raise ValueError("the bundle has no index of sounds; train the model again")
        tokens = Tokens.load(folder / "tokens")
        space = PlaylistSpace.load(folder / "playlists")
        _check_sizes(tokens, space, taste, len(catalogue))
        return cls(
            tokens,
            space,
            taste,
            FaissIndex.load(folder / _INDEX, taste.places, facts),
            FaissIndex.load(folder / _SOUNDS, tokens.sound_units, facts["sounds"]),
            _content(folder / _CONTENT, tokens, catalogue.popularity),
            catalogue,
        )


def _check_sizes(tokens: Tokens, space: PlaylistSpace, taste: Taste, count: int) -> None:
    """Check that all parts are of the same tracks, playlists and tokens.

    The compiled products use one part's numbers as places in another, without checking them.

    Raises:
        ValueError: A part does not fit the others.
    """
    playlists = len(space.lengths) if space.lengths.ndim == 1 else -1
    artists = len(tokens.artist_sound) if tokens.artist_sound.ndim == 2 else 0
    dimensions = taste.places.shape[-1]
    sizes = {
        "shaped": (tokens.shaped.shape, (count, len(SHAPED) + 2)),
        "sound": (tokens.sound.shape, tokens.sound_units.shape),
        "sound_units": (tokens.sound_units.shape, (count, tokens.sound_units.shape[-1])),
        "artist": (tokens.artist.shape, (count,)),
        "album": (tokens.album.shape, (count,)),
        "facts": (tokens.facts.shape, (count, len(FACTS))),
        "words": (tokens.words.shape, (count, tokens.words.shape[1])),
        "places": (taste.places.shape, (count, dimensions)),
        "regression": (taste.regression.shape, (INPUTS, dimensions)),
        "holders": (space.holders.shape, (count, playlists)),
        "counts": (space.counts.shape, (count,)),
        "inverse": (space.inverse.shape, (playlists, playlists)),
        "artist_entries": (space.artist_entries.shape, space.artist_playlists.shape),
    }
    for kind in KINDS:
        matrix = tokens.kinds[kind]
        sizes[f"kind.{kind}"] = (matrix.shape, (count, matrix.shape[1]))
        sizes[f"rows.{kind}"] = (space.rows[kind].shape, (matrix.shape[1], playlists))
    for name, (found, wanted) in sizes.items():
        if found != wanted:
            raise ValueError(f"the collaborative model's {name} is {found} instead of {wanted}")
    # Numbers beyond the last artist or album stand for an unknown one.
    if not (
        tokens.artist.dtype.kind == tokens.album.dtype.kind == "i"
        and numbers_fit(tokens.artist, artists)
        and numbers_fit(tokens.album, tokens.unknown_album + 1)
    ):
        raise ValueError("the collaborative model names artists or albums that do not exist")


def _content(folder: Path, tokens: Tokens, popularity: NDArray[np.floating]) -> ContentPool:
    """Load the content pool, or choose it again from the same catalogue."""
    if not folder.is_dir():  # a bundle published before the pool's rows were saved
        return ContentPool.of(tokens, popularity)
    rows = load_array(folder, "rows")
    if rows.dtype != np.int64 or rows.ndim != 1 or not numbers_fit(rows, len(popularity)):
        raise ValueError("the collaborative model's content names tracks that do not exist")
    return ContentPool.among(rows, tokens, popularity)
