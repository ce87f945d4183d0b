"""Who answers whom in an experiment: by a hash, so that every process decides alike."""

import hashlib
import json

from quintet.ranker.v1 import ranker_pb2
from quintet_store.experiments import INTERLEAVE, SPLIT, Experiment

from quintet_gateway.seeds import stored_seeds


def assignment_unit(listener: str, request: ranker_pb2.RecommendTracksRequest) -> str:
    """Returns whom an assignment is for: the listener, or the seeds where nobody was named."""
    return listener or json.dumps(stored_seeds(request), sort_keys=True)


def bucket_of(salt: str, unit: str) -> float:
    """Returns a unit's place, from 0 to below 100: always the same, evenly spread over units."""
    digest = hashlib.sha256(f"{salt}\0{unit}".encode()).digest()
    # 53 bits, which a float holds exactly.
    return 100.0 * (int.from_bytes(digest[:8], "big") >> 11) / (1 << 53)


def assigned_variant(
    experiment: Experiment, unit: str, *, flow: bool = False
) -> ranker_pb2.Variant.ValueType:
    """Returns who answers a unit's requests; unspecified where they take no part.

    A list that is ordered to flow is not interleaved: two orders would flow no more.
    """
    taken = bucket_of(experiment.salt, unit) < experiment.plan.percent
    if experiment.plan.mode == SPLIT:
        return ranker_pb2.VARIANT_CHALLENGER if taken else ranker_pb2.VARIANT_CHAMPION
    if experiment.plan.mode == INTERLEAVE and taken and not flow:
        return ranker_pb2.VARIANT_INTERLEAVE
    return ranker_pb2.VARIANT_UNSPECIFIED
