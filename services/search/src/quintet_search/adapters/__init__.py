"""Ports filled with real things: tantivy over a snapshot, and Spotify through spotipy."""
