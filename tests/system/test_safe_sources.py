"""Rules over all sources: nothing is unpickled or evaluated, and SQL takes values as parameters."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.root import ROOT
from tools.measures import PACKAGES

SOURCES = [
    path
    for folder in (*PACKAGES, "deploy")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if ".venv" not in path.parts and "tests" not in path.parts
]
UNPICKLING = {"pickle", "_pickle", "cPickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"}
EVALUATING = {"eval", "exec", "compile", "__import__"}
SQL_CALLS = {"text", "execute", "executemany", "exec_driver_sql", "scalar", "scalars"}
# Names of our own tables and settings of SQLite, none of which comes from outside.
OUR_NAMES = {'f"PRAGMA {pragma}"', "count.format(table.name)"}
# Migrations take no value from outside: they write names of columns, and SQL of one database.
OUR_MIGRATIONS = ROOT / "libs/store/src/quintet_store/migrations/versions"


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


def calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else ""
            yield (function.id if isinstance(function, ast.Name) else name), node


def put_together(argument: ast.expr) -> bool:
    """Whether a statement is a text into which something was written."""
    if isinstance(argument, ast.JoinedStr):
        return any(isinstance(part, ast.FormattedValue) for part in argument.values)
    if isinstance(argument, ast.BinOp):
        return isinstance(argument.op, ast.Add | ast.Mod)
    if isinstance(argument, ast.Call) and isinstance(argument.func, ast.Attribute):
        # psycopg's own `sql.SQL("…").format(sql.Identifier(…))` quotes what it takes.
        composed = isinstance(argument.func.value, ast.Call)
        return argument.func.attr == "format" and not composed
    return False


def sql_faults(tree: ast.Module) -> list[str]:
    return [
        f"{node.lineno}: {ast.unparse(node.args[0])}"
        for name, node in calls(tree)
        if name in SQL_CALLS
        and node.args
        and put_together(node.args[0])
        and ast.unparse(node.args[0]).replace("'", '"') not in OUR_NAMES
    ]


def test_there_is_something_to_look_at():
    assert len(SOURCES) > 200


def test_no_source_imports_what_unpickles():
    found = {str(path): set(imported(parsed(path))) & UNPICKLING for path in SOURCES}
    assert {path: names for path, names in found.items() if names} == {}


def test_no_source_evaluates_text_or_loads_unsafe_yaml():
    found = []
    for path in SOURCES:
        for name, node in calls(parsed(path)):
            plain = isinstance(node.func, ast.Name) and name in EVALUATING
            whole = ast.unparse(node.func)
            if plain or whole in ("yaml.load", "torch.load", "builtins.eval"):
                found.append(f"{path}:{node.lineno} {whole}")
    assert found == []


def test_every_array_is_read_without_pickle():
    found = []
    for path in SOURCES:
        for _, node in calls(parsed(path)):
            if ast.unparse(node.func) in ("np.load", "numpy.load"):
                options = {word.arg: ast.unparse(word.value) for word in node.keywords}
                if options.get("allow_pickle") != "False":
                    found.append(f"{path}:{node.lineno}")
    assert found == []


def test_sql_takes_values_as_parameters_only():
    checked = [path for path in SOURCES if path.parent != OUR_MIGRATIONS]
    assert len(checked) < len(SOURCES)
    found = {str(path): sql_faults(parsed(path)) for path in checked}
    assert {path: faults for path, faults in found.items() if faults} == {}


@pytest.mark.parametrize(
    "source",
    [
        'session.execute(text(f"SELECT {name}"))',
        'connection.execute("SELECT " + name)',
        'connection.execute("SELECT %s" % name)',
        'connection.exec_driver_sql(query.format(name))',
    ],
)  # fmt: skip
def test_a_statement_put_together_would_be_found(source):
    assert sql_faults(ast.parse(source))
