"""Features of the query as a whole, the same for each candidate: trees branch on them."""

from typing import Final, TypedDict

import numpy as np
from quintet_engine.channels.channel import Candidates
from quintet_engine.collaborative.space import TRACK, values_of_artists
from quintet_engine.context import Context
from quintet_modelkit.features import COLUMN

from tests.oracle.features.matrix import Builder, Column


class QueryFeatures(TypedDict):
    """How many seeds there are, how alike they are, and how well playlists know them.

    Seeds are rows here: an artist or a genre counts as its most popular tracks.
    """

    seed_count: Column
    seed_artist_share: Column
    seed_album_share: Column
    seed_main_artist: Column
    seed_popularity_spread: Column
    seed_popularity: Column
    seed_year_spread: Column
    seed_year: Column
    candidate_count: Column
    seed_artist_tracks: Column
    playlist_match: Column
    artist_match: Column
    artist_matches: Column
    word_match: Column
    context_match: Column
    seeds_in_playlists: Column
    seed_artists_in_playlists: Column
    taste_agreement: Column


def _query(context: Context, candidates: Candidates) -> QueryFeatures:
    affinity, catalogue = context.trained_affinity, context.catalogue
    tokens, seeds, kernels = affinity.model.tokens, affinity.seeds, affinity.kernels
    space = affinity.model.space
    _, by_artist = np.unique(tokens.artist[seeds], return_counts=True)
    count = len(seeds)
    popularity, year = catalogue.columns[seeds, COLUMN["popularity"]], catalogue.year[seeds]
    popularity, year = popularity[np.isfinite(popularity)], year[np.isfinite(year)]
    unknown = float("nan")
    artists = np.sort(kernels["artist"])
    artist_playlists = values_of_artists(space.artist_playlists, tokens.artist[seeds])
    return {
        "seed_count": count,
        "seed_artist_share": len(by_artist) / count,  # different artists per seed
        "seed_album_share": len(np.unique(tokens.album[seeds])) / count,
        "seed_main_artist": by_artist.max() / count,  # the share of the commonest artist
        "seed_popularity_spread": popularity.std() if len(popularity) else unknown,
        "seed_popularity": popularity.mean() if len(popularity) else unknown,
        "seed_year_spread": year.std() if len(year) else unknown,
        "seed_year": year.mean() if len(year) else unknown,
        "candidate_count": len(candidates.rows),
        "seed_artist_tracks": np.log1p(tokens.facts[seeds][:, 0]).mean(),
        # Cosines to the playlists most like the seeds, by each kind of token.
        "playlist_match": kernels[TRACK].max(initial=0.0),
        "artist_match": artists[-3:].mean() if len(artists) else 0.0,
        "artist_matches": artists.sum(),
        "word_match": kernels["word"].max(initial=0.0),
        "context_match": (kernels["year"] * kernels["audio"]).max(initial=0.0),
        "seeds_in_playlists": (space.counts[seeds] > 0).mean(),
        "seed_artists_in_playlists": (artist_playlists > 0).mean(),
        # The mean of unit vectors is as long as they agree.
        "taste_agreement": float(np.linalg.norm(affinity.taste)),
    }


QUERY: Final = Builder.of(QueryFeatures, _query)
