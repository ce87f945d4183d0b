"""Add a source: complete what the person typed, and check that it can be read."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Final

from quintet_access.pseudonyms import Pseudonyms
from quintet_contract.patterns import LISTENER_PATTERN, LISTENER_RULE, fits
from quintet_store import open_engine, reading, writing
from quintet_store import sources as store
from quintet_store.sources import SERVER_KINDS, SourceSpec
from quintet_training.settings import TrainingSettings

from quintet_library.opening import check_source, server_address
from quintet_library.records import SourceFailed

# Options by the kinds of sources that have them.
_OPTIONS: Final = {
    "user": SERVER_KINDS,
    "send_password": ("subsonic",),
    "music": ("beets",),
    "listener": (*SERVER_KINDS, "beets"),
}


def add_source(settings: TrainingSettings, spec: SourceSpec) -> SourceSpec:
    """Check a source and add it; an empty name is made from its kind or folder.

    Raises:
        SourceFailed: It cannot be read, or an option does not fit its kind.
        SourceInvalid: The name is taken, or a field is not allowed.
        StoreUnavailable: The database cannot be used.
    """
    spec = _completed(spec)
    engine = open_engine(settings.database_url)
    try:
        if not spec.name:
            with reading(engine) as connection:
                taken = {each.spec.name for each in store.list_sources(connection)}
            spec = replace(spec, name=_free_name(spec, taken))
        # Before the transaction: a server may take long to answer.
        check_source(settings, spec)
        if listener := str(spec.options.get("listener", "")):
            # The database names listeners by their keyed hash alone.
            hashed = Pseudonyms.of(
                settings.home / "access", settings.listener_key.get_secret_value()
            ).listener(listener)
            spec = replace(spec, options={**spec.options, "listener": hashed})
        with writing(engine) as connection:
            store.add_source(connection, spec)
    finally:
        engine.dispose()
    return spec


def _completed(spec: SourceSpec) -> SourceSpec:
    for option in spec.options:
        if spec.kind not in _OPTIONS[option]:
            shown = option.replace("_", "-")
            raise SourceFailed(
                f"--{shown}: is for {' and '.join(_OPTIONS[option])}, and not for {spec.kind}"
            )
    listener = str(spec.options.get("listener", ""))
    if listener and not fits(LISTENER_PATTERN, listener):
        raise SourceFailed(f"--listener: {LISTENER_RULE}")
    if spec.kind in SERVER_KINDS and not spec.credential:
        raise SourceFailed(
            f"{spec.kind}: give --password-env NAME, a variable that holds the password"
            f"{' or API key' if spec.kind == 'jellyfin' else ''}, or --password-file PATH"
        )
    if spec.kind == "subsonic" and not spec.options.get("user"):
        raise SourceFailed("subsonic: give --user NAME")
    if spec.kind == "jellyfin" and listener and not spec.options.get("user"):
        raise SourceFailed("--listener: needs --user, because an API key is nobody's")
    if spec.kind in (*SERVER_KINDS, "reccobeats"):
        return replace(spec, address=server_address(spec.kind, spec.address))
    if not spec.address:
        raise SourceFailed(f"{spec.kind}: give the path as the second argument")
    # Absolute, because a sync may run in another folder; links stay as the person wrote them.
    return replace(spec, address=str(Path(spec.address).expanduser().absolute()))


def _free_name(spec: SourceSpec, taken: set[str]) -> str:
    """Make a name that is not taken: the folder's, or the kind, with a number if needed."""
    text = Path(spec.address).name.lower() if spec.kind == "folder" else spec.kind
    base = re.sub(r"[^a-z0-9._-]+", "-", text).strip("-._")[:56] or spec.kind
    names = (base, *(f"{base}-{number}" for number in range(2, 10_000)))
    return next(name for name in names if name not in taken)
