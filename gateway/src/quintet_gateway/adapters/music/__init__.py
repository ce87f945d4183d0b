"""A listener's own music: its sources in the database, its files, and its media servers."""

from quintet_gateway.adapters.music.playing import Audio
from quintet_gateway.adapters.music.saved_lists import SavedLists
from quintet_gateway.adapters.music.server_covers import ServerCovers
from quintet_gateway.adapters.music.servers import MediaServers
from quintet_gateway.adapters.music.sources import OwnMusic

__all__ = ["Audio", "MediaServers", "OwnMusic", "SavedLists", "ServerCovers"]
