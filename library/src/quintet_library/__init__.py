"""A listener's own music: one reader per kind of source, and the sync that follows them."""
