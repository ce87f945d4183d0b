"""Compiles each change of a module, and puts it into the functions of this process."""

import ast
import copy
import gc
import importlib
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.mutants.sites import Site, changed, sites_of

_NEW_LOCALS = 0x2  # CO_NEWLOCALS: the code of a function, not of a class

Place = tuple[str, str, int]
Live = dict[Place, list[types.FunctionType]]


@dataclass(frozen=True)
class Change:
    """One change of a module.

    Attributes:
        module: Its name.
        site: Where, and what is changed.
        text: The line of the source, without the blanks around it.
        code: The code of the function that has the change.
    """

    module: str
    site: Site
    text: str
    code: types.CodeType

    @property
    def place(self) -> Place:
        """Where the function is: its file, name and first line."""
        return (self.code.co_filename, self.site.function, self.site.first_line)

    @property
    def key(self) -> str:
        """Name the change by its module, function, source line and what is changed."""
        return f"{self.module}:{self.site.function}: {self.text}: {self.site.change}"


def functions_of(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield the code of the functions of a module and of its classes, not of those inside them."""
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            if each.co_flags & _NEW_LOCALS:
                yield each
            else:
                yield from functions_of(each)


def changes_of(name: str) -> Iterator[Change]:
    """Yield every change of a module, compiled."""
    path = str(importlib.import_module(name).__file__)
    source = Path(path).read_text(encoding="utf-8")
    tree, lines = ast.parse(source), source.splitlines()
    for site in sites_of(tree):
        altered = changed(copy.deepcopy(tree), site)
        compiled = compile(ast.fix_missing_locations(altered), path, "exec")
        (code,) = (
            each
            for each in functions_of(compiled)
            if (each.co_qualname, each.co_firstlineno) == (site.function, site.first_line)
        )
        yield Change(name, site, lines[site.line - 1].strip(), code)


def live_functions(changes: Iterable[Change]) -> Live:
    """Find the functions of these files in this process, by file, name and first line.

    Afterwards the collector of garbage leaves all objects alone, so that forks share their memory.
    """
    paths = {change.code.co_filename for change in changes}
    found: Live = {}
    gc.unfreeze()
    for each in gc.get_objects():
        if isinstance(each, types.FunctionType) and each.__code__.co_filename in paths:
            code = each.__code__
            place = (code.co_filename, code.co_qualname, code.co_firstlineno)
            found.setdefault(place, []).append(each)
    gc.freeze()
    return found


def put_in(change: Change, live: Live) -> None:
    """Replace the code of the function in this process, wherever it is used.

    Raises:
        KeyError: This process does not have the function.
    """
    for each in live[change.place]:
        each.__code__ = change.code
