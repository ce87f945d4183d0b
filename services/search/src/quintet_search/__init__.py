"""Catalogue search and Spotify proxy."""
