"""Keys of seeds are compared as they are: a mean on a circle must not move a single key."""

import numpy as np
import pytest
from quintet_engine.music import wheel_distance, wheel_places
from quintet_modelkit.features import COLUMN, raw_means

FIFTH = 7


def seed_in(key: int, mode: int) -> np.ndarray:
    row = np.zeros((1, len(COLUMN)))
    row[0, COLUMN["key"]], row[0, COLUMN["mode"]] = key, mode
    return row


@pytest.mark.parametrize("mode", [0, 1])
@pytest.mark.parametrize("key", range(12))
@pytest.mark.parametrize("interval", [0, FIFTH, -FIFTH])
def test_a_key_fits_itself_and_its_neighbours_on_the_circle_of_fifths(key, interval, mode):
    seeds = raw_means([seed_in(key, mode)])
    assert seeds[0, COLUMN["key"]] == key
    track = seed_in((key + interval) % 12, mode)
    steps = wheel_distance(wheel_places(track), wheel_places(seeds))
    assert steps[0] == (0 if interval == 0 else 1)


@pytest.mark.parametrize("interval", [1, 2, 3, 4, 6])
def test_other_keys_do_not_fit(interval):
    seeds, track = raw_means([seed_in(0, 1)]), seed_in(interval, 1)
    assert wheel_distance(wheel_places(track), wheel_places(seeds))[0] > 1
