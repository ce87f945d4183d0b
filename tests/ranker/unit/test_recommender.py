"""Whatever becomes of the challenger, a listener is answered."""

import asyncio
import threading
from datetime import UTC, datetime

import pytest
from quintet_engine.query import Pool, Query, QueryInvalid, RankedTrack, Ranking, Seed, SeedKind
from quintet_ranker.domain import ModelFacts, PickOrigin, Recommender, Trial, Variant
from quintet_servicekit.errors import InvalidInput, NotReady, ResourceExhausted

QUERY = Query((Seed(SeedKind.TRACK, "s"),), limit=4)


class Ranked:
    def __init__(self, version, names, fault=None, gate=None):
        self.version, self.names, self.fault, self.gate = version, names, fault, gate
        self.facts = ModelFacts(version, "i", "c", "trained", (), "", 9, datetime.now(UTC), (), {})

    def recommend(self, query):
        if self.gate is not None:
            assert self.gate.wait(60)
        if self.fault is not None:
            raise self.fault
        tracks = tuple(RankedTrack(name, 0.0, 0.0, ()) for name in self.names[: query.limit])
        return Ranking(tracks, Pool(9, 9, 9, 9), (), self.version, "i", "c")

    def play(self, session, request):
        raise NotImplementedError

    def find_path(self, query):
        raise NotImplementedError

    def identities(self, track_ids):
        return {}


class Models:
    refused_version = refused_reason = challenger_version = challenger_refused_reason = ""
    load_time = None

    def __init__(self, champion, challenger=None):
        self.value, self.held = champion, challenger
        self.asked: list[str] = []

    def hold_challenger(self, version):
        self.asked.append(version)
        return self.held


CHAMPION = Ranked("m1", ["a", "b", "c", "d"])
CHALLENGER = Ranked("m2", ["e", "f", "g", "h"])


def recommender(models, patience=5.0):
    return Recommender(models, asyncio.to_thread, asyncio.to_thread, patience)


def trial(variant):
    return Trial(Variant(variant), "m2", "key")


def ids(answer):
    return [track.track_id for track in answer.ranking.tracks]


async def test_outside_of_an_experiment_the_champion_answers_and_nobody_asks_for_another():
    models = Models(CHAMPION, CHALLENGER)
    answer = await recommender(models).answer(QUERY)
    assert (ids(answer), answer.variant, models.asked) == (CHAMPION.names, None, [])


@pytest.mark.parametrize(
    ("variant", "version"), [("champion", "m1"), ("challenger", "m2"), ("interleave", "m1+m2")]
)
async def test_who_should_answer_does(variant, version):
    answer = await recommender(Models(CHAMPION, CHALLENGER)).answer(QUERY, trial(variant))
    assert (answer.variant, answer.ranking.model_version) == (variant, version)
    assert answer.ranking.degraded == ()
    assert answer.seconds >= 0


async def test_an_interleaved_list_says_whose_each_track_is():
    answer = await recommender(Models(CHAMPION, CHALLENGER)).answer(QUERY, trial("interleave"))
    whose = dict(zip(ids(answer), answer.origins, strict=True))
    assert sorted(whose) == sorted({"a", "b", "e", "f"})
    assert [whose[name] for name in "abef"] == [PickOrigin.CHAMPION] * 2 + [
        PickOrigin.CHALLENGER
    ] * 2


@pytest.mark.parametrize("variant", ["challenger", "interleave"])
@pytest.mark.parametrize("challenger", [None, Ranked("m2", [], RuntimeError("broken"))])
async def test_without_a_challenger_the_champion_answers_and_says_so(variant, challenger):
    models = Models(CHAMPION, challenger)
    answer = await recommender(models).answer(QUERY, trial(variant))
    assert (ids(answer), answer.variant) == (CHAMPION.names, Variant.CHAMPION)
    assert answer.ranking.degraded == ("challenger",)
    assert models.asked == ["m2"]


@pytest.mark.parametrize("variant", ["challenger", "interleave"])
async def test_a_challenger_that_hangs_holds_nobody_up(variant):
    gate = threading.Event()
    models = Models(CHAMPION, Ranked("m2", ["e"], gate=gate))
    try:
        answer = await recommender(models, patience=0.05).answer(QUERY, trial(variant))
        assert (answer.variant, answer.ranking.degraded) == (Variant.CHAMPION, ("challenger",))
    finally:
        gate.set()


async def test_a_query_that_breaks_a_rule_is_refused_whoever_answers():
    fault = QueryInvalid("LIMIT_RANGE", "limit", "limit must be 1 to 500")
    models = Models(*(Ranked(name, [], fault) for name in ("m1", "m2")))
    for variant in ("champion", "challenger", "interleave", "shadow"):
        with pytest.raises(InvalidInput):
            await recommender(models).answer(QUERY, trial(variant))


async def test_a_shadow_is_the_challengers_alone_and_never_the_champions():
    answer = await recommender(Models(CHAMPION, CHALLENGER)).answer(QUERY, trial("shadow"))
    assert ids(answer) == CHALLENGER.names
    with pytest.raises(NotReady):
        await recommender(Models(CHAMPION)).answer(QUERY, trial("shadow"))


async def test_one_shadow_is_answered_at_a_time():
    gate = threading.Event()
    asked = recommender(Models(CHAMPION, Ranked("m2", ["e"], gate=gate)))
    first = asyncio.create_task(asked.answer(QUERY, trial("shadow")))
    await asyncio.sleep(0)
    with pytest.raises(ResourceExhausted):
        await asked.answer(QUERY, trial("shadow"))
    gate.set()
    assert (await first).variant is Variant.SHADOW
    assert (await asked.answer(QUERY, trial("shadow"))).variant is Variant.SHADOW
