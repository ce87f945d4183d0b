"""The feature matrix: how groups of features are declared, checked and put together.

A group is a function that computes several columns at once and returns them by name. Its names
and monotone constraints are known without running it, since a bundle is checked against the hash
of all names before it answers anything. For most groups a `TypedDict` declares them, so that the
type checker compares the declared names with the returned ones.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self, cast, get_type_hints

import numpy as np
from numpy.typing import NDArray
from quintet_engine.channels.channel import Candidates
from quintet_engine.context import Context

Matrix = NDArray[np.float32]
Column = NDArray[np.floating] | float
"""One value per candidate, (k,), or one value for all of them."""
Rising = Annotated[Column, 1]
"""A column whose greater values may only raise the score."""
Falling = Annotated[Column, -1]
"""A column whose greater values may only lower the score."""
Build = Callable[[Context, Candidates], Mapping[str, Column]]


@dataclass(frozen=True)
class Builder:
    """One group of features: their names, their constraints and the function that computes them.

    Attributes:
        names: One per column, in the order of the matrix.
        build: Computes the columns, by name.
        monotone: LightGBM's `monotone_constraints`, one per column: 1 where a greater value may
            only raise the score, -1 where it may only lower it, 0 where it may do either.
    """

    names: tuple[str, ...]
    build: Build
    monotone: tuple[int, ...]

    @classmethod
    def of(cls, declared: type[Any], build: Callable[[Context, Candidates], Any]) -> Self:
        """Make the group that a `TypedDict` declares.

        Args:
            declared: Its keys, in order, are the names; `Rising` and `Falling` are constraints.
            build: Returns a dictionary of that type.
        """
        hints = get_type_hints(declared, include_extras=True)
        signs = tuple(int(getattr(hint, "__metadata__", (0,))[0]) for hint in hints.values())
        return cls(tuple(hints), cast(Build, build), signs)

    @classmethod
    def unconstrained(cls, names: tuple[str, ...], build: Build) -> Self:
        """Make a group without monotone constraints, for names that are generated."""
        return cls(names, build, (0,) * len(names))


def build(context: Context, candidates: Candidates, builders: Sequence[Builder]) -> Matrix:
    """Compute the feature matrix, float32 (candidates, features), in the builders' order."""
    width = sum(len(builder.names) for builder in builders)
    # Column by column in memory: builders write whole columns, and the compiled forest reads them.
    matrix = np.empty((width, len(candidates.rows)), dtype=np.float32)
    place = 0
    for builder in builders:
        columns = builder.build(context, candidates)
        for name in builder.names:
            matrix[place] = columns[name]
            place += 1
    return matrix.T
