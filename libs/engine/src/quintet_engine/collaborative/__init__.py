"""The collaborative model, learned from playlists: tokens, playlist space, taste space."""
