"""Features of each pair (candidate, seeds), which the booster ranks by."""
