"""The groups of features of a model that learned from playlists, in the order of its hash."""

from typing import Final

from tests.oracle.features.content import AUDIO_AND_CATALOGUE
from tests.oracle.features.playlists import CO_OCCURRENCE, SCORES, TASTE
from tests.oracle.features.query import QUERY
from tests.oracle.features.tokens import AGE_AND_POPULARITY, OFFSETS, SHARED_NAMES, SOUND

# Places in the channels belong to the bootstrap model: here each channel's score is a feature.
TRAINED_BUILDERS: Final = (
    *AUDIO_AND_CATALOGUE,
    *(SOUND, OFFSETS, SHARED_NAMES, AGE_AND_POPULARITY),
    QUERY,
    *(SCORES, CO_OCCURRENCE, TASTE),
)
