"""Read and write the messages that several services share: seeds and attributes."""

from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet_contract.attributes import ATTRIBUTES
from quintet_contract.options import SongVersion
from quintet_contract.seeds import Seed, SeedKind
from quintet_text.track_ids import id_of

from quintet_servicekit.errors import InvalidInput, Reason

T = TypeVar("T")

# The enum numbers the attributes from 1 in the order of the contract; 0 is UNSPECIFIED.
NAME_OF: Final[Mapping[int, str]] = dict(enumerate(ATTRIBUTES, start=1))
"""Attribute names by number of the proto enum; a newer service may send a number not in it."""
NUMBER_OF: Final = {
    name: profile_pb2.Attribute.ValueType(number) for number, name in NAME_OF.items()
}
"""Numbers of the proto enum by attribute name."""
VERSION_NUMBERS: Final = {
    version: ranker_pb2.SongVersion.Value(f"SONG_VERSION_{version.name}") for version in SongVersion
}
"""Numbers of the proto enum by version of a song."""
_KINDS: Final = {
    "track_id": SeedKind.TRACK,
    "artist_id": SeedKind.ARTIST,
    "genre": SeedKind.GENRE,
}


def seed_of(message: profile_pb2.Seed) -> Seed:
    """Read a seed, unchecked: `quintet_contract.seeds.check_seeds` rejects an empty name.

    A seed without a kind becomes a track with an empty name, a seed without a weight weighs 1. A
    URI or web address of a track or an artist counts as its id.
    """
    chosen = message.WhichOneof("kind")
    kind = _KINDS[chosen] if chosen else SeedKind.TRACK
    name = str(getattr(message, chosen)) if chosen else ""
    if kind is not SeedKind.GENRE:
        name = id_of(kind.value, name)
    return Seed(kind, name, message.weight if message.HasField("weight") else 1.0)


def seed_message(seed: Seed) -> profile_pb2.Seed:
    """Write a seed; the inverse of `seed_of`."""
    message = profile_pb2.Seed(weight=seed.weight)
    match seed.kind:
        case SeedKind.TRACK:
            message.track_id = seed.name
        case SeedKind.ARTIST:
            message.artist_id = seed.name
        case SeedKind.GENRE:
            message.genre = seed.name
    return message


def by_attribute(field: str, reason: Reason, items: Iterable[tuple[int, T]]) -> dict[str, T]:
    """Read a repeated field of (attribute number, value) as a mapping by attribute name.

    Args:
        field: Name of the repeated field, for the error.
        reason: Reason of the error.
        items: Number of the proto enum and its value, in the order of the field.

    Raises:
        InvalidInput: A number is not one of the fourteen attributes, or occurs twice.
    """
    values: dict[str, T] = {}
    for index, (number, value) in enumerate(items):
        name = NAME_OF.get(number)
        if name is None:
            raise InvalidInput(
                reason,
                f"{field}[{index}].attribute must be one of the fourteen; got {number}",
                field=f"{field}[{index}].attribute",
            )
        if name in values:
            raise InvalidInput(reason, f"{field} names {name} twice", field=f"{field}.{name}")
        values[name] = value
    return values
