"""Write reasons as JSON, once for all who read them: the gateway passes the bytes through.

The objects are those of `Reasons` in the HTTP API's OpenAPI document. Bytes instead of messages,
because the fifty small objects of each track would take longer to write, to read and to write again
than the list takes to rank.
"""

from collections.abc import Sequence
from typing import Any

import orjson
from quintet_engine.query import Reasons
from quintet_explain import Fact, Reference


def reasons_json(reasons: Sequence[Reasons]) -> list[bytes]:
    """Write the reasons of a list's tracks, one JSON object for each; NaN becomes null."""
    # Facts of one list share a few references, so each is converted once.
    references: dict[Reference | None, dict[str, Any] | None] = {None: None}
    return [_written(one, references) for one in reasons]


def _written(one: Reasons, references: dict[Reference | None, dict[str, Any] | None]) -> bytes:
    return orjson.dumps(
        {
            "sentence": one.sentence,
            "facts": [_fact(fact, references) for fact in one.facts],
            "closest_seed": {
                "id": one.closest_seed,
                "title": one.closest_title,
                "similarity": one.closest_similarity,
            },
            "contributions": [
                {"feature": feature, "contribution": contribution, "value": value}
                for feature, contribution, value in one.contributions
            ],
            "comparisons": [
                {"attribute": name, "value": value, "seeds_mean": mean, "similarity_share": share}
                for name, value, mean, share in one.comparisons
            ],
        }
    )


def _fact(fact: Fact, references: dict[Reference | None, dict[str, Any] | None]) -> dict[str, Any]:
    kind, reference, weight, attribute, relation, value, other_value, name = fact
    if reference not in references:
        references[reference] = None if reference is None else _reference(reference)
    return {
        # `value`: orjson writes plain texts several times faster than enum members.
        "kind": kind.value,
        "reference": references[reference],
        "weight": weight,
        "attribute": attribute,
        "relation": relation.value,
        "value": value,
        "other_value": other_value,
        "name": name,
    }


def _reference(reference: Reference) -> dict[str, Any]:
    seed, kind, name_id, name, artist = reference
    return {"seed": seed, "kind": kind.value, "id": name_id, "name": name, "artist": artist}
