"""The query's attribute weights applied to the vectors of tracks."""

from quintet_modelkit.features import Encoded, normalise_rows

from quintet_engine.catalogue import Rows
from quintet_engine.context import Context


def weighted_units(context: Context, rows: Rows) -> Encoded:
    """Apply the query's attribute weights to rows' vectors, unit length, float32 (k, 14)."""
    if not (context.profile.weights != 1).any():
        return context.catalogue.unit[rows]
    return normalise_rows(context.catalogue.encoded[rows] * context.profile.weights)
