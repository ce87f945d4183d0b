"""Data sets: importing catalogues and playlists, publishing them, reading them for training."""

from quintet_training.datasets.catalogue import (
    CatalogueInfo,
    ImportReport,
    Options,
    catalogue_info,
    import_catalogue,
    preview,
)
from quintet_training.datasets.columns import DatasetInvalid
from quintet_training.datasets.embedded import prepare_embedded
from quintet_training.datasets.listener_queries import read_listener_queries
from quintet_training.datasets.playlist_formats import Format
from quintet_training.datasets.playlist_importing import (
    Catalogue,
    import_playlists,
)
from quintet_training.datasets.playlist_moving import compact, delete_playlists
from quintet_training.datasets.playlist_report import PlaylistReport
from quintet_training.datasets.playlists import (
    PlaylistInfo,
    playlists_info,
    read_kinds,
    read_playlists,
    read_sources,
    stream_playlists,
)
from quintet_training.datasets.publishing import publish_catalogue

__all__ = [
    "Catalogue",
    "CatalogueInfo",
    "DatasetInvalid",
    "Format",
    "ImportReport",
    "Options",
    "PlaylistInfo",
    "PlaylistReport",
    "catalogue_info",
    "compact",
    "delete_playlists",
    "import_catalogue",
    "import_playlists",
    "playlists_info",
    "prepare_embedded",
    "preview",
    "publish_catalogue",
    "read_kinds",
    "read_listener_queries",
    "read_playlists",
    "read_sources",
    "stream_playlists",
]
