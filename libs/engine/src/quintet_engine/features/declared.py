"""The features of each kind of model: names, order and monotone constraints.

A bundle is checked against the hash of all names before it answers anything, so they are known
without computing them. `kernel.audio_features` and `kernel.learned_features` compute them, in this
order; the plain reference that tests compare with is `tests/oracle/features`.

A place is the rank of a candidate by a value as a share of all candidates, 0 for the best; within
an artist it is the rank itself. Equal values are ranked in the order of rows.

Gaps and cosines apply the query's attribute weights: an attribute of weight 0 is ignored.
"""

from typing import Final, NamedTuple


class Column(NamedTuple):
    """One feature.

    Attributes:
        name: Its name.
        monotone: LightGBM's `monotone_constraints`: 1 where a greater value may only raise the
            score, -1 where it may only lower it, 0 where it may do either.
    """

    name: str
    monotone: int


Columns = tuple[Column, ...]


def rising(name: str) -> Column:
    """Declare a feature whose greater values may only raise the score."""
    return Column(name, 1)


def falling(name: str) -> Column:
    """Declare a feature whose greater values may only lower the score."""
    return Column(name, -1)


def free(name: str) -> Column:
    """Declare a feature without a constraint."""
    return Column(name, 0)


AUDIO_AND_CATALOGUE: Final[Columns] = (
    # Cosines of the encoded audio attributes, -1..1: to the profile, and to the seeds one by one;
    # 0 to negative seeds if there are none.
    rising("profile_cosine"),
    rising("nearest_cosine"),
    rising("mean_cosine"),
    rising("farthest_cosine"),
    falling("negative_cosine"),
    # |candidate - mean| of each linear attribute, in units of the seeds' spread.
    falling("danceability_gap"),
    falling("energy_gap"),
    falling("loudness_gap"),
    falling("speechiness_gap"),
    falling("acousticness_gap"),
    falling("instrumentalness_gap"),
    falling("liveness_gap"),
    falling("valence_gap"),
    falling("tempo_gap"),
    falling("duration_ms_gap"),
    falling("mode_gap"),
    falling("time_signature_gap"),
    # Whether a candidate can follow the seeds in a mix: 1 for the same key, 0 for the opposite
    # one; octaves apart in tempo, 0..0.5.
    rising("key_match"),
    rising("best_key_match"),
    falling("beat_gap"),
    falling("least_beat_gap"),
    # What the catalogue says that a candidate shares with the seeds, 0..1.
    rising("artist_share"),
    rising("album_share"),
    rising("genre_share"),
    rising("genre_cosine"),
    # Age, popularity and content flag against the seeds; a year's gap is NaN if unknown. The
    # seeds' mean cosine to each other is the same for all candidates.
    falling("year_gap"),
    falling("explicit_gap"),
    free("popularity"),
    falling("popularity_gap"),
    free("seed_agreement"),
)
"""Features that need no playlists, which every kind of model has."""
# Training queries have no targets, so a place in the target channel could not be learned from.
RANKED_CHANNELS: Final = ("audio", "seeds", "artist", "album", "genre")
CLOSENESS: Final[Columns] = tuple(rising(f"{name}_closeness") for name in RANKED_CHANNELS)
"""1 / (1 + place) of each candidate in each channel; 0 if it was not found."""
LEARNED: Final[Columns] = (
    # Closeness in sound, whitened so that what varies within one artist counts little: to the
    # seeds' mean and to the nearest, and of the artist as a whole.
    free("sound_cosine"),
    rising("nearest_sound"),
    free("sound_distance"),
    free("artist_sound"),
    free("nearest_artist_sound"),
    free("sound_place"),
    free("sound_place_in_artist"),
    # Signed gaps to the seeds' mean, in units of the seeds' spread.
    free("danceability_offset"),
    free("energy_offset"),
    free("loudness_offset"),
    free("speechiness_offset"),
    free("acousticness_offset"),
    free("instrumentalness_offset"),
    free("liveness_offset"),
    free("valence_offset"),
    free("tempo_offset"),
    free("duration_ms_offset"),
    free("mode_offset"),
    # Artists (the first, any), albums and words shared with the seeds by name, counted in seed
    # rows; words as tf-idf cosine. "Greatest Hits" of anybody is the same album title.
    rising("same_artist"),
    rising("any_artist"),
    free("same_album_title"),
    rising("same_album"),
    rising("nearest_words"),
    rising("words"),
    # Year and popularity against the seeds', and facts about the artist and the album.
    free("year"),
    free("year_offset"),
    falling("nearest_year_gap"),
    free("popularity_offset"),
    falling("nearest_popularity_gap"),
    free("popularity_place"),
    free("artist_tracks"),
    free("artist_popularity_rank"),
    free("artist_popularity"),
    free("album_tracks"),
    free("album_artists"),
    # Of the query as a whole, the same for each candidate: trees branch on them. Seeds are rows
    # here: an artist or a genre counts as its most popular tracks. Matches are cosines to the
    # playlists most like the seeds.
    free("seed_count"),
    free("seed_artist_share"),
    free("seed_album_share"),
    free("seed_main_artist"),
    free("seed_popularity_spread"),
    free("seed_popularity"),
    free("seed_year_spread"),
    free("seed_year"),
    free("candidate_count"),
    free("seed_artist_tracks"),
    free("playlist_match"),
    free("artist_match"),
    free("artist_matches"),
    free("word_match"),
    free("context_match"),
    free("seeds_in_playlists"),
    free("seed_artists_in_playlists"),
    free("taste_agreement"),
    # Scores of a candidate, its artist, album, year, sound and words by the weighted playlists
    # (`affinity.VIEWS`), raw and in relation to how often it is on playlists at all, because a
    # popular track is on many playlists that resemble any seeds.
    free("playlist_count"),
    free("artist_entries"),
    free("artist_playlists"),
    free("artist_density"),
    free("track_by_ridge"),
    rising("track_by_track"),
    free("track_by_artist"),
    free("track_by_context"),
    rising("artist_by_ridge"),
    free("artist_by_track"),
    rising("artist_by_artist"),
    free("artist_by_context"),
    free("album_by_ridge"),
    free("album_by_track"),
    free("album_by_artist"),
    free("album_by_context"),
    free("year_by_ridge"),
    free("year_by_artist"),
    free("year_by_context"),
    free("sound_by_ridge"),
    free("sound_by_artist"),
    free("sound_by_context"),
    free("words_by_ridge"),
    free("words_by_artist"),
    free("words_by_context"),
    free("track_by_track_rarity"),
    free("track_by_ridge_rarity"),
    free("artist_by_ridge_rarity"),
    free("artist_by_artist_rarity"),
    free("track_by_ridge_place"),
    free("artist_by_ridge_place"),
    # How often candidates, and their artists, are on playlists together with the seeds. The names
    # say "company" for co-occurrence; published bundles are checked by them.
    rising("nearest_company"),
    free("company"),
    rising("nearest_artist_company"),
    rising("artist_company"),
    free("artists_met"),
    free("nearest_other_artist_company"),
    free("artist_company_place"),
    # Cosines in the taste space, of the places learned and of those predicted from audio.
    # Coordinates of that space are no features: they mean something else after every fit.
    rising("taste_cosine"),
    rising("nearest_taste"),
    rising("farthest_taste"),
    free("audible_taste"),
    free("audible_taste_mean"),
    free("nearest_audible_taste"),
    free("taste_place"),
)
"""Features of a model that learned from playlists, after the first ones. Places in the channels
belong to the bootstrap model: here each channel's score is a feature."""
