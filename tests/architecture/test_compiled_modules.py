"""What may be compiled (decision 0067): plain functions and classes, nothing that is made of annotations."""

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"][
    "hooks"
]["custom"]["modules"]
#: A coroutine that was compiled has crashed the process when an exception passed through it.
WAITING = ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith | ast.Await | ast.Yield | ast.YieldFrom
#: These make classes from annotations, which a compiler takes for something else.
FROM_ANNOTATIONS = {"msgspec", "pydantic", "sqlmodel", "sqlalchemy"}


@pytest.fixture(params=MODULES)
def tree(request: pytest.FixtureRequest) -> ast.Module:
    return ast.parse((ROOT / request.param).read_text())


def test_nothing_that_waits_is_compiled(tree: ast.Module) -> None:
    assert [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, WAITING)] == []


def test_nothing_that_is_made_of_annotations_is_compiled(tree: ast.Module) -> None:
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
        )
    }
    assert imported & FROM_ANNOTATIONS == set()
