"""Facts of the product that need no transport."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class CatalogueMap:
    """Every track as a point of a plane.

    Attributes:
        version: The version of the catalogue and model that it was projected from.
        content: An Arrow IPC file.
    """

    version: str
    content: bytes


@dataclass(frozen=True)
class ShownTracks:
    """Tracks as answers show them, all of one version of the catalogue.

    Attributes:
        version: That version; empty if search has never answered.
        json: Id → the track as a JSON object; ids that the catalogue lacks are left out.
        complete: False if search could not be asked for some of the tracks.
    """

    version: str
    json: Mapping[str, bytes]
    complete: bool = True
