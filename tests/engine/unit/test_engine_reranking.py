import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quintet_engine import reranking

QUICK = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def test_of_a_recording_the_best_release_stays_and_ties_go_to_the_earlier_row():
    rows = np.array([4, 7, 8, 9])
    scores = np.array([1.0, 3.0, 3.0, 2.0])
    recording = np.array([0, 0, 0, 0, 5, 0, 0, 6, 6, 5], dtype=np.int32)
    assert rows[reranking.deduplicate(rows, scores, recording)].tolist() == [7, 9]


@QUICK
@given(rows=st.lists(st.integers(0, 299), min_size=30, max_size=60, unique=True))
def test_full_diversity_spreads_the_list_more_than_none(catalogue, rows):
    chosen = np.array(rows)
    scores = np.sort(np.random.default_rng(0).random(len(rows)))[::-1]

    def closeness(diversity: float) -> float:
        places = reranking.choose(
            chosen, scores, catalogue, limit=2, max_per_artist=0, diversity=diversity
        )
        first, second = catalogue.unit[chosen[places]]
        return float(first @ second)

    assert closeness(1.0) <= closeness(0.0) + 1e-6


@QUICK
@given(rows=st.lists(st.integers(0, 299), min_size=3, max_size=40, unique=True))
def test_flow_is_never_rougher_than_the_order_given(catalogue, rows):
    given_rows = np.array(rows)
    costs = reranking.step_costs(catalogue.columns[given_rows], catalogue.unit[given_rows])
    order = reranking.flow(given_rows, catalogue)
    assert sorted(order.tolist()) == list(range(len(rows)))
    assert order[0] == 0
    plain = np.arange(len(rows))
    assert costs[order[:-1], order[1:]].sum() <= costs[plain[:-1], plain[1:]].sum() + 1e-9
