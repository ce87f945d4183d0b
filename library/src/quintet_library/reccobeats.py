"""Audio features from ReccoBeats, for tracks with a Spotify id or an ISRC (reccobeats.com/docs).

Off until it is added as a source, because the ids of the listener's music leave the machine.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from quintet_contract.attributes import AUDIO_FEATURES
from quintet_text.track_ids import ISRC, SPOTIFY, TrackIdentifier, id_of, normal_id

from quintet_library.http import ServerClient
from quintet_library.records import SourceFailed
from quintet_library.values import in_range, text_of

ADDRESS: Final = "https://api.reccobeats.com/v1"
BATCH: Final = 40
"""Ids of one request: the most that ReccoBeats allows."""
LEAST_GAP: Final = 0.5
"""Seconds between two requests. The service states no rate, only that it answers 429 above it."""
_NAMES: Final = tuple(name for name in AUDIO_FEATURES if name not in ("duration_ms",))


@dataclass(frozen=True)
class ReccoBeats:
    """Asks for audio features by id.

    Attributes:
        client: Of `ADDRESS`, or of a stand-in.
    """

    client: ServerClient

    def features(
        self, ids: Sequence[TrackIdentifier]
    ) -> dict[TrackIdentifier, dict[str, float | None]]:
        """Ask for the features of at most `BATCH` ids; unknown ones are left out.

        Raises:
            SourceFailed: The service cannot be reached, or answers otherwise than documented.
        """
        if not ids:
            return {}
        answer = self.client.get("audio-features", {"ids": ",".join(id.value for id in ids)})
        content = answer.get("content")
        if not isinstance(content, list):
            raise SourceFailed(
                f"{self.client.name} at {self.client.host} did not answer with features"
            )
        asked = set(ids)
        return {
            named: features
            for each in content
            if isinstance(each, dict) and (features := _features(each))
            for named in _ids(each)
            if named in asked
        }


def _ids(answer: Mapping[str, Any]) -> Iterator[TrackIdentifier]:
    """Name the track of an answer: by the Spotify address in `href`, and by `isrc`."""
    if value := normal_id(SPOTIFY, id_of("track", text_of(answer.get("href")))):
        yield TrackIdentifier(SPOTIFY, value)
    if value := normal_id(ISRC, text_of(answer.get("isrc"))):
        yield TrackIdentifier(ISRC, value)


def _features(answer: Mapping[str, Any]) -> dict[str, float | None]:
    values = {name: in_range(name, answer.get(name)) for name in _NAMES}
    return {name: value for name, value in values.items() if value is not None}
