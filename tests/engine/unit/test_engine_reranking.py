from collections import Counter

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


@QUICK
@given(
    st.lists(
        st.tuples(
            st.integers(0, 299),
            st.sampled_from([-1.5, -0.0, 0.0, 1e-9, 0.25, 2.0]),
            st.sampled_from([-1.0, 0.0, 0.5]),
        ),
        max_size=60,
        unique_by=lambda each: each[0],
    )
)
def test_candidates_are_in_the_order_of_score_closeness_and_row(candidates):
    rows = np.array([row for row, _, _ in candidates], np.int64)
    scores = np.array([score for _, score, _ in candidates], np.float64)
    closeness = np.array([close for _, _, close in candidates], np.float32)
    recording = np.arange(300, dtype=np.int32) // 3
    order = np.lexsort((rows, -closeness, -scores))
    _, first = np.unique(recording[rows[order]], return_index=True)
    found = reranking.deduplicate(rows, scores, recording, closeness)
    assert found.tolist() == order[np.sort(first)].tolist()


@QUICK
@given(
    rows=st.lists(st.integers(0, 299), min_size=1, max_size=60, unique=True),
    before=st.sets(st.integers(0, 20), max_size=5),
    cap=st.integers(0, 3),
    limit=st.integers(1, 40),
    diversity=st.sampled_from([0.0, 0.3, 1.0]),
)
def test_picks_are_the_best_that_the_cap_allows(catalogue, rows, before, cap, limit, diversity):
    chosen, scores = np.array(rows), np.linspace(1, 0, len(rows))
    taken = [place for place in sorted(before) if place < len(rows)]
    among = [place for place in range(len(rows)) if place not in taken]
    picked = reranking.choose(
        *(chosen, scores, catalogue),
        limit=limit,
        max_per_artist=cap,
        diversity=diversity,
        among=np.array(among, np.int64),
        before=np.array(taken, np.int64),
    ).tolist()
    artists = [catalogue.track_artists.of(row).tolist() for row in rows]
    counts = Counter(artist for place in taken for artist in artists[place])
    want: list[int] = []
    span = scores[among] - scores[among].min() if among else scores[:0]
    relevance = span / span.max() if len(span) and span.max() > 0 else np.ones(len(among))
    free, near = dict(zip(among, relevance.tolist(), strict=True)), dict.fromkeys(among, -1.0)
    while free and len(want) < limit:
        worth = {p: (1 - diversity) * free[p] - diversity * near[p] for p in free}
        best = max(worth, key=lambda place: (worth[place], -place))
        del free[best]
        if cap and any(counts[artist] >= cap for artist in artists[best]):
            continue
        counts.update(artists[best])
        want.append(best)
        for place in free:
            cosine = float(catalogue.unit[rows[place]] @ catalogue.unit[rows[best]])
            near[place] = max(near[place], cosine)
    if diversity:  # practically equal cosines may change places
        assert len(picked) == len(want)
        assert set(picked) == set(want) or len(set(picked) & set(want)) >= len(want) - 1
    else:
        assert picked == want
