"""What playlists teach: tokens of tracks, the space of playlists, the taste space over both."""
