"""Names what facts refer to: the seeds, and popular tracks that stand for an artist or a genre."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from quintet_explain import Reference, ReferenceKind
from quintet_explain.facts import NO_SEED

from quintet_engine.catalogue import Catalogue, Rows
from quintet_engine.context import Context
from quintet_engine.query import SeedKind

_KINDS: Final = {
    SeedKind.TRACK: ReferenceKind.TRACK,
    SeedKind.ARTIST: ReferenceKind.ARTIST,
    SeedKind.GENRE: ReferenceKind.GENRE,
}
_GROUPS: Final = (ReferenceKind.ARTIST, ReferenceKind.GENRE)


def references_of(
    context: Context, owners: NDArray[np.int32], listened: Rows, used: Sequence[int]
) -> dict[int, Reference]:
    """Name all seeds, and what else facts refer to.

    Args:
        context: The prepared query with s seeds.
        owners: int32 (m,), the seed that each seed row stands for.
        listened: int64, the tracks of the listener's memory that facts refer to.
        used: References of facts: below s a seed, then seed rows, then tracks of the memory.

    Returns:
        By those numbers.
    """
    catalogue, seeds = context.catalogue, context.seeds
    kinds = {place: _KINDS[view.seed.kind] for place, view in enumerate(seeds)}
    rows = {
        place: int(view.rows[0])
        for place, view in enumerate(seeds)
        if view.seed.kind is not SeedKind.GENRE
    }
    owner_of = {place: place for place in kinds}
    for number in used:
        member = number - len(seeds)
        if member >= len(owners):
            kinds[number], owner_of[number] = ReferenceKind.LISTENED, NO_SEED
            rows[number] = int(listened[member - len(owners)])
        elif member >= 0 and context.affinity is not None:
            kinds[number], owner_of[number] = ReferenceKind.MEMBER, int(owners[member])
            rows[number] = int(context.affinity.seeds[member])
    tracks = [number for number, kind in kinds.items() if kind not in _GROUPS]
    references = dict(zip(tracks, _tracks(catalogue, tracks, kinds, rows, owner_of), strict=True))
    for place, view in enumerate(seeds):
        if kinds[place] is ReferenceKind.ARTIST:
            title = catalogue.artist_title(rows[place], int(view.artists[0]))
            references[place] = Reference(place, kinds[place], view.seed.name, title)
        elif kinds[place] is ReferenceKind.GENRE:
            references[place] = Reference(place, kinds[place], view.seed.name, view.seed.name)
    return references


def _tracks(
    catalogue: Catalogue,
    numbers: Sequence[int],
    kinds: dict[int, ReferenceKind],
    row_of: dict[int, int],
    owner_of: dict[int, int],
) -> list[Reference]:
    """Name tracks, all at once: a look-up costs as much for one row as for many."""
    rows: Rows = np.array([row_of[number] for number in numbers], np.int64)
    columns = (catalogue.track_ids(rows), catalogue.titles(rows), catalogue.first_artists(rows))
    return [
        Reference(owner_of[number], kinds[number], *texts)
        for number, *texts in zip(numbers, *columns, strict=True)
    ]
