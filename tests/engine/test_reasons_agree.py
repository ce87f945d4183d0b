"""The compiled facts and their JSON against the Python program in `tests/oracle/reasons`."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quintet_contract.attributes import ATTRIBUTES
from quintet_contract.signals import NO_PREFERENCES, Preferences
from quintet_engine.context import Context
from quintet_engine.listening import PARTS
from quintet_engine.query import Query, Reasons, Seed, SeedKind
from quintet_engine.reasons import Adjustment, Ranked, explain

from tests.fakes.reasoned import Reasoned, bootstrap, trained
from tests.oracle.reasons.explanation import explain as explain_in_python
from tests.oracle.reasons.reasons_json import reasons_json

SINGLE = 1e-6
"""How far cosines may differ: sums of float32 in another order."""


@pytest.fixture(scope="module")
def world_of() -> Callable[[str], Reasoned]:
    # A function, because Hypothesis prints the arguments of a failed test.
    return {"trained": trained(), "bootstrap": bootstrap()}.__getitem__


@st.composite
def choices(draw: st.DrawFn) -> dict[str, Any]:
    """Seeds of each kind by number, with targets, weights, and what ranked the list."""
    kinds = st.sampled_from([*[SeedKind.TRACK] * 4, SeedKind.ARTIST, SeedKind.GENRE])
    some = st.lists(st.sampled_from(ATTRIBUTES), max_size=4, unique=True)
    return {
        "seeds": draw(st.lists(st.tuples(kinds, st.integers(0, 4)), min_size=1, max_size=5)),
        "targets": draw(some),
        "silent": [name for name in draw(some) if name != "popularity"],
        "language": draw(st.sampled_from(["en", "ko"])),
        "model": draw(st.sampled_from(["trained", "bootstrap"])),
        "has_booster": draw(st.booleans()),
        "has_memory": draw(st.booleans()),
        "count": draw(st.integers(1, 12)),
        "random": draw(st.integers(0, 2**32 - 1)),
    }


def asked(world: Reasoned, chosen: dict[str, Any], random: np.random.Generator) -> Context:
    names = {
        SeedKind.TRACK: random.choice(world.tracks, 5, replace=False).tolist(),
        SeedKind.ARTIST: random.choice(world.artists, 5, replace=False).tolist(),
        SeedKind.GENRE: world.genres[:5],
    }
    seeds = dict.fromkeys((kind, names[kind][number]) for kind, number in chosen["seeds"])
    targets = {name: float(world.features[0, world.column(name)]) for name in chosen["targets"]}
    return world.engine.prepare(
        Query(
            tuple(Seed(kind, name, float(random.choice([0.5, 1, 3]))) for kind, name in seeds),
            targets=targets,
            weights=dict.fromkeys(chosen["silent"], 0.0),
            language=chosen["language"],
            preferences=memory(world, random) if chosen["has_memory"] else NO_PREFERENCES,
        )
    )


def memory(world: Reasoned, random: np.random.Generator) -> Preferences:
    """What a listener liked, played and skipped."""
    count = int(random.integers(1, 40))
    plays, skips = random.choice([0, 1, 5], count), random.choice([0, 0, 2], count)
    opinions, days = random.choice([0, 0, 1, -1], count), random.uniform(0, 300, count)
    plays, skips, opinions, days = (each.tolist() for each in (plays, skips, opinions, days))
    names = random.choice(world.tracks, count, replace=False).tolist()
    return Preferences(names, plays, skips, opinions, days, [False] * count)


def ranked(
    world: Reasoned, context: Context, chosen: dict[str, Any], random: np.random.Generator
) -> Ranked:
    """Rows with contributions of any size, of which many are 0, as those of trees are."""
    names, count = world.engine.recipe.names, chosen["count"]
    rows = random.choice(len(world.rows), count, replace=False)
    shares = random.normal(size=(count, len(names) + 1))
    shares[random.random(shares.shape) < random.choice([0.2, 0.6, 0.98])] = 0
    fits = {name: random.normal(size=count) for name in context.query.targets}
    sound = random.normal(size=count) if random.random() < 0.3 else None
    has_memory = context.listener is not None
    pulls = {name: random.normal(size=count) for name in PARTS} if has_memory else {}
    rose = random.random(count) < 0.7 if has_memory else None
    matrix = random.normal(size=(count, len(names))).astype(np.float32)
    matrix[random.random(matrix.shape) < 0.1] = np.nan
    return Ranked(
        rows.astype(np.int64),
        matrix,
        shares if chosen["has_booster"] else None,
        names,
        Adjustment(random.choice([1.0, 2.5]), fits, sound, pulls, rose),
    )


@settings(max_examples=120, deadline=None)
@given(choices())
def test_facts_sentences_and_json_are_those_of_the_python_program(world_of, chosen):
    random = np.random.default_rng(chosen["random"])
    world = world_of(chosen["model"])
    context = asked(world, chosen, random)
    rows = ranked(world, context, chosen, random)
    wanted = explain_in_python(context, rows)
    texts = reasons_json(wanted)
    for track, reasons, text in zip(explain(context, rows), wanted, texts, strict=True):
        assert_same(track.reasons, reasons)
        assert_near(json.loads(track.json), json.loads(text))


def assert_same(ours: Reasons, theirs: Reasons) -> None:
    assert ours.sentence == theirs.sentence
    assert len(ours.facts) == len(theirs.facts)
    for fact, other in zip(ours.facts, theirs.facts, strict=True):
        assert fact._replace(weight=0, value=0) == other._replace(weight=0, value=0)
        assert (fact.weight, fact.value) == pytest.approx((other.weight, other.value), abs=SINGLE)
    assert (ours.closest_seed, ours.closest_title) == (theirs.closest_seed, theirs.closest_title)
    assert ours.closest_similarity == pytest.approx(theirs.closest_similarity, abs=SINGLE)
    np.testing.assert_equal(ours.contributions, theirs.contributions)
    for our, their in zip(ours.comparisons, theirs.comparisons, strict=True):
        np.testing.assert_equal(
            our._replace(similarity_share=0), their._replace(similarity_share=0)
        )
        assert our.similarity_share == pytest.approx(their.similarity_share, abs=SINGLE)


def assert_near(ours: Any, theirs: Any) -> None:
    """JSON has seven significant digits, and cosines of float32 have no more after the point."""
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        for name, value in theirs.items():
            assert_near(ours[name], value)
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_near(one, other)
    elif isinstance(theirs, float):
        assert ours == pytest.approx(theirs, rel=1e-6, abs=SINGLE)
    else:
        assert ours == theirs
