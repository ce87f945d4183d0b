"""Two lists drafted as one: fair, without repeats, and within the rules of either."""

import struct
from math import isnan

from hypothesis import given
from hypothesis import strategies as st
from quintet_engine.dial import Bounds
from quintet_engine.query import Pool, RankedTrack, Ranking
from quintet_ranker.domain import PickOrigin, TrackIdentity, interleaved, team_draft

SIDES = (PickOrigin.CHAMPION, PickOrigin.CHALLENGER)
tracks = st.lists(st.sampled_from([f"t{n}" for n in range(30)]), unique=True, max_size=20)
pairs = st.tuples(tracks, tracks)


def drafted(pair, picks):
    lists = dict(zip(SIDES, pair, strict=True))
    return [lists[pick.taken_from][pick.place] for pick in picks]


@given(pairs, st.integers(1, 25), st.text(max_size=5))
def test_no_model_is_ever_two_picks_ahead(pair, limit, key):
    ahead = 0
    for pick in team_draft(*pair, limit=limit, key=key):
        ahead += (pick.origin is PickOrigin.CHAMPION) - (pick.origin is PickOrigin.CHALLENGER)
        assert abs(ahead) <= 1


@given(pairs, st.integers(1, 25), st.text(max_size=5))
def test_the_list_is_full_and_has_no_track_twice(pair, limit, key):
    names = drafted(pair, team_draft(*pair, limit=limit, key=key))
    assert len(names) == len(set(names)) == min(limit, len({*pair[0], *pair[1]}))


@given(pairs, st.text(max_size=5))
def test_each_pick_is_the_best_track_that_its_model_has_left(pair, key):
    lists = dict(zip(SIDES, pair, strict=True))
    taken: set[str] = set()
    for pick in team_draft(*pair, limit=25, key=key):
        names = lists[pick.taken_from]
        assert names[pick.place] == next(name for name in names if name not in taken)
        taken.add(names[pick.place])


@given(pairs, st.text(max_size=5))
def test_tracks_beyond_what_both_can_offer_are_nobodys(pair, key):
    picks = team_draft(*pair, limit=25, key=key)
    origins = [pick.origin for pick in picks]
    drafts = sum(origin is not PickOrigin.NOBODY for origin in origins)
    assert origins[drafts:] == [PickOrigin.NOBODY] * (len(origins) - drafts)
    assert len({pick.taken_from for pick in picks[drafts:]}) <= 1


@given(st.data(), st.floats(0, 1), st.text(max_size=5))
def test_the_merged_list_keeps_the_bounds_of_the_dial_at_every_length(data, value, key):
    known, new = (
        [f"{kind}{n}" for n in data.draw(st.permutations(range(60)))] for kind in ("known", "new")
    )
    bounds = Bounds(value)

    def arranged(shuffled):
        """A list that keeps the bounds, as the engine's do: as many known ones as it may."""
        names: list[str] = []
        kinds = {True: iter(shuffled(known)), False: iter(shuffled(new))}
        for count in range(1, 31):
            had = sum(name in known for name in names)
            names.append(next(kinds[had < bounds.most(count)]))
        return names

    pair = arranged(list), arranged(lambda names: names[::-1])
    picks = team_draft(*pair, limit=30, key=key, known=set(known), bounds=bounds)
    merged = drafted(pair, picks)
    assert len(merged) == 30
    for count in range(1, 31):
        familiar = sum(name in known for name in merged[:count])
        assert bounds.least(count) <= familiar <= bounds.most(count)
    same = team_draft(pair[0], pair[0], limit=30, key=key, known=set(known), bounds=bounds)
    assert drafted((pair[0], pair[0]), same) == pair[0]


@given(tracks, st.integers(0, 50))
def test_equal_lists_come_out_as_they_are(names, key):
    assert drafted((names, names), team_draft(names, names, limit=25, key=str(key))) == names


def test_the_first_place_is_as_often_the_one_models_as_the_others():
    firsts = [
        team_draft(["a", "b"], ["c", "d"], limit=4, key=f"key {n}")[0].origin for n in range(4000)
    ]
    # Four standard deviations of 4,000 fair coins are 126.
    assert abs(firsts.count(PickOrigin.CHAMPION) - 2000) < 126


def test_a_listener_without_preference_credits_both_alike():
    # Clicks fall with the place: whoever were favoured in places would win here.
    champion, challenger = ([f"{side}{n}" for n in range(10)] for side in "ab")
    credit = dict.fromkeys((*SIDES, PickOrigin.NOBODY), 0.0)
    for n in range(4000):
        for place, pick in enumerate(team_draft(champion, challenger, limit=10, key=str(n)), 1):
            credit[pick.origin] += 1 / place
    share = credit[PickOrigin.CHAMPION] / (
        credit[PickOrigin.CHAMPION] + credit[PickOrigin.CHALLENGER]
    )
    assert abs(share - 0.5) < 0.01


def test_the_same_key_drafts_alike():
    pair = [f"a{n}" for n in range(20)], [f"b{n}" for n in range(20)]
    one, again, other = (team_draft(*pair, limit=20, key=key) for key in ("k", "k", "l"))
    assert one == again != other


@given(pairs, st.integers(1, 3), st.text(max_size=5))
def test_artist_cap_and_recordings_hold_for_the_whole_list(pair, most, key):
    identities = {f"t{n}": TrackIdentity(n // 2, (f"artist {n % 5}",)) for n in range(30)}
    names = drafted(pair, team_draft(*pair, limit=25, key=key, identities=identities, most=most))
    assert len({identities[name].recording for name in names}) == len(names)
    artists = [identities[name].artists[0] for name in names]
    assert all(artists.count(artist) <= most for artist in artists)


def ranking(model, names, features):
    values = [struct.pack(f"<{len(features)}f", *range(1, len(features) + 1)) for _ in names]
    ranked = tuple(
        RankedTrack(name, 0.0, 0.0, (), features=packed)
        for name, packed in zip(names, values, strict=True)
    )
    return Ranking(ranked, Pool(9, 9, 9, 9), (), model, "i", f"c-{model}", (), features)


def test_the_drafted_list_bears_both_versions_and_the_features_of_both():
    lists = ranking("m1", ["a"], ("x", "y")), ranking("m2", ["b"], ("y", "z"))
    picks = team_draft(["a"], ["b"], limit=2, key="k")
    made, origins = interleaved(*lists, picks)
    assert (made.model_version, made.index_version) == ("m1+m2", "i")
    assert made.catalogue_version == "c-m1+c-m2"
    assert made.feature_names == ("x", "y", "z")
    values = {t.track_id: struct.unpack("<3f", t.features) for t in made.tracks}
    assert values["a"][:2] == (1, 2)
    assert values["b"][1:] == (1, 2)
    assert isnan(values["a"][2])
    assert isnan(values["b"][0])
    # The second pick is drafted while the first still has a rival: one is nobody's.
    assert set(origins) <= {*SIDES, PickOrigin.NOBODY}
    assert origins[0] is picks[0].taken_from
