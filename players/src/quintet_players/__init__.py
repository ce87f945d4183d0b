"""Similar songs inside music players, by the calls that players and media servers make."""
