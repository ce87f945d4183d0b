"""The rules of seeds, weights and targets: each bound from both sides, and the field at fault."""

import math

import pytest
from quintet_contract.attributes import RANGES
from quintet_contract.limits import MAX_SEEDS, MAX_WEIGHT
from quintet_contract.seeds import (
    QueryInvalid,
    Seed,
    SeedKind,
    SeedUnknown,
    check_seeds,
    check_targets,
    check_weights,
)


def seeds(count: int, weight: float = 1.0, name: str = "t") -> list[Seed]:
    return [Seed(SeedKind.TRACK, name, weight)] * count


@pytest.mark.parametrize(
    ("positive", "negative"),
    [
        (seeds(1), []),
        (seeds(MAX_SEEDS), seeds(MAX_SEEDS)),
        (seeds(1, MAX_WEIGHT), seeds(1, math.ulp(0.0))),
    ],
)
def test_seeds_at_the_bounds_are_allowed(positive, negative):
    check_seeds(positive, negative)
    check_seeds(seeds(MAX_SEEDS + 1), [], MAX_SEEDS + 1)


@pytest.mark.parametrize(
    ("positive", "negative", "reason", "field"),
    [
        ([], [], "SEED_COUNT", "seeds"),
        (seeds(MAX_SEEDS + 1), [], "SEED_COUNT", "seeds"),
        (seeds(1), seeds(MAX_SEEDS + 1), "SEED_COUNT", "negative_seeds"),
        ([*seeds(1), *seeds(1, name="")], [], "SEED_COUNT", "seeds[1]"),
        (seeds(1), seeds(1, name=""), "SEED_COUNT", "negative_seeds[0]"),
        (seeds(1, 0.0), [], "WEIGHT_RANGE", "seeds[0].weight"),
        (seeds(1, MAX_WEIGHT + 1e-6), [], "WEIGHT_RANGE", "seeds[0].weight"),
        (seeds(1, math.nan), [], "WEIGHT_RANGE", "seeds[0].weight"),
        (seeds(1), seeds(1, math.inf), "WEIGHT_RANGE", "negative_seeds[0].weight"),
    ],
)
def test_seeds_beyond_the_bounds_are_rejected_with_their_field(positive, negative, reason, field):
    with pytest.raises(QueryInvalid) as caught:
        check_seeds(positive, negative)
    assert (caught.value.reason, caught.value.field) == (reason, field)


@pytest.mark.parametrize("weight", [0.0, MAX_WEIGHT])
def test_weights_at_the_bounds_are_allowed(weight):
    check_weights({"energy": weight, "tempo": weight})


@pytest.mark.parametrize(
    ("name", "weight", "field"),
    [
        *(("energy", -1e-6, "weights.energy"), ("energy", MAX_WEIGHT + 1e-6, "weights.energy")),
        *(("energy", math.nan, "weights.energy"), ("loud", 1.0, "weights.loud")),
        ("popularity", 1.0, "weights.popularity"),
    ],
)
def test_weights_beyond_the_bounds_are_rejected_with_their_field(name, weight, field):
    with pytest.raises(QueryInvalid) as caught:
        check_weights({"valence": 1.0, name: weight})
    assert (caught.value.reason, caught.value.field) == ("WEIGHT_RANGE", field)


@pytest.mark.parametrize("name", RANGES)
def test_targets_are_within_the_range_of_their_attribute(name):
    low, high = RANGES[name]
    check_targets({name: low})
    check_targets({name: high})
    for value in (math.nextafter(low, -math.inf), math.nextafter(high, math.inf), math.nan):
        with pytest.raises(QueryInvalid) as caught:
            check_targets({name: value})
        assert (caught.value.reason, caught.value.field) == ("TARGET_RANGE", f"targets.{name}")


def test_an_unknown_target_is_rejected_and_the_known_ones_are_listed():
    with pytest.raises(QueryInvalid, match="energy, ") as caught:
        check_targets({"loud": 1.0})
    assert (caught.value.reason, caught.value.field) == ("TARGET_RANGE", "targets.loud")


def test_unknown_seeds_are_all_named():
    unknown = [Seed(SeedKind.TRACK, "a"), Seed(SeedKind.GENRE, "rock")]
    fault = SeedUnknown(unknown)
    assert str(fault) == "The catalogue does not have track 'a', genre 'rock'."
    assert fault.seeds == tuple(unknown)
