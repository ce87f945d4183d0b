"""Ask ReccoBeats for the features of tracks that have none of it, batch by batch."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from quintet_store import reading, writing
from quintet_store.features import delete_features, put_features
from quintet_store.source_sync import (
    count_without_features,
    forget_unknown,
    ids_without_features,
)
from quintet_store.sources import Source, begin_sync
from quintet_text.track_ids import TrackIdentifier
from quintet_training.settings import TrainingSettings
from sqlalchemy import Connection, Engine

from quintet_library.opening import open_reccobeats
from quintet_library.reccobeats import BATCH, ReccoBeats

PROVENANCE: Final = "reccobeats"
Features = Mapping[str, float | None]


def sync_features(
    settings: TrainingSettings,
    engine: Engine,
    source: Source,
    on_progress: Callable[[float, str], None],
    *,
    all_again: bool = False,
) -> int:
    """Ask for all tracks that were not asked for yet, and count those that got features.

    Each batch is a transaction. A track that ReccoBeats does not know is noted as asked for, so
    that a sync that was killed goes on where it was, and the next one asks for new tracks alone.

    Args:
        settings: Limits of reading.
        engine: The database.
        source: The source of kind reccobeats.
        on_progress: Receives the share done and what is being done.
        all_again: Ask again for tracks that were not known.

    Raises:
        SourceFailed: The service cannot be reached; batches until then are stored.
        SourceInvalid: The source was removed meanwhile.
        StoreUnavailable: The database failed.
    """
    if all_again:
        with writing(engine) as connection:
            forget_unknown(connection, PROVENANCE)
    with reading(engine) as connection:
        total = count_without_features(connection, PROVENANCE)
    done = got = 0
    with open_reccobeats(settings, source) as service:
        while True:
            with reading(engine) as connection:
                page = ids_without_features(connection, PROVENANCE, limit=BATCH)
            if not page:
                return got
            found = _ask(service, page)
            with writing(engine) as connection:
                # Fails if the source was removed meanwhile.
                begin_sync(connection, source.spec.name)
                put_features(connection, PROVENANCE, [(t, found.get(t, {})) for t in page])
            done, got = done + len(page), got + len(found)
            on_progress(min(0.95, done / total) if total else 0.95, f"{done:,} tracks asked for")


def forget_features(connection: Connection) -> None:
    """Delete what ReccoBeats said, as its source is removed."""
    delete_features(connection, PROVENANCE)


def _ask(service: ReccoBeats, page: Mapping[str, Sequence[TrackIdentifier]]) -> dict[str, Features]:
    """Ask for the first id of each track, then for the other ids of those without an answer."""
    found: dict[str, Features] = {}
    for place in range(max(map(len, page.values()))):
        asked: dict[TrackIdentifier, list[str]] = {}
        for track_id, ids in page.items():
            if track_id not in found and place < len(ids):
                asked.setdefault(ids[place], []).append(track_id)
        answers: Mapping[TrackIdentifier, Any] = service.features(list(asked)) if asked else {}
        for identifier, features in answers.items():
            found |= dict.fromkeys(asked[identifier], features)
    return found
