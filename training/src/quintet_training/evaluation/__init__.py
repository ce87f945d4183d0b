"""Evaluation: how good recommendations are, against baselines, on playlists held out."""
