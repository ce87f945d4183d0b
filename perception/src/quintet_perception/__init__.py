"""Predict seven audio attributes by the model of vibenet; a program, reached by files alone."""
