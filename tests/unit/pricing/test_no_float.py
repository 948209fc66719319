"""No float comes near money, energy or time: not in the source, not while it runs, not in what comes out."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import hub.pricing
import schemas
from hub.pricing import explain, price, rounded
from tests.unit.pricing.by_chance import case

(ENGINE,) = map(Path, hub.pricing.__path__)
(SCHEMAS,) = map(Path, schemas.__path__)
SOURCES = sorted([*ENGINE.glob("*.py"), *SCHEMAS.glob("*.py"), *SCHEMAS.glob("v2_2_1/*.py")])

#: What makes a float of something else.
FLOATING = {"float", "complex", "fsum", "sqrt"}
FLOATING_METHODS = {"total_seconds", "timestamp", "fsum", "sqrt"}


def suspicious(source: str) -> Iterator[str]:
    """Names and numbers in Python text that are, or make, floats."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            yield f"line {node.lineno}: {node.value}"
        elif isinstance(node, ast.Name) and node.id in FLOATING:
            yield f"line {node.lineno}: {node.id}"
        elif isinstance(node, ast.Attribute) and node.attr in FLOATING_METHODS:
            yield f"line {node.lineno}: .{node.attr}"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (f"line {node.lineno}: {each.name}" for each in node.names if each.name in FLOATING)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_source_of_the_engine_or_of_its_types_names_a_float(source: Path) -> None:
    assert list(suspicious(source.read_text())) == []


@pytest.mark.parametrize(
    "text", ["x = 0.5", "x = float(y)", "x = a.total_seconds()", "from math import fsum", "x: float", "1j"]
)
def test_a_float_in_a_source_would_be_noticed(text: str) -> None:
    assert list(suspicious(text))


class Watch:
    """Looks at every variable of the engine's functions, line by line as they run."""

    def __init__(self) -> None:
        self.seen = 0
        self.floats: list[str] = []

    def __call__(self, frame: FrameType, event: str, argument: Any) -> "Watch | None":
        if not frame.f_code.co_filename.startswith(str(ENGINE)):
            return None
        values = {**frame.f_locals, "what it returns": argument if event == "return" else None}
        self.seen += 1
        for name, value in values.items():
            if isinstance(value, float):
                self.floats.append(f"{frame.f_code.co_filename}:{frame.f_lineno} {name}")
        return self


def watched(seed: int) -> Watch:
    """The engine at work on a session by chance."""
    periods, tariffs, zone = case(seed)
    watch, before = Watch(), sys.gettrace()
    sys.settrace(watch)
    try:
        explain(rounded(price(periods, tariffs, time_zone=zone)))
    finally:
        sys.settrace(before)
    return watch


def test_no_variable_of_the_engine_is_ever_a_float() -> None:
    for seed in range(12):
        watch = watched(seed)
        assert watch.seen > 100
        assert watch.floats == []


def test_a_float_in_a_variable_would_be_noticed() -> None:
    watch = Watch()
    code = compile(
        "def half():\n    x = day / (2 * day)\n    return x\nhalf()", str(ENGINE / "new.py"), "exec"
    )
    before = sys.gettrace()
    sys.settrace(watch)
    try:
        exec(code, {"day": timedelta(days=1)})  # noqa: S102 - what a careless line would do
    finally:
        sys.settrace(before)
    assert watch.floats


def test_nothing_in_a_statement_is_a_float() -> None:
    for seed in range(50):
        periods, tariffs, zone = case(seed)
        statement = price(periods, tariffs, time_zone=zone)
        for value in [*within(statement), *within(rounded(statement, 2)), *within(explain(statement).data)]:
            assert not isinstance(value, float)


def within(value: Any) -> Iterator[Any]:
    """All that a value is made of."""
    yield value
    if is_dataclass(value):
        for each in fields(value):
            yield from within(getattr(value, each.name))
    elif isinstance(value, dict):
        yield from (part for each in value.values() for part in within(each))
    elif isinstance(value, tuple | list):
        yield from (part for each in value for part in within(each))
