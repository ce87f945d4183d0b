"""Facts of the product that need no transport."""

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
