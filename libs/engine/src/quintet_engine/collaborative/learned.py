"""All that playlists taught about one catalogue, as one thing to save, load and ask."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from quintet_engine.collaborative.arrays import load_array, save_arrays
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
class Learned:
    """What a trained model knows besides its booster.

    Attributes:
        tokens: Of the catalogue.
        space: The playlists.
        taste: Places of tracks.
        index: Over `taste.places`, to search by cosine.
        sounds: Over `tokens.sound_units`, likewise.
        content: The tracks to look among by year, sound and words.
    """

    tokens: Tokens
    space: PlaylistSpace
    taste: Taste
    index: VectorIndex
    sounds: VectorIndex
    content: ContentPool

    PLAYLISTS: ClassVar[str] = f"{FOLDER}/playlists"

    def save(self, folder: Path) -> dict[str, Any]:
        """Writes everything into a folder and returns the facts to load the index with.

        Raises:
            TypeError: Its index is not one of this machine.
        """
        indices = (self.index, self.sounds)
        if not all(isinstance(index, FaissIndex) for index in indices):
            raise TypeError("only an index of this machine can be saved")
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
        """Maps what `save` wrote.

        Args:
            folder: Where.
            facts: What `save` returned.
            popularity: (n,), of the catalogue's tracks.

        Raises:
            OSError, ValueError: A file is missing, damaged, or does not fit the others.
        """
        taste = Taste(
            load_array(folder / "taste", "places"), load_array(folder / "taste", "regression")
        )
        if "sounds" not in facts:
            raise ValueError("it holds no index of sounds; train again")
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
    if not folder.is_dir():  # published before the rows were kept
        return ContentPool.of(tokens, popularity)
    return ContentPool.among(load_array(folder, "rows"), tokens, popularity)
