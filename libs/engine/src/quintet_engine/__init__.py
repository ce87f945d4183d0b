"""Retrieval and ranking: arrays in, arrays out; used by the ranker and by training."""
