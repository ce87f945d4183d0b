"""`quintet prepare`: a catalogue and a model to serve, from the embedded data if there is none."""

from typing import TYPE_CHECKING

from quintet_command.cli.progress import progress_bar
from quintet_command.cli.terminal import Console

if TYPE_CHECKING:
    from quintet_command.settings import CommandSettings


def prepare() -> None:
    """Make sure that there is a catalogue and a model to serve, and do no more."""
    from quintet_command.settings import load_settings

    ensure_prepared(load_settings())


def ensure_prepared(settings: "CommandSettings") -> None:
    """Publish the embedded catalogue and a model of it, unless both are published already."""
    if _is_prepared(settings):
        return
    from quintet_training.datasets import prepare_embedded
    from quintet_training.steps import publish_model

    with progress_bar(Console(stderr=True)) as show:
        prepare_embedded(settings, lambda share, text: show(share / 2, text))
        publish_model(settings.home, lambda share, text: show(0.5 + share / 2, text))
        show(1.0, "Catalogue and model are ready")


def _is_prepared(settings: "CommandSettings") -> bool:
    """Check whether a catalogue and a model made for it are published, by reading two files.

    The services verify the files' checksums; files that cannot be read here are written again.
    """
    from quintet_modelkit.publication import PublicationInvalid, current_folder, read_manifest

    try:
        catalogue = current_folder(settings.home / "catalogue").name
        manifest = read_manifest(current_folder(settings.home / "models"), verify=False)
    except PublicationInvalid:
        return False
    return bool(manifest.get("catalogue_version") == catalogue)
