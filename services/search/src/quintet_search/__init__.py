"""Search in the catalogue, and in Spotify if credentials are set."""
