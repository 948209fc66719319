"""What the tests of the specification share."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?", re.ASCII)


@pytest.fixture(scope="session")
def meaning() -> Callable[[Any], Any]:
    """Reduces a JSON value to what it means.

    null and the empty list are absent (TR-38), a DateTime is an instant; 1.0 equals 1 anyway.
    """
    return _meaning


def _meaning(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _meaning(inner) for key, inner in value.items() if inner is not None and inner != []}
    if isinstance(value, list):
        return [_meaning(inner) for inner in value]
    if isinstance(value, str) and DATE_TIME.fullmatch(value):
        return datetime.fromisoformat(value.removesuffix("Z")).replace(tzinfo=UTC)
    return value
