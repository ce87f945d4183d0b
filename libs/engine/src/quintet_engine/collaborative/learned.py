"""All that playlists taught about one catalogue, as one thing to save, load and ask."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from quintet_modelkit.features import Encoded

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
_POOL: Final = "content"


@dataclass(frozen=True)
class Learned:
    """What a trained model knows besides its booster.

    Attributes:
        tokens: Of the catalogue.
        space: The playlists.
        taste: Places of tracks.
        index: Over `taste.places`, to search by cosine.
        sounds: Over `tokens.sound_units`, likewise.
    """

    tokens: Tokens
    space: PlaylistSpace
    taste: Taste
    index: VectorIndex
    sounds: VectorIndex
    _pools: dict[str, ContentPool] = field(default_factory=dict, compare=False, repr=False)

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
        arrays = {"places": self.taste.places, "audible": self.taste.audible}
        save_arrays(folder / "taste", arrays)
        facts: list[dict[str, Any]] = []
        for index, name in zip(indices, (_INDEX, _SOUNDS), strict=True):
            assert isinstance(index, FaissIndex)
            index.save(folder / name)
            facts.append({"nprobe": index.nprobe, "recall": index.recall})
        return {**facts[0], "sounds": facts[1]}

    @classmethod
    def load(cls, folder: Path, facts: dict[str, Any]) -> Self:
        """Maps what `save` wrote.

        Raises:
            OSError, ValueError: A file is missing, damaged, or does not fit the others.
        """
        taste = Taste(
            load_array(folder / "taste", "places"), load_array(folder / "taste", "audible")
        )
        if "sounds" not in facts:
            raise ValueError("it holds no index of sounds; train again")
        tokens = Tokens.load(folder / "tokens")
        return cls(
            tokens,
            PlaylistSpace.load(folder / "playlists"),
            taste,
            _index(folder / _INDEX, taste.places, facts),
            _index(folder / _SOUNDS, tokens.sound_units, facts["sounds"]),
        )

    def content_pool(self, popularity: NDArray[np.floating]) -> ContentPool:
        """Returns the tracks to look among by content; made once, asked for by every query."""
        pool = self._pools.get(_POOL)
        if pool is None:
            pool = self._pools[_POOL] = ContentPool.of(self.tokens, popularity)
        return pool


def _index(path: Path, vectors: Encoded, facts: Mapping[str, Any]) -> FaissIndex:
    nprobe, recall = int(facts["nprobe"]), float(facts["recall"])
    return FaissIndex.load(path, vectors, nprobe=nprobe, recall=recall)
