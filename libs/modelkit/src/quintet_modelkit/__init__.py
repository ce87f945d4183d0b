"""What training writes and serving reads: features, snapshots, bundles."""
