"""The flow of every list: profile, ranker, search, and what is done without."""

from collections.abc import Iterator

import pytest
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet.search.v1 import search_pb2
from quintet_gateway.recommender import ListRequest, Recommender
from quintet_servicekit.errors import DeadlineExceeded, NotFound, NotReady, Reason

DOWN = NotReady(Reason.UPSTREAM_UNAVAILABLE, "down")
LATE = DeadlineExceeded(Reason.DEADLINE, "late")
UNKNOWN = NotFound(Reason.SEED_UNKNOWN, "unknown")
PROFILE = profile_pb2.Profile(standardiser_version="std-1")


class Services:
    """Upstream services that rank t1, t2, … and fail on demand."""

    def __init__(self, **faults):
        self.faults = faults
        self.profiled, self.ranked, self.looked_up = [], [], []
        self.per_artist = 1
        self.variants: Iterator = iter(())

    def _fail(self, call):
        if call in self.faults:
            raise self.faults[call]

    async def build_profile(self, request):
        self._fail("profile")
        self.profiled.append(request)
        return profile_pb2.BuildProfileResponse(profile=PROFILE)

    async def recommend(self, request):
        self._fail("rank")
        self.ranked.append(
            ranker_pb2.RecommendTracksRequest.FromString(request.SerializeToString())
        )
        count = min(request.limit, self.per_artist if request.max_per_artist else request.limit)
        return ranker_pb2.RecommendTracksResponse(
            tracks=[ranker_pb2.RankedTrack(track_id=f"t{n}", rank=n) for n in range(1, count + 1)],
            pool=ranker_pb2.PoolSizes(after_filtering=4),
            degraded=["taste"],
            variant=next(self.variants, ranker_pb2.VARIANT_UNSPECIFIED),
        )

    async def tracks_by_id(self, ids):
        self._fail("search")
        self.looked_up.append(list(ids))
        return {name: search_pb2.Track(id=name) for name in ids}

    def recall(self, ids):
        return {name: search_pb2.Track(id=name, title="remembered") for name in ids[:1]}


class Recorder:
    def __init__(self):
        self.degraded: tuple[str, ...] = ()
        self.lists: list = []

    def new_id(self):
        return "r1"

    def record_list(self, *recorded):
        self.lists.append(recorded)


class Experiments:
    def enrol(self, request, listener):
        request.trial.experiment_id = f"e-{listener}"


def recommender(services, recorder=None):
    return Recommender(services, recorder or Recorder(), Experiments())  # type: ignore[arg-type]


def asked(**options):
    request = ranker_pb2.RecommendTracksRequest(
        seeds=[profile_pb2.Seed(track_id="s1"), profile_pb2.Seed(genre="rock")],
        negative_seeds=[profile_pb2.Seed(track_id="n1")],
        weights=[profile_pb2.AttributeWeight(attribute=profile_pb2.ATTRIBUTE_ENERGY, weight=2)],
        targets=[profile_pb2.AttributeTarget(attribute=profile_pb2.ATTRIBUTE_TEMPO, value=90)],
        limit=3,
        max_per_artist=3,
    )
    return ListRequest(request, "ann", "/x", **options)


async def test_the_profile_is_averaged_from_the_same_query_and_goes_to_the_ranker():
    services = Services()
    found = await recommender(services).recommend(asked(with_profile=True))
    (profiled,), (ranked,) = services.profiled, services.ranked
    for name in ("seeds", "negative_seeds", "weights", "targets"):
        assert list(getattr(profiled, name)) == list(getattr(ranked, name))
    assert (ranked.profile, found.profile) == (PROFILE, PROFILE)
    assert ranked.trial.experiment_id == "e-ann"
    assert found.degraded == ["taste"]


async def test_an_answer_without_a_profile_makes_no_call_for_one():
    services = Services(profile=AssertionError("asked"))
    found = await recommender(services).recommend(asked())
    assert not services.ranked[0].HasField("profile")
    assert (found.profile, found.degraded) == (None, ["taste"])


@pytest.mark.parametrize("fault", [DOWN, LATE])
async def test_without_the_profile_service_the_ranker_averages_itself(fault):
    services = Services(profile=fault)
    found = await recommender(services).recommend(asked(with_profile=True))
    assert not services.ranked[0].HasField("profile")
    assert found.degraded == ["taste", "profile"]


@pytest.mark.parametrize("fault", [DOWN, LATE])
async def test_without_search_the_names_looked_up_before_are_answered(fault):
    found = await recommender(Services(search=fault)).recommend(asked())
    assert [track.title for track in found.tracks.values()] == ["remembered"]
    assert found.degraded == ["taste", "search"]


@pytest.mark.parametrize("part", ["profile", "rank", "search"])
async def test_a_request_at_fault_is_an_error_from_any_service(part):
    recorder = Recorder()
    with pytest.raises(NotFound):
        await recommender(Services(**{part: UNKNOWN}), recorder).recommend(asked(with_profile=True))
    assert recorder.lists == []


async def test_nothing_replaces_the_ranker():
    with pytest.raises(NotReady):
        await recommender(Services(rank=DOWN)).recommend(asked())


async def test_the_list_is_recorded_as_asked_and_answered():
    recorder = Recorder()
    recorder.degraded = ("database",)
    found = await recommender(Services(), recorder).recommend(asked(with_profile=True))
    (recorded,) = recorder.lists
    assert recorded == ("r1", "ann", "/x", found.request, found.ranking)
    assert not found.request.HasField("profile")
    assert (found.recommendation_id, found.degraded) == ("r1", ["taste", "database"])


async def test_a_list_that_the_artist_cap_left_short_is_filled_up_only_on_demand():
    services = Services()
    found = await recommender(services).recommend(asked(fill_up=True, with_profile=True))
    assert [(track.track_id, track.rank) for track in found.ranking.tracks] == [
        ("t1", 1), ("t2", 2), ("t3", 3),
    ]  # fmt: skip
    assert [request.max_per_artist for request in services.ranked] == [3, 0]
    assert all(request.profile == PROFILE for request in services.ranked)
    assert found.request.max_per_artist == 3
    assert len((await recommender(Services()).recommend(asked())).ranking.tracks) == 1


async def test_a_list_is_not_filled_up_by_another_model():
    services = Services()
    services.variants = iter((ranker_pb2.VARIANT_CHALLENGER, ranker_pb2.VARIANT_CHAMPION))
    found = await recommender(services).recommend(asked(fill_up=True))
    assert [track.track_id for track in found.ranking.tracks] == ["t1"]


async def test_seeds_closest_seeds_and_ranked_tracks_are_looked_up():
    services = Services()
    await recommender(services).recommend(asked())
    assert services.looked_up == [["s1", "t1"]]
