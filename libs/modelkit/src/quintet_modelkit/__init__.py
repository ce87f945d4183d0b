"""What training writes and services read: features, seeds, snapshots, bundles, registry."""
