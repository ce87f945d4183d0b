"""The listener's page; talks HTTP to the gateway and to nothing else."""
