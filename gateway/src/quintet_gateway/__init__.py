"""The HTTP face of Quintet."""
