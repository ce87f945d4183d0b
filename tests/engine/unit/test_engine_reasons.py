import numpy as np
from quintet_contract.attributes import ATTRIBUTES
from quintet_engine.query import Query, Seed, SeedKind


def test_shares_of_the_attributes_sum_to_the_similarity(engine):
    names = tuple(Seed(SeedKind.TRACK, f"t{row:05d}") for row in (1, 40, 77))
    for track in engine.recommend(Query(names, limit=30)).tracks:
        assert [item.attribute for item in track.reasons.comparisons] == list(ATTRIBUTES)
        total = sum(item.similarity_share for item in track.reasons.comparisons)
        assert np.isclose(total, track.similarity, atol=1e-5)
