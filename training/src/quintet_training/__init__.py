"""Importers, training and evaluation: from files of tracks and playlists to a published model."""
