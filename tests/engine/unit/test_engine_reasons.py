import numpy as np
from quintet_contract.attributes import ATTRIBUTES
from quintet_engine.query import Query, Seed, SeedKind


def test_shares_of_the_attributes_sum_to_the_similarity(engine):
    names = tuple(Seed(SeedKind.TRACK, f"t{row:05d}") for row in (1, 40, 77))
    for track in engine.recommend(Query(names, limit=30)).tracks:
        assert [item.attribute for item in track.reasons.comparisons] == list(ATTRIBUTES)
        total = sum(item.similarity_share for item in track.reasons.comparisons)
        assert np.isclose(total, track.similarity, atol=1e-5)


def test_compiled_facts_have_the_thresholds_of_the_statements():
    # Kept code knows only the sources of its own folder, so it repeats them.
    from quintet_engine.kernel import reasons as compiled
    from quintet_explain import facts

    thresholds = (facts.CLOSE_COSINE, facts.NEAR_TASTE)
    assert thresholds == (compiled.CLOSE_COSINE, compiled.NEAR_TASTE)
