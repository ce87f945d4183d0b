"""Assignment of requests to an experiment's models by a hash, equal in every process."""

import hashlib
import json

from quintet.ranker.v1 import ranker_pb2
from quintet_store.experiments import INTERLEAVE, SPLIT, Experiment

from quintet_gateway.seeds import stored_seeds


def assignment_unit(listener: str, request: ranker_pb2.RecommendTracksRequest) -> str:
    """Choose the unit of assignment: the listener, or the seeds if the request names none."""
    return listener or json.dumps(stored_seeds(request), sort_keys=True)


def bucket_of(salt: str, unit: str) -> float:
    """Hash a unit to a number from 0 to below 100, evenly over units, the same in every process."""
    digest = hashlib.sha256(f"{salt}\0{unit}".encode()).digest()
    # 53 bits, which a float holds exactly.
    return 100.0 * (int.from_bytes(digest[:8], "big") >> 11) / (1 << 53)


def assigned_variant(
    experiment: Experiment, unit: str, *, flow: bool = False
) -> ranker_pb2.Variant.ValueType:
    """Assign a unit's requests to a model; unspecified outside of the experiment's percentage.

    A list that is ordered to flow is not interleaved: a mixture of two orders would not flow.
    """
    # A larger percentage keeps every unit that took part before.
    taken = bucket_of(experiment.salt, unit) < experiment.plan.percent
    if experiment.plan.mode == SPLIT:
        return ranker_pb2.VARIANT_CHALLENGER if taken else ranker_pb2.VARIANT_CHAMPION
    if experiment.plan.mode == INTERLEAVE and taken and not flow:
        return ranker_pb2.VARIANT_INTERLEAVE
    return ranker_pb2.VARIANT_UNSPECIFIED
