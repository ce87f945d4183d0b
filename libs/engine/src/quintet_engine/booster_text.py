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
# The lines of a tree, in the order in which LightGBM writes them: a number for each split, for
# each leaf, and for sets of categories. What it only reports may be empty in a tree of one leaf.
_PER_SPLIT: Final = ("split_feature", "split_gain", "threshold", "decision_type", "left_child")
_PER_SPLIT_TOO: Final = ("right_child",)
_PER_LEAF: Final = ("leaf_value", "leaf_weight", "leaf_count")
_INTERNAL: Final = ("internal_value", "internal_weight", "internal_count")
_LINES: Final = (*_PER_SPLIT, *_PER_SPLIT_TOO, *_PER_LEAF, *_INTERNAL)
_NEEDED: Final = frozenset((*_PER_SPLIT, *_PER_SPLIT_TOO, "leaf_value")) - {"split_gain"}
_TREE: Final = re.compile(
    rb"Tree=\d+\nnum_leaves=(?P<num_leaves>\d{1,6})\nnum_cat=(?P<num_cat>\d{1,6})\n"
    + b"".join(rb"%s=(?P<%s>[^\n]*)\n" % (name.encode(), name.encode()) for name in _LINES)
    + rb"(?:cat_boundaries=(?P<cat_boundaries>[^\n]*)\ncat_threshold=(?P<cat_threshold>[^\n]*)\n)?"
    rb"is_linear=0\nshrinkage=[-+0-9.eE]{1,40}\n+"
)
# Lines that LightGBM reads as whole numbers; it takes "1.5" or "1e9" for something else.
_WHOLE: Final = frozenset(("split_feature", "decision_type", "left_child", "right_child"))
_WHOLES: Final = re.compile(rb"-?[0-9]{1,10}(?: -?[0-9]{1,10})*")
_NUMBERS: Final = re.compile(rb"[-+0-9.eEinfa ]*")
# Of these LightGBM needs no parameters of training to predict; an empty one crashes it.
_OBJECTIVE: Final = re.compile(
    rb"lambdarank|rank_xendcg|regression|binary sigmoid:[0-9]{1,4}(\.[0-9]{1,6})?"
)
# The range of a feature in training, its categories, or nothing.
_INFO: Final = re.compile(rb"none|\[[-+0-9.eEinfa]{1,32}:[-+0-9.eEinfa]{1,32}\]|-?\d+(:-?\d+)*")
_PARAMETER: Final = re.compile(rb"\[[a-z0-9_]+: .*\]")
_CATEGORICAL: Final = 1
_MISSING_TYPES: Final = 3
_END: Final = b"end of trees\n"
_NO_CATEGORIES: Final = (b"pandas_categorical:null", b"pandas_categorical:[]")


class BoosterTextInvalid(ValueError):
    """A text is no booster that LightGBM can read; the message says what contradicts what."""


def check_booster_text(text: str) -> tuple[str, ...]:
    """Check that LightGBM can read a booster of one score per row and predict by it.

    Takes about as long as LightGBM takes to read it.

    Args:
        text: The whole content of a model file, format version 4.

    Returns:
        The names of its features.

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
    names, sizes = _check_header(head)
    # An offset counts from the first tree, after the blank lines of the header.
    blocks = rest.lstrip(b"\n")
    place, trees = 0, []
    for number, size in enumerate(sizes):
        block = blocks[place : place + size]
        tree = _TREE.fullmatch(block)
        if len(block) != size or tree is None or not block.startswith(b"Tree=%d\n" % number):
            raise BoosterTextInvalid(
                f"tree {number} does not stand where tree_sizes says, or its lines are not those "
                "that LightGBM writes for trees without linear leaves"
            )
        trees.append(tree.groupdict())
        place += size
    if trees:
        _Trees(trees).check(len(names))
    if not blocks[place:].startswith(_END):
        raise BoosterTextInvalid("it is cut short after its trees, or has more than it says")
    _check_tail(blocks[place + len(_END) :])
    return tuple(name.decode("utf-8", "surrogatepass") for name in names)


def _check_header(head: bytes) -> tuple[list[bytes], list[int]]:
    """Check the header; give the names of features and the size of each tree in bytes."""
    lines = head.split(b"\n")
    if lines[0] != b"tree":
        raise BoosterTextInvalid("it does not begin with a line 'tree'")
    fields = _fields(lines[1:], _HEADER)
    for name, value in ((b"version", b"v4"), (b"num_class", b"1"), (b"label_index", b"0")):
        if fields.get(name) != value:
            raise BoosterTextInvalid(f"{name.decode()} must be {value.decode()}")
    if fields.get(b"num_tree_per_iteration") != b"1":
        raise BoosterTextInvalid("num_tree_per_iteration must be 1")
    names = fields.get(b"feature_names", b"").split()
    features = len(names)
    last = _whole(fields.get(b"max_feature_idx", b""), "max_feature_idx", -1, 2**31 - 2)
    if not features or features != last + 1:
        raise BoosterTextInvalid("max_feature_idx and feature_names disagree")
    _check_infos(fields.get(b"feature_infos", b"").split(), features)
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
    return names, [_whole(size, "tree_sizes", 1, MAX_BYTES) for size in sizes.split()]


def _check_infos(infos: list[bytes], features: int) -> None:
    if len(infos) != features:
        raise BoosterTextInvalid("feature_infos and feature_names disagree")
    if not all(map(_INFO.fullmatch, infos)):
        raise BoosterTextInvalid("feature_infos must hold none, [least:greatest] or categories")


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


class _Trees:
    """The numbers of all trees, one after another, so that each rule is checked for all at once.

    Args:
        trees: The lines of each tree, by name.
    """

    def __init__(self, trees: list[dict[str, bytes]]) -> None:
        self._trees = trees
        self._leaves = self._ones("num_leaves")
        self._sets = self._ones("num_cat")
        if self._leaves.min() < 1 or self._leaves.max() > MAX_LEAVES:
            raise BoosterTextInvalid(f"num_leaves must be 1 to {MAX_LEAVES}")
        if (self._sets >= self._leaves).any():
            raise BoosterTextInvalid("num_cat must be below num_leaves")

    def check(self, features: int) -> None:
        """Check that all indices are within bounds and that the nodes form binary trees.

        Args:
            features: How many features the booster has.

        Raises:
            BoosterTextInvalid: They do not.
        """
        splits = self._leaves - 1
        values = {name: self._numbers(name, splits) for name in (*_PER_SPLIT, *_PER_SPLIT_TOO)}
        for name in _INTERNAL:
            self._numbers(name, splits)
        leaves = {name: self._numbers(name, self._leaves) for name in _PER_LEAF}
        if not np.isfinite(leaves["leaf_value"]).all():
            raise BoosterTextInvalid("a leaf_value is not a finite number")
        # An infinite threshold is honest: everything but missing values goes left.
        if np.isnan(values["threshold"]).any():
            raise BoosterTextInvalid("a threshold is not a number")
        if not _within(values["split_feature"], 0, features - 1):
            raise BoosterTextInvalid(f"split_feature must be 0 to {features - 1}")
        self._check_children(values["left_child"], values["right_child"])
        self._check_decisions(values["decision_type"], values["threshold"])

    def _check_children(self, left: NDArray[np.float64], right: NDArray[np.float64]) -> None:
        """Check that each node but the root, and each leaf, is the child of one earlier node."""
        splits = self._leaves - 1
        owner = np.repeat(np.arange(len(splits)), splits)
        parent = np.arange(len(owner)) - np.repeat(np.cumsum(splits) - splits, splits)
        owners, parents = np.tile(owner, 2), np.tile(parent, 2)
        children = np.concatenate([left, right]).astype(np.int64)
        inner = children >= 0
        # A leaf is written as its bitwise complement: -1 is leaf 0.
        numbers = np.where(inner, children, ~children)
        most = np.where(inner, splits[owners], self._leaves[owners])
        if (numbers >= most).any() or (children[inner] <= parents[inner]).any():
            raise BoosterTextInvalid("left_child and right_child do not form a tree")
        # Nodes and leaves of all trees numbered through, so that one count finds what is missing
        # or has two parents. A root is nobody's child.
        first = np.cumsum(splits + self._leaves) - (splits + self._leaves)
        places = first[owners] + np.where(inner, numbers, splits[owners] + numbers)
        seen = np.bincount(places, minlength=int((splits + self._leaves).sum()))
        wanted = np.ones_like(seen)
        wanted[first] = 0
        if not np.array_equal(seen, wanted):
            raise BoosterTextInvalid("left_child and right_child do not form a tree")

    def _check_decisions(
        self, decisions: NDArray[np.float64], thresholds: NDArray[np.float64]
    ) -> None:
        # Bit 0: categorical; bit 1: where missing values go; bits 2 and 3: what counts as missing.
        if not _within(decisions, 0, 4 * _MISSING_TYPES - 1):
            raise BoosterTextInvalid(f"decision_type must be 0 to {4 * _MISSING_TYPES - 1}")
        categorical = (decisions.astype(np.int64) & _CATEGORICAL) > 0
        for number, tree in enumerate(self._trees):
            if self._sets[number]:
                _check_categories(tree, int(self._sets[number]))
        sets = np.repeat(self._sets, self._leaves - 1)
        if not ((thresholds >= 0) & (thresholds < sets))[categorical].all():
            raise BoosterTextInvalid("a categorical split names no set of categories")

    def _ones(self, name: str) -> NDArray[np.int64]:
        return np.array([int(tree[name]) for tree in self._trees], np.int64)

    def _numbers(self, name: str, counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Read the line of this name of each tree; each must hold as many numbers as counted."""
        lines = [tree[name] for tree in self._trees]
        found = np.array([line.count(b" ") + bool(line) for line in lines], np.int64)
        missing_allowed = (found == 0) if name not in _NEEDED else False
        if not ((found == counts) | missing_allowed).all():
            number = int(np.flatnonzero(found != counts)[0])
            raise BoosterTextInvalid(f"tree {number}: {name} must hold {counts[number]} numbers")
        return _read_numbers(name, b" ".join(filter(None, lines)))


def _check_categories(tree: dict[str, bytes], sets: int) -> None:
    """Check the sets of categories of a tree: bits in words, set by set."""
    boundaries = _read_numbers("cat_boundaries", tree["cat_boundaries"] or b"")
    if len(boundaries) != sets + 1 or boundaries[0] != 0 or (np.diff(boundaries) < 0).any():
        raise BoosterTextInvalid("cat_boundaries must begin at 0 and ascend, one more than num_cat")
    words = _read_numbers("cat_threshold", tree["cat_threshold"] or b"")
    if len(words) != boundaries[-1] or not _within(words, 0, 2**32 - 1):
        raise BoosterTextInvalid("cat_threshold must hold as many 32-bit words as cat_boundaries")


def _read_numbers(name: str, line: bytes) -> NDArray[np.float64]:
    """Read numbers between single spaces.

    Raises:
        BoosterTextInvalid: One is no number, or no whole number where LightGBM reads whole ones.
    """
    if not line:
        return np.empty(0)
    # float() also reads "1_000", which LightGBM reads as 1.
    if (_WHOLES if name in _WHOLE else _NUMBERS).fullmatch(line) is None:
        raise BoosterTextInvalid(f"{name} holds text that is no number")
    try:
        return np.array(list(map(float, line.split(b" "))))
    except ValueError:
        raise BoosterTextInvalid(f"{name} holds text that is no number") from None


def _fields(lines: list[bytes], known: frozenset[bytes]) -> Mapping[bytes, bytes]:
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
