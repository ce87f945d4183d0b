"""A bundle answers its golden request as recorded, but for near ties."""

import pytest
from quintet_engine.engine import GOLDEN_TIE_TOLERANCE, GOLDEN_TOLERANCE
from quintet_modelkit.publication import PublicationInvalid

SEEDS = ["t00001", "t00002"]


@pytest.fixture
def golden(engine):
    return {"seeds": SEEDS, "tracks": [list(pair) for pair in engine.golden_answer(SEEDS)]}


def moved(golden, count, by):
    for track in golden["tracks"][:count]:
        track[1] += by
    return golden


def test_the_recorded_scores_agree(engine, golden):
    engine.check_golden(golden)


@pytest.mark.parametrize("by", [0.5 * GOLDEN_TOLERANCE, -0.5 * GOLDEN_TOLERANCE])
def test_all_scores_may_differ_by_rounding(engine, golden, by):
    engine.check_golden(moved(golden, len(golden["tracks"]), by))


def test_a_tenth_may_differ_by_a_near_tie_and_no_more(engine, golden):
    assert len(golden["tracks"]) == 20
    engine.check_golden(moved(golden, 2, 0.5 * GOLDEN_TIE_TOLERANCE))
    golden["tracks"][5][1] += 0.5 * GOLDEN_TIE_TOLERANCE
    with pytest.raises(PublicationInvalid, match="other scores than recorded"):
        engine.check_golden(golden)


@pytest.mark.parametrize("by", [2 * GOLDEN_TIE_TOLERANCE, float("nan")])
def test_one_score_that_is_wrong_is_refused(engine, golden, by):
    with pytest.raises(PublicationInvalid, match="other scores than recorded"):
        engine.check_golden(moved(golden, 1, by))


def test_another_number_of_tracks_is_refused(engine, golden):
    golden["tracks"].pop()
    with pytest.raises(PublicationInvalid, match="other scores than recorded"):
        engine.check_golden(golden)
