"""All that playlists taught about one catalogue, as one thing to save, load and ask."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from quintet_engine.collaborative.arrays import load_array, save_arrays
from quintet_engine.collaborative.space import PlaylistSpace
from quintet_engine.collaborative.taste import Taste
from quintet_engine.collaborative.tokens import Tokens
from quintet_engine.index import FaissIndex
from quintet_engine.vectors import VectorIndex

FOLDER: Final = "collaborative"
_INDEX: Final = "taste.faiss"


@dataclass(frozen=True)
class Learned:
    """What a trained model knows besides its booster.

    Attributes:
        tokens: Of the catalogue.
        space: The playlists.
        taste: Places of tracks.
        index: Over `taste.places`, to search by cosine.
    """

    tokens: Tokens
    space: PlaylistSpace
    taste: Taste
    index: VectorIndex

    PLAYLISTS: ClassVar[str] = f"{FOLDER}/playlists"

    def save(self, folder: Path) -> dict[str, Any]:
        """Writes everything into a folder and returns the facts to load the index with.

        Raises:
            TypeError: Its index is not one of this machine.
        """
        if not isinstance(self.index, FaissIndex):
            raise TypeError("only an index of this machine can be saved")
        self.tokens.save(folder / "tokens")
        self.space.save(folder / "playlists")
        arrays = {"places": self.taste.places, "audible": self.taste.audible}
        save_arrays(folder / "taste", arrays)
        self.index.save(folder / _INDEX)
        return {"nprobe": self.index.nprobe, "recall": self.index.recall}

    @classmethod
    def load(cls, folder: Path, facts: dict[str, Any]) -> Self:
        """Maps what `save` wrote.

        Raises:
            OSError, ValueError: A file is missing, damaged, or does not fit the others.
        """
        taste = Taste(
            load_array(folder / "taste", "places"), load_array(folder / "taste", "audible")
        )
        index = FaissIndex.load(
            folder / _INDEX,
            taste.places,
            nprobe=int(facts["nprobe"]),
            recall=float(facts["recall"]),
        )
        return cls(
            Tokens.load(folder / "tokens"), PlaylistSpace.load(folder / "playlists"), taste, index
        )
