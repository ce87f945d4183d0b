"""The flow of every list: profile, ranker, search, and what is done without."""

import asyncio
from collections.abc import Iterator

import pytest
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet_gateway.domain import ShownTracks
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
        self.is_complete = True
        self.profile = PROFILE
        self.variants: Iterator = iter(())

    def _fail(self, call):
        if call in self.faults:
            raise self.faults[call]

    async def build_profile(self, request):
        self._fail("profile")
        self.profiled.append(request)
        return profile_pb2.BuildProfileResponse(profile=self.profile)

    async def recommend(self, request):
        self._fail("rank")
        self.ranked.append(
            ranker_pb2.RecommendTracksRequest.FromString(request.SerializeToString())
        )
        count = min(request.limit, self.per_artist if request.max_per_artist else request.limit)
        return ranker_pb2.RecommendTracksResponse(
            tracks=[ranker_pb2.RankedTrack(track_id=f"t{n}", rank=n) for n in range(1, count + 1)],
            pool=ranker_pb2.PoolSizes(after_filtering=4),
            versions=ranker_pb2.Versions(catalogue_version="cat-1+cat-2"),
            degraded=["taste"],
            variant=next(self.variants, ranker_pb2.VARIANT_UNSPECIFIED),
        )

    async def shown_tracks(self, ids):
        self._fail("search")
        self.looked_up.append(list(ids))
        return ShownTracks("cat-1", dict.fromkeys(ids, b"{}"), self.is_complete)


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


async def test_the_profile_is_averaged_from_the_same_query_as_the_list():
    services = Services()
    found = await recommender(services).recommend(asked(with_profile=True))
    (profiled,), (ranked,) = services.profiled, services.ranked
    for name in ("seeds", "negative_seeds", "weights", "targets"):
        assert list(getattr(profiled, name)) == list(getattr(ranked, name))
    assert found.profile == PROFILE
    # The ranker averages the seeds itself, so that the list does not depend on the profile.
    assert not ranked.HasField("profile")
    assert ranked.trial.experiment_id == "e-ann"
    assert found.degraded == ["taste"]


async def test_profile_service_and_ranker_are_asked_at_once():
    class Waiting(Services):
        """Each call ends only after the other has begun."""

        def __init__(self):
            super().__init__()
            self.both = asyncio.Barrier(2)

        async def build_profile(self, request):
            await self.both.wait()
            return await super().build_profile(request)

        async def recommend(self, request):
            await self.both.wait()
            return await super().recommend(request)

    async with asyncio.timeout(60):
        found = await recommender(Waiting()).recommend(asked(with_profile=True))
    assert (found.profile, found.degraded) == (PROFILE, ["taste"])


async def test_an_answer_without_a_profile_makes_no_call_for_one():
    services = Services(profile=AssertionError("asked"))
    found = await recommender(services).recommend(asked())
    assert (found.profile, found.degraded) == (None, ["taste"])


# An unknown seed: the profile service serves another catalogue than the ranker, which knows it.
@pytest.mark.parametrize("fault", [DOWN, LATE, UNKNOWN])
async def test_the_list_needs_no_profile_service(fault):
    whole = await recommender(Services()).recommend(asked(with_profile=True))
    found = await recommender(Services(profile=fault)).recommend(asked(with_profile=True))
    assert found.ranking == whole.ranking
    assert (found.profile, found.degraded) == (None, ["taste", "profile"])


@pytest.mark.parametrize(
    ("version", "degraded"),
    [("cat-1", []), ("cat-2", []), ("cat-3", ["profile"])],
)
async def test_a_profile_of_another_catalogue_than_the_list_is_named(version, degraded):
    services = Services()
    services.profile = profile_pb2.Profile(catalogue_version=version)
    found = await recommender(services).recommend(asked(with_profile=True))
    assert found.profile == services.profile
    assert found.degraded == ["taste", *degraded]


async def test_tracks_that_search_could_not_be_asked_for_are_named():
    services = Services()
    services.is_complete = False
    found = await recommender(services).recommend(asked())
    assert set(found.tracks.json) == {"s1", "t1"}
    assert found.degraded == ["taste", "search"]


@pytest.mark.parametrize("part", ["rank", "search"])
async def test_a_request_at_fault_is_an_error(part):
    recorder = Recorder()
    with pytest.raises(NotFound):
        await recommender(Services(**{part: UNKNOWN}), recorder).recommend(asked(with_profile=True))
    assert recorder.lists == []


async def test_without_a_ranker_the_profile_service_finds_the_request_at_fault():
    with pytest.raises(NotFound):
        await recommender(Services(rank=DOWN, profile=UNKNOWN)).recommend(asked(with_profile=True))


async def test_nothing_replaces_the_ranker():
    with pytest.raises(NotReady):
        await recommender(Services(rank=DOWN)).recommend(asked())


async def test_the_list_is_recorded_as_asked_and_answered():
    recorder = Recorder()
    recorder.degraded = ("database",)
    found = await recommender(Services(), recorder).recommend(asked(with_profile=True))
    (recorded,) = recorder.lists
    assert recorded == ("r1", "ann", "/x", found.request, found.ranking)
    assert (found.recommendation_id, found.degraded) == ("r1", ["taste", "database"])


async def test_a_list_that_the_artist_cap_left_short_is_filled_up_only_on_demand():
    services = Services()
    found = await recommender(services).recommend(asked(fill_up=True, with_profile=True))
    assert [(track.track_id, track.rank) for track in found.ranking.tracks] == [
        ("t1", 1), ("t2", 2), ("t3", 3),
    ]  # fmt: skip
    assert [request.max_per_artist for request in services.ranked] == [3, 0]
    assert found.request.max_per_artist == 3
    assert len((await recommender(Services()).recommend(asked())).ranking.tracks) == 1


async def test_a_list_is_not_filled_up_by_another_model():
    services = Services()
    services.variants = iter((ranker_pb2.VARIANT_CHALLENGER, ranker_pb2.VARIANT_CHAMPION))
    found = await recommender(services).recommend(asked(fill_up=True))
    assert [track.track_id for track in found.ranking.tracks] == ["t1"]


async def test_seeds_and_ranked_tracks_are_looked_up():
    services = Services()
    await recommender(services).recommend(asked())
    assert services.looked_up == [["s1", "t1"]]


async def test_a_seed_is_stored_by_the_id_of_its_track(monkeypatch: pytest.MonkeyPatch):
    services, recorder = Services(), Recorder()
    track = {"USQTT2600001": b'{"id": "t9"}'}

    async def shown_tracks(ids):
        return ShownTracks("cat-1", {name: track.get(name, b"{}") for name in ids})

    monkeypatch.setattr(services, "shown_tracks", shown_tracks)
    request = ranker_pb2.RecommendTracksRequest(
        seeds=[profile_pb2.Seed(track_id="USQTT2600001"), profile_pb2.Seed(genre="rock")], limit=1
    )
    found = await recommender(services, recorder).recommend(ListRequest(request, "", "/"))
    assert found.request.seeds[0].track_id == "USQTT2600001"
    stored = recorder.lists[0][3]
    assert [seed.WhichOneof("kind") for seed in stored.seeds] == ["track_id", "genre"]
    assert stored.seeds[0].track_id == "t9"
