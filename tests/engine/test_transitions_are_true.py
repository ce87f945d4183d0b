"""Every statement about two tracks in a row is true: parsed from both languages, checked by hand.

Each sentence is read back, clause by clause, and compared with the raw tables, by code that shares
nothing with the engine.
"""

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quintet_engine.sequence import Transition
from quintet_engine.transitions import transitions
from quintet_explain import transition_sentence

from tests.fakes.reasoned import COUNT, Reasoned, bootstrap, trained

NOTES = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"]
KEY = r"([A-G]♯?) (major|minor|장조|단조)"
TEMPI, TEMPI_KO = r"from (\d+) to (\d+) bpm", r"템포가 (\d+)에서 (\d+)bpm으로"
# Each clause: kind, relation, and the pattern in English and in Korean.
CLAUSES = [
    ("tempo", "same", r"both at (\d+) bpm", r"두 곡 모두 (\d+)bpm"),
    ("tempo", "higher", rf"tempo up {TEMPI}", rf"{TEMPI_KO} 빨라짐"),
    ("tempo", "lower", rf"tempo down {TEMPI}", rf"{TEMPI_KO} 느려짐"),
    ("key", "same", rf"both in {KEY}", rf"두 곡 모두 {KEY}"),
    ("key", "fits", rf"from {KEY} to {KEY}, which fits", rf"{KEY}에서 어울리는 {KEY}"),
    ("energy", "same", "about the same energy", "에너지가 비슷함"),
    ("energy", "a_little_higher", "a little more energy", "에너지가 조금 높아짐"),
    ("energy", "higher", "more energy", "에너지가 높아짐"),
    ("energy", "a_little_lower", "a little less energy", "에너지가 조금 낮아짐"),
    ("energy", "lower", "less energy", "에너지가 낮아짐"),
    ("artist", "both", r"both by (.+)", r"두 곡 모두 (.+)의 곡"),
    ("genre", "both", r"both of the genre (.+)", r"두 곡 모두 (.+) 장르"),
    ("taste", "both", "near in listeners' taste", "듣는 사람들의 취향이 가까움"),
]  # fmt: skip


@pytest.fixture(scope="module")
def worlds() -> dict[str, Reasoned]:
    return {"trained": trained(), "bootstrap": bootstrap()}


def statements(sentence: str, language: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """Read a sentence as (kind, relation, values), clause by clause."""
    place = 2 if language == "en" else 3
    text, found = sentence.removesuffix("."), []
    while text:
        for clause in CLAUSES:
            # A name may contain a comma, so the shortest that leaves a clause behind it is tried.
            pattern = rf"({clause[place]})(?:, (?=.)|$)"
            match = re.match(pattern.replace("(.+)", "(.+?)"), text, re.IGNORECASE)
            if match:
                found.append((clause[0], clause[1], match.groups()[1:]))
                text = text[match.end() :]
                break
        else:
            raise AssertionError(f"not a statement: {text!r} in {sentence!r}")
    return found


def is_true(
    world: Reasoned, before: int, after: int, statement: tuple[str, str, tuple[str, ...]]
) -> bool:
    kind, relation, values = statement
    old, new = world.rows[before], world.rows[after]
    raw_old, raw_new = world.features[before], world.features[after]
    if kind == "tempo":
        tempi = [int(f"{each[world.column('tempo')]:.0f}") for each in (raw_old, raw_new)]
        order = (tempi[1] > tempi[0]) - (tempi[1] < tempi[0])
        sizes = {"same": 0, "higher": 1, "lower": -1}
        return [int(v) for v in values] == tempi[-len(values) :] and order == sizes[relation]
    if kind == "key":
        return keys_hold(world, raw_old, raw_new, relation, values)
    if kind == "energy":
        column = world.column("energy")
        gap = float(raw_new[column] - raw_old[column]) / float(world.deviation[column])
        low, high = {
            "same": (-0.25, 0.25), "a_little_higher": (0.25, 0.75), "higher": (0.75, 99),
            "a_little_lower": (-0.75, -0.25), "lower": (-99, -0.75),
        }[relation]  # fmt: skip
        return low - 1e-6 <= gap <= high + 1e-6
    if kind in ("artist", "genre"):
        names = {"artist": "artists", "genre": "genres"}[kind]
        return values[0] in old[names] and values[0] in new[names]
    model = world.engine.collaborative
    assert model is not None
    places = model.taste.of(np.array([before, after]))
    return float(places[0] @ places[1]) >= 0.499


def keys_hold(
    world: Reasoned, raw_old: Any, raw_new: Any, relation: str, values: tuple[str, ...]
) -> bool:
    """Compare the named keys with the raw ones, and fits with a table of the circle of fifths."""
    raw = []
    for each in (raw_old, raw_new):
        major = bool(each[world.column("mode")] >= 0.5)
        raw.append((int(each[world.column("key")]), major))
    named = [(NOTES.index(values[n].upper()), values[n + 1].lower() in ("major", "장조"))
             for n in range(0, len(values), 2)]  # fmt: skip
    if relation == "same":
        return [named[0]] * 2 == raw
    key, major = raw[0]
    relative = (key + 9) % 12 if major else (key + 3) % 12
    fitting = {((key + up) % 12, major) for up in (5, 7)} | {
        (relative, not major), ((relative + 5) % 12, not major), ((relative + 7) % 12, not major)
    }  # fmt: skip
    return named == raw and raw[1] in fitting


@pytest.mark.parametrize("model", ["trained", "bootstrap"])
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(st.integers(0, COUNT - 1), min_size=2, max_size=6, unique=True))
def test_every_clause_is_true_and_states_one_fact(worlds, model, rows):
    world = worlds[model]
    found = transitions(rows, world.engine.catalogue, world.engine.collaborative, "en")
    assert len(found) == len(rows) - 1
    for before, after, step in zip(rows[:-1], rows[1:], found, strict=True):
        check_step(world, before, after, step)


def check_step(world: Reasoned, before: int, after: int, step: Transition) -> None:
    for language in ("en", "ko"):
        stated = statements(transition_sentence(step.facts, language), language)
        assert [(kind, relation) for kind, relation, _ in stated] == [
            (fact.kind.value, fact.relation.value) for fact in step.facts
        ]
        for statement in stated:
            assert is_true(world, before, after, statement), (statement, step.sentence)
    units = [world.encoded[row] / np.linalg.norm(world.encoded[row]) for row in (before, after)]
    cosine = float(np.clip(units[0] @ units[1], -1, 1))
    assert step.sound == pytest.approx(np.arccos(cosine) / np.pi, abs=1e-3)
    assert (step.taste is None) == (world.engine.collaborative is None)
    both = [each for each in (step.sound, step.taste) if each is not None]
    assert step.distance == pytest.approx(np.mean(both))


def test_two_tracks_that_nothing_links_are_not_said_to_be_linked():
    assert transition_sentence([]) == "No measured attribute and no name links the two."
    assert transition_sentence([], "ko") == "두 곡을 잇는 측정값이나 이름이 없습니다."
