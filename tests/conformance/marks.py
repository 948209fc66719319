"""Which tests show which rows: found in the text of the tests, without running them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.rows import ROLES

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
#: What a test carries that does not say whether its rows hold.
NO_PROOF = frozenset({"skip", "skipif", "xfail"})


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """One row that one test shows for one role."""

    row: str
    role: str
    #: The test's file, from the root of the project.
    file: str
    #: The name of the test function.
    test: str
    #: Whether the test may be left out or may fail.
    doubtful: bool = False


class BadMark(Exception):
    """A `holds` that cannot be read."""


def marks(tests: Path = TESTS, root: Path = ROOT) -> list[Mark]:
    """Every row that every test shows, in a stable order.

    Raises:
        BadMark: Rows or roles are not written out, a role does not exist, or what is marked is no test.
    """
    found: set[Mark] = set()
    for file in sorted(tests.rglob("*.py")):
        text = file.read_text()
        if "mark.holds" in text:
            found |= set(marks_in(text, file.relative_to(root).as_posix()))
    return sorted(found)


def marks_in(text: str, file: str) -> Iterator[Mark]:
    """The rows that the tests of one file show."""
    module = ast.parse(text)
    read = 0
    for name, decorations in _tests(module, _assigned_marks(module)):
        calls = [call for each in decorations for call in _holds(each)]
        read += len(calls)
        doubtful = any(_named(node) in NO_PROOF for each in decorations for node in ast.walk(each))
        for call in calls:
            rows, roles = _told(call, file)
            for row in rows:
                for role in roles:
                    yield Mark(row, role, file, name, doubtful)
    if any(True for call in _holds(module)) and not read:
        raise BadMark(f"{file}: a mark stands where no test is")
    for function in _functions(module):
        if not function.name.startswith("test_") and any(
            True for d in function.decorator_list for _ in _holds(d)
        ):
            raise BadMark(f"{file}: {function.name} is marked, and no test")


def _tests(
    parent: ast.Module | ast.ClassDef, inherited: list[ast.expr]
) -> Iterator[tuple[str, list[ast.expr]]]:
    for node in parent.body:
        if isinstance(node, ast.ClassDef):
            own = [*node.decorator_list, *_assigned_marks(node)]
            yield from _tests(node, [*inherited, *own])
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.name, [*inherited, *node.decorator_list]


def _functions(module: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _assigned_marks(parent: ast.Module | ast.ClassDef) -> list[ast.expr]:
    """What `pytestmark` holds for everything below."""
    return [
        node.value
        for node in parent.body
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets)
    ]


def _holds(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _named(node.func) == "holds":
            yield node


def _named(node: ast.AST) -> str | None:
    """What comes after `pytest.mark.`."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute | ast.Name):
        of = node.value.attr if isinstance(node.value, ast.Attribute) else node.value.id
        return node.attr if of == "mark" else None
    return None


def _told(call: ast.Call, file: str) -> tuple[list[str], list[str]]:
    where = f"{file}:{call.lineno}"
    by = next((each.value for each in call.keywords if each.arg == "by"), None)
    if by is None or not call.args or len(call.keywords) > 1:
        raise BadMark(f"{where}: a mark names rows, and with by= who holds them")
    roles = by.elts if isinstance(by, ast.Tuple) else [by]
    rows, names = _texts(call.args, where), _texts(roles, where)
    if unknown := set(names) - set(ROLES):
        raise BadMark(f"{where}: no such role: {', '.join(sorted(unknown))}")
    return rows, names


def _texts(nodes: list[ast.expr], where: str) -> list[str]:
    values = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    if len(values) < len(nodes):
        raise BadMark(f"{where}: rows and roles are written out as texts")
    return values
