"""Average the audio features of seeds to a profile."""
