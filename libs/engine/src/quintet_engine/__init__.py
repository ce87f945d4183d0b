"""Retrieval and ranking, arrays in and arrays out; shared by the ranker and by training."""
