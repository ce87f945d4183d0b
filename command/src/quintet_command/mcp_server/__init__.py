"""A server of the Model Context Protocol: an assistant searches, recommends and makes playlists."""
