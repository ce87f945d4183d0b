"""The small changes that are tried: which of them a function has, and how each is made."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_COMPARED: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_COMPUTED: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult, ast.Mod: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Site:
    """A place where one change is made.

    Attributes:
        function: The qualified name of the outermost function around it.
        first_line: Where that function's code begins, with its decorators.
        line: Of the change.
        lines: The first and the last line that run if the changed code runs: the statement's.
        number: Of the node, in the order of `ast.walk` over the module.
        change: What is changed, to read.
    """

    function: str
    first_line: int
    line: int
    lines: tuple[int, int]
    number: int
    change: str


def sites_of(tree: ast.Module) -> Iterator[Site]:
    """Yield every place in functions of a module where a change is made."""
    numbers = {node: number for number, node in enumerate(ast.walk(tree))}
    for function, name in _functions(tree, ""):
        left_out = _left_out(function)
        first = min([function.lineno, *(each.lineno for each in function.decorator_list)])
        begins = _statements(function)
        for node in ast.walk(function):
            if node not in left_out and (change := _change_of(node)):
                line = getattr(node, "lineno", function.lineno)
                lines = (begins.get(node, line), getattr(node, "end_lineno", line))
                yield Site(name, first, line, lines, numbers[node], change)


def changed(tree: ast.Module, site: Site) -> ast.Module:
    """Make a change in a tree of the same module."""
    for number, node in enumerate(ast.walk(tree)):
        if number == site.number:
            _make(node)
    return tree


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[Function, str]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            yield child, prefix + child.name
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.If | ast.Try):
            yield from _functions(child, prefix)


def _statements(function: Function) -> dict[ast.AST, int]:
    """Map each node to the line at which the innermost statement around it begins."""
    begins: dict[ast.AST, int] = {}
    # A statement comes before those inside it, so the innermost is written last.
    for statement in ast.walk(function):
        if isinstance(statement, ast.stmt | ast.ExceptHandler):
            begins.update(dict.fromkeys(ast.walk(statement), statement.lineno))
    return begins


def _left_out(function: Function) -> set[ast.AST]:
    """Collect decorators, annotations, defaults, docstrings and what a `raise` says."""
    roots: list[ast.AST] = [*function.decorator_list]
    for node in ast.walk(function):
        if isinstance(node, Function):
            roots += [node.args, *filter(None, [node.returns])]
        elif isinstance(node, ast.AnnAssign):
            roots.append(node.annotation)
        elif isinstance(node, ast.Raise):
            roots += [each for each in (node.exc, node.cause) if each is not None]
        elif isinstance(node, ast.JoinedStr):
            roots += [each for each in node.values if isinstance(each, ast.Constant)]
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            roots += [node, node.value]
    return {each for root in roots for each in ast.walk(root)}


def _change_of(node: ast.AST) -> str:  # noqa: C901 - one case for each kind of node
    """Say what is changed at a node; empty if nothing is."""
    match node:
        case ast.Compare(ops=[operator, *_]) if type(operator) in _COMPARED:
            return f"{type(operator).__name__} to {_COMPARED[type(operator)].__name__}"
        case ast.BoolOp():
            return "And to Or" if isinstance(node.op, ast.And) else "Or to And"
        case ast.UnaryOp(op=ast.Not()):
            return "Not removed"
        case ast.BinOp() | ast.AugAssign() if type(node.op) in _COMPUTED:
            return f"{type(node.op).__name__} to {_COMPUTED[type(node.op)].__name__}"
        case ast.Constant(value=bool(value)):
            return f"{value} to {not value}"
        case ast.Constant(value=int(value)):
            return f"{value} to {value + 1}"
        case ast.Constant(value=str(value)) if value:
            return f"{value[:30]!r} to ''"
        case ast.Return(value=value) if value is not None and not _is_none(value):
            return f"return {ast.unparse(value)[:40]} to return None"
        case ast.Expr(value=ast.Call() | ast.Await()):
            return f"{ast.unparse(node)[:40]} removed"
        case ast.Raise():
            return f"{ast.unparse(node)[:40]} removed"
        case ast.Break():
            return "break to continue"
        case ast.Continue():
            return "continue to break"
    return ""


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _make(node: ast.AST) -> None:  # noqa: C901 - one case for each kind of node
    """Change a node in place."""
    match node:
        case ast.Compare():
            node.ops[0] = _COMPARED[type(node.ops[0])]()
        case ast.BoolOp():
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        case ast.UnaryOp():
            # `not not x` is the truth of x.
            node.operand = ast.UnaryOp(ast.Not(), node.operand)
        case ast.BinOp() | ast.AugAssign():
            node.op = _COMPUTED[type(node.op)]()
        case ast.Constant(value=bool(value)):
            node.value = not value
        case ast.Constant(value=int(value)):
            node.value = value + 1
        case ast.Constant():
            node.value = ""
        case ast.Return():
            node.value = ast.Constant(None)
        case ast.Expr():
            node.value = ast.Constant(None)
        case ast.Raise() | ast.Break() | ast.Continue():
            _become(node)


def _become(node: ast.AST) -> None:
    other: ast.stmt = ast.Pass()
    if isinstance(node, ast.Break | ast.Continue):
        other = ast.Continue() if isinstance(node, ast.Break) else ast.Break()
    node.__class__ = type(other)
