"""The collaborative model of one catalogue: everything learned from playlists but the booster."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from quintet_engine.arrays import load_array, save_arrays
from quintet_engine.collaborative.content import ContentPool
from quintet_engine.collaborative.space import PlaylistSpace
from quintet_engine.collaborative.taste import Taste
from quintet_engine.collaborative.tokens import Tokens
from quintet_engine.index import FaissIndex
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
    """

    tokens: Tokens
    space: PlaylistSpace
    taste: Taste
    index: VectorIndex
    sounds: VectorIndex
    content: ContentPool

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
    def load(cls, folder: Path, facts: dict[str, Any], popularity: NDArray[np.floating]) -> Self:
        """Map what `save` wrote.

        Args:
            folder: The folder it was written to.
            facts: What `save` returned.
            popularity: (n,), of the catalogue's tracks, 0..100.

        Raises:
            OSError, ValueError: A file is missing, damaged, or does not fit the others.
        """
        taste = Taste(
            load_array(folder / "taste", "places"), load_array(folder / "taste", "regression")
        )
        if "sounds" not in facts:
            raise ValueError("the bundle has no index of sounds; train the model again")
        tokens = Tokens.load(folder / "tokens")
        return cls(
            tokens,
            PlaylistSpace.load(folder / "playlists"),
            taste,
            FaissIndex.load(folder / _INDEX, taste.places, facts),
            FaissIndex.load(folder / _SOUNDS, tokens.sound_units, facts["sounds"]),
            _content(folder / _CONTENT, tokens, popularity),
        )


def _content(folder: Path, tokens: Tokens, popularity: NDArray[np.floating]) -> ContentPool:
    """Load the content pool, or choose it again from the same catalogue."""
    if not folder.is_dir():  # a bundle published before the pool's rows were saved
        return ContentPool.of(tokens, popularity)
    return ContentPool.among(load_array(folder, "rows"), tokens, popularity)
