import pytest
from quintet_gateway.domain import Steps, recommend
from quintet_servicekit.errors import DeadlineExceeded, NotFound, NotReady, Reason

AWAY = NotReady(Reason.UPSTREAM_UNAVAILABLE, "away")
LATE = DeadlineExceeded(Reason.DEADLINE, "late")
UNKNOWN = NotFound(Reason.SEED_UNKNOWN, "unknown")


def steps(profile="profile", ranking="ranking", tracks="tracks", seen=None):
    def give(value):
        if isinstance(value, Exception):
            raise value
        return value

    async def build_profile():
        return give(profile)

    async def rank(found):
        if seen is not None:
            seen.append(found)
        return give(ranking)

    async def look_up(_ranking):
        return give(tracks)

    return Steps(build_profile, rank, look_up, lambda _ranking: "remembered")


async def test_the_profile_goes_to_the_ranker():
    seen: list = []
    outcome = await recommend(steps(seen=seen))
    assert seen == ["profile"]
    assert (outcome.ranking, outcome.tracks, outcome.degraded) == ("ranking", "tracks", ())


@pytest.mark.parametrize("fault", [AWAY, LATE])
async def test_without_a_profile_the_ranker_makes_its_own(fault):
    seen: list = []
    outcome = await recommend(steps(profile=fault, seen=seen))
    assert seen == [None]
    assert outcome.degraded == ("profile",)


@pytest.mark.parametrize("fault", [AWAY, LATE])
async def test_without_search_the_names_remembered_are_answered(fault):
    outcome = await recommend(steps(tracks=fault))
    assert (outcome.ranking, outcome.tracks) == ("ranking", "remembered")
    assert outcome.degraded == ("search",)


@pytest.mark.parametrize("part", ["profile", "ranking", "tracks"])
async def test_a_request_at_fault_is_refused_wherever_it_is_found(part):
    with pytest.raises(NotFound):
        await recommend(steps(**{part: UNKNOWN}))


async def test_nothing_replaces_the_ranker():
    with pytest.raises(NotReady):
        await recommend(steps(ranking=AWAY))
