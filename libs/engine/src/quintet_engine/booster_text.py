"""Check LightGBM's text form before LightGBM reads it.

LightGBM trusts its own files. A text that is cut short, or whose numbers contradict each other,
ends the process by SIGABRT, SIGFPE or SIGSEGV instead of raising an error, and a service that loads
it at start then dies at every start. So all that LightGBM uses as a size, an offset or an index is
checked here first.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

MAX_BYTES: Final = 512 * 1024**2
MAX_LEAVES: Final = 131_072
"""The most that LightGBM itself allows in one tree."""
_HEADER: Final = frozenset(
    (
        b"version",
        b"num_class",
        b"num_tree_per_iteration",
        b"label_index",
        b"max_feature_idx",
        b"objective",
        b"feature_names",
        b"monotone_constraints",
        b"feature_infos",
        b"tree_sizes",
    )
)
# How many numbers each line of a tree holds: a number per split, a number per leaf, or one.
_PER_SPLIT: Final = (
    b"split_feature",
    b"split_gain",
    b"threshold",
    b"decision_type",
    b"left_child",
    b"right_child",
    b"internal_value",
    b"internal_weight",
    b"internal_count",
)
_PER_LEAF: Final = (b"leaf_value", b"leaf_weight", b"leaf_count")
_SINGLE: Final = (b"num_leaves", b"num_cat", b"is_linear", b"shrinkage")
_CATEGORIES: Final = (b"cat_boundaries", b"cat_threshold")
# Lines that LightGBM reads as whole numbers; it takes "1.5" or "1e9" for something else.
_WHOLE: Final = frozenset(
    (b"split_feature", b"decision_type", b"left_child", b"right_child", b"num_leaves", b"num_cat")
)
_WHOLES: Final = re.compile(rb"-?[0-9]{1,10}(?: -?[0-9]{1,10})*")
_NUMBERS: Final = re.compile(rb"[-+0-9.eEinfa ]*")
# Of these LightGBM needs no parameters of training to predict; an empty one crashes it.
_OBJECTIVE: Final = re.compile(
    rb"lambdarank|rank_xendcg|regression|binary sigmoid:[0-9]{1,4}(\.[0-9]{1,6})?"
)
_PARAMETER: Final = re.compile(rb"\[[a-z0-9_]+: .*\]")
_CATEGORICAL: Final = 1
_MISSING_TYPES: Final = 3
_END: Final = b"end of trees\n"
_NO_CATEGORIES: Final = (b"pandas_categorical:null", b"pandas_categorical:[]")


class BoosterTextInvalid(ValueError):
    """A text is no booster that LightGBM can read; the message says what contradicts what."""


def check_booster_text(text: str) -> None:
    """Check that LightGBM can read a booster of one score per row and predict by it.

    Takes about as long as LightGBM takes to read it.

    Args:
        text: The whole content of a model file, format version 4.

    Raises:
        BoosterTextInvalid: It is cut short, contradicts itself, or has several scores per row,
            linear leaves or more than `MAX_LEAVES` leaves in a tree.
    """
    # LightGBM counts bytes. It reads a C string, so that a NUL would end it early.
    data = text.encode("utf-8", "surrogatepass")
    if len(data) > MAX_BYTES or b"\0" in data or b"\r" in data:
        raise BoosterTextInvalid(f"it holds NUL or CR, or more than {MAX_BYTES:,} bytes")
    head, separator, rest = data.partition(b"\n\n")
    if not separator:
        raise BoosterTextInvalid("it is cut short in its header")
    features, sizes = _check_header(head)
    # An offset counts from the first tree, after the blank lines of the header.
    blocks = rest.lstrip(b"\n")
    place = 0
    for number, size in enumerate(sizes):
        block = blocks[place : place + size]
        if len(block) != size or not block.startswith(b"Tree=%d\n" % number):
            raise BoosterTextInvalid(f"tree {number} does not stand where tree_sizes says")
        _Tree(number, block).check(features)
        place += size
    if not blocks[place:].startswith(_END):
        raise BoosterTextInvalid("it is cut short after its trees, or has more than it says")
    _check_tail(blocks[place + len(_END) :])


def _check_header(head: bytes) -> tuple[int, list[int]]:
    """Check the header; give the number of features and the size of each tree in bytes."""
    lines = head.split(b"\n")
    if lines[0] != b"tree":
        raise BoosterTextInvalid("it does not begin with a line 'tree'")
    fields = _fields(lines[1:], _HEADER)
    for name, value in ((b"version", b"v4"), (b"num_class", b"1"), (b"label_index", b"0")):
        if fields.get(name) != value:
            raise BoosterTextInvalid(f"{name.decode()} must be {value.decode()}")
    if fields.get(b"num_tree_per_iteration") != b"1":
        raise BoosterTextInvalid("num_tree_per_iteration must be 1")
    features = len(fields.get(b"feature_names", b"").split())
    last = _whole(fields.get(b"max_feature_idx", b""), "max_feature_idx", -1, 2**31 - 2)
    if not features or features != last + 1:
        raise BoosterTextInvalid("max_feature_idx and feature_names disagree")
    if len(fields.get(b"feature_infos", b"").split()) != features:
        raise BoosterTextInvalid("feature_infos and feature_names disagree")
    if _OBJECTIVE.fullmatch(fields.get(b"objective", b"")) is None:
        raise BoosterTextInvalid("objective must be lambdarank, rank_xendcg, regression or binary")
    constraints = fields.get(b"monotone_constraints")
    if constraints is not None and (
        len(constraints.split()) != features or not set(constraints.split()) <= {b"-1", b"0", b"1"}
    ):
        raise BoosterTextInvalid("monotone_constraints must hold -1, 0 or 1 for each feature")
    sizes = fields.get(b"tree_sizes")
    if sizes is None:
        raise BoosterTextInvalid("tree_sizes is missing")
    return features, [_whole(size, "tree_sizes", 1, MAX_BYTES) for size in sizes.split()]


def _check_tail(tail: bytes) -> None:
    """Check what follows the trees: importances and parameters, which nothing here depends on."""
    lines = tail.rstrip(b"\n").split(b"\n")
    # LightGBM's Python package reads the last line as JSON.
    if lines[-1] not in _NO_CATEGORIES:
        raise BoosterTextInvalid("it is cut short: pandas_categorical:null must be its last line")
    opened, closed = lines.count(b"parameters:"), lines.count(b"end of parameters")
    if opened != closed or opened > 1:
        raise BoosterTextInvalid("its parameters are cut short")
    if opened:
        first, last = lines.index(b"parameters:") + 1, lines.index(b"end of parameters")
        if not all(_PARAMETER.fullmatch(line) for line in lines[first:last] if line):
            raise BoosterTextInvalid("a parameter is not written as [name: value]")


class _Tree:
    """One tree of the text.

    Args:
        number: Its place, from 0, for messages.
        block: Its lines, the first of which is `Tree=number`.
    """

    def __init__(self, number: int, block: bytes) -> None:
        self._number = number
        lines = [line for line in block.split(b"\n")[1:] if line]
        known = {*_PER_SPLIT, *_PER_LEAF, *_SINGLE, *_CATEGORIES}
        self._fields = _fields(lines, known)
        leaves = self._fields.get(b"num_leaves", b"")
        self._leaves = _whole(leaves, f"tree {number}: num_leaves", 1, MAX_LEAVES)

    def check(self, features: int) -> None:
        """Check that all indices are within bounds and that its nodes form one binary tree.

        Args:
            features: How many features the booster has.

        Raises:
            BoosterTextInvalid: They do not.
        """
        if self._fields.get(b"is_linear", b"0") != b"0":
            raise self._fault("its leaves are linear models")
        self._number_of(b"shrinkage")
        for name in _PER_LEAF:
            self._numbers(name, self._leaves)
        if not np.isfinite(self._numbers(b"leaf_value", self._leaves, needed=True)).all():
            raise self._fault("a leaf's value is not a finite number")
        if self._leaves == 1:
            return
        values = {name: self._numbers(name, self._leaves - 1) for name in _PER_SPLIT}
        for name in (b"split_feature", b"threshold", b"decision_type"):
            if not len(values[name]):
                raise self._fault(f"{name.decode()} is missing")
        if not _within(values[b"split_feature"], 0, features - 1):
            raise self._fault(f"split_feature must be 0 to {features - 1}")
        self._check_children(values[b"left_child"], values[b"right_child"])
        self._check_decisions(values[b"decision_type"], values[b"threshold"])

    def _check_children(self, left: NDArray[np.float64], right: NDArray[np.float64]) -> None:
        """Check that each node but the root, and each leaf, is the child of one earlier node."""
        splits = self._leaves - 1
        children = np.concatenate([left, right])
        # A leaf is written as its bitwise complement: -1 is leaf 0.
        expected = np.concatenate([np.arange(-self._leaves, 0), np.arange(1, splits)])
        if not np.array_equal(np.sort(children), expected):
            raise self._fault("its nodes do not form a tree")
        parents = np.tile(np.arange(splits), 2)
        inner = children >= 0
        if (children[inner] <= parents[inner]).any():
            raise self._fault("its nodes form a circle")

    def _check_decisions(
        self, decisions: NDArray[np.float64], thresholds: NDArray[np.float64]
    ) -> None:
        # Bit 0: categorical; bit 1: where missing values go; bits 2 and 3: what counts as missing.
        kinds = decisions.astype(np.int64)
        if not _within(decisions, 0, 4 * _MISSING_TYPES - 1):
            raise self._fault("decision_type is unknown")
        categorical = (kinds & _CATEGORICAL) > 0
        # An infinite threshold is honest: everything but missing values goes left.
        if np.isnan(thresholds).any():
            raise self._fault("a threshold is not a number")
        sets = _whole(
            self._fields.get(b"num_cat", b""), f"tree {self._number}: num_cat", 0, self._leaves - 1
        )
        if sets:
            self._check_categories(sets)
        chosen = thresholds[categorical]
        if categorical.any() and not (sets and _within(chosen, 0, sets - 1)):
            raise self._fault("a categorical split names no set of categories")

    def _check_categories(self, sets: int) -> None:
        boundaries = self._numbers(b"cat_boundaries", sets + 1, needed=True)
        if boundaries[0] != 0 or (np.diff(boundaries) < 0).any():
            raise self._fault("cat_boundaries must begin at 0 and ascend")
        if not _within(boundaries, 0, MAX_BYTES):
            raise self._fault("cat_boundaries is out of range")
        words = self._numbers(b"cat_threshold", int(boundaries[-1]), needed=boundaries[-1] > 0)
        if not _within(words, 0, 2**32 - 1):
            raise self._fault("cat_threshold must hold 32-bit words")

    def _number_of(self, name: bytes) -> None:
        self._numbers(name, 1)

    def _numbers(self, name: bytes, count: int, *, needed: bool = False) -> NDArray[np.float64]:
        """Read a line of numbers; empty where the line is missing and not needed."""
        line = self._fields.get(name)
        if line is None and not needed:
            return np.empty(0)
        cells = (line or b"").split(b" ")
        if len(cells) != count or (name in _WHOLE and not _WHOLES.fullmatch(line or b"")):
            raise self._fault(f"{name.decode()} must hold {count} numbers")
        try:
            # float() also reads "1_000", which LightGBM reads as 1.
            if _NUMBERS.fullmatch(line or b"") is None:
                raise ValueError
            return np.fromiter(map(float, cells), np.float64, count)
        except ValueError:
            raise self._fault(f"{name.decode()} holds text that is no number") from None

    def _fault(self, what: str) -> BoosterTextInvalid:
        return BoosterTextInvalid(f"tree {self._number}: {what}")


def _fields(lines: list[bytes], known: frozenset[bytes] | set[bytes]) -> Mapping[bytes, bytes]:
    fields: dict[bytes, bytes] = {}
    for name, value in _pairs(lines):
        if name not in known or name in fields:
            raise BoosterTextInvalid(f"unknown or repeated line {name[:40]!r}")
        fields[name] = value
    return fields


def _pairs(lines: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    for line in lines:
        name, sign, value = line.partition(b"=")
        if not sign:
            raise BoosterTextInvalid(f"a line without '=': {line[:40]!r}")
        yield name, value


def _is_whole(cell: bytes) -> bool:
    return len(cell) <= 11 and cell.removeprefix(b"-").isdigit()


def _whole(cell: bytes, name: str, least: int, most: int) -> int:
    number = int(cell) if _is_whole(cell) else None
    if number is None or not least <= number <= most:
        raise BoosterTextInvalid(f"{name} must be a whole number from {least} to {most}")
    return number


def _within(values: NDArray[np.float64], least: int, most: int) -> bool:
    return bool(((values >= least) & (values <= most)).all())
