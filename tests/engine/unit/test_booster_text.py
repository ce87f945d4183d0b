"""A damaged booster is an error before LightGBM, which would end the process, reads it."""

import re
import subprocess
import sys

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quintet_engine.booster_text import BoosterTextInvalid, check_booster_text
from quintet_engine.forest import Forest


def _booster_text() -> str:
    """Train a ranker of three trees on rows whose first column is their relevance."""
    random = np.random.default_rng(7)
    rows = random.normal(size=(120, 4))
    rows[::9, 2] = np.nan
    relevance = (rows[:, 0] > 0).astype(int) + (rows[:, 1] > 0) + (rows[:, 3] > 0)
    data = lightgbm.Dataset(rows, relevance, group=[30] * 4, free_raw_data=False)
    options = {
        "objective": "lambdarank",
        "num_leaves": 5,
        "min_data_in_leaf": 2,
        "min_sum_hessian_in_leaf": 0,
        "verbose": -1,
    }
    return str(lightgbm.train(options, data, num_boost_round=3).model_to_string())


TEXT = _booster_text()


def _resized(text: str) -> str:
    """Write the trees' true sizes into the header, so that what is wrong inside them is reached."""
    head, _, rest = text.partition("\n\n")
    body, end, tail = rest.lstrip("\n").partition("end of trees\n")
    trees = [part for part in re.split(r"(?m)^(?=Tree=)", body) if part]
    sizes = " ".join(str(len(tree.encode())) for tree in trees)
    return re.sub("tree_sizes=.*", f"tree_sizes={sizes}", head) + f"\n\n{body}{end}{tail}"


def _changed(name: str, value: str) -> str:
    return _resized(re.sub(rf"(?m)^{name}=.*$", f"{name}={value}", TEXT, count=1))


def test_a_booster_as_lightgbm_writes_it_is_readable() -> None:
    check_booster_text(TEXT)
    assert _resized(TEXT) == TEXT
    assert Forest.of(lightgbm.Booster(model_str=TEXT)) is not None


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("num_tree_per_iteration", "0", "num_tree_per_iteration"),
        ("num_class", "0", "num_class"),
        ("max_feature_idx", "3000000000", "max_feature_idx"),
        ("max_feature_idx", "4", "disagree"),
        ("feature_infos", "none", "feature_infos"),
        ("objective", "", "objective"),
        ("num_leaves", "0", "num_leaves"),
        ("num_leaves", "2000000000", "tree 0"),
        ("num_leaves", "6", "must hold 5 numbers"),
        ("split_feature", "0 1 2 9", "split_feature"),
        ("split_feature", "0 1 -1 2", "split_feature"),
        ("left_child", "0 0 0 0", "do not form a tree"),
        ("left_child", "9 9 9 9", "do not form a tree"),
        ("threshold", "nan 1 1 1", "threshold"),
        ("threshold", "1_0 1 1 1", "no number"),
        ("leaf_value", "inf 1 1 1 1", "finite"),
        ("decision_type", "3 2 2 2", "categor"),
        ("decision_type", "99 2 2 2", "decision_type"),
        ("num_cat", "7", "num_cat"),
        ("is_linear", "1", "linear"),
    ],
)
def test_numbers_that_contradict_each_other_are_named(name: str, value: str, why: str) -> None:
    with pytest.raises(BoosterTextInvalid, match=why):
        check_booster_text(_changed(name, value))


def test_sizes_that_do_not_fit_the_trees_are_named() -> None:
    with pytest.raises(BoosterTextInvalid):
        check_booster_text(re.sub("tree_sizes=.*", "tree_sizes=10 10 10", TEXT))


@given(st.integers(0, len(TEXT) - 1))
def test_a_text_cut_short_anywhere_is_not_read(size: int) -> None:
    cut = TEXT[:size]
    if cut.rstrip("\n") != TEXT.rstrip("\n"):
        with pytest.raises(BoosterTextInvalid):
            check_booster_text(cut)


_NUMBERS = st.sampled_from(["0", "-1", "2147483647", "nan", "inf", "1e308", "", "x", "3", "11"])
_LINES = TEXT.split("\n")


@st.composite
def _damaged(draw: st.DrawFn) -> str:
    """Change up to three numbers, lines or bytes of the text."""
    lines = list(_LINES)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(lines) - 1))
        name, sign, value = lines[place].partition("=")
        match draw(st.sampled_from(["number", "drop", "repeat", "bytes"])):
            case "number" if sign:
                cells = value.split(" ")
                cells[draw(st.integers(0, len(cells) - 1))] = draw(_NUMBERS)
                lines[place] = f"{name}={' '.join(cells)}"
            case "drop":
                del lines[place]
            case "repeat":
                lines.insert(place, lines[place])
            case _:
                lines[place] = draw(st.text(max_size=30))
    text = "\n".join(lines)
    return _resized(text) if draw(st.booleans()) and "end of trees" in text else text


# Reads texts, each after its length in bytes; what ends it shows as fewer answers than texts.
_READER = """
import os, struct, sys
import lightgbm, numpy as np
answers = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)  # LightGBM prints its warnings
rows = np.array([[np.nan] * 4, [1e30] * 4, [0] * 4, [-1] * 4], np.float32)
while head := sys.stdin.buffer.read(4):
    text = sys.stdin.buffer.read(struct.unpack("<I", head)[0]).decode("utf-8", "surrogatepass")
    try:
        booster = lightgbm.Booster(model_str=text)
        booster.predict(rows, num_threads=1)
        booster.predict(rows, pred_contrib=True, num_threads=1)
    except (lightgbm.basic.LightGBMError, ValueError):
        pass
    answers.write(b".")
    answers.flush()
"""


def test_whatever_passes_the_check_ends_no_process() -> None:
    passing: list[bytes] = []

    @settings(max_examples=400, database=None)
    @given(_damaged())
    def collect(text: str) -> None:
        try:
            check_booster_text(text)
        except BoosterTextInvalid:
            return
        passing.append(text.encode("utf-8", "surrogatepass"))

    collect()
    assert passing
    stream = b"".join(len(each).to_bytes(4, "little") + each for each in passing)
    done = subprocess.run(
        [sys.executable, "-c", _READER], input=stream, capture_output=True, timeout=120, check=False
    )
    assert (done.returncode, len(done.stdout)) == (0, len(passing))
