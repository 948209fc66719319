"""Each measurement runs, on a scale on which its figures mean nothing."""

from pathlib import Path

import pytest

from tests.bench.__main__ import measured
from tests.bench.measurements import MEASUREMENTS
from tests.bench.obtaining import Missing, native, nginx_here
from tests.bench.scale import TINY


@pytest.mark.parametrize("name", MEASUREMENTS)
async def test_it_finds_figures(name: str, tmp_path: Path) -> None:
    try:
        native("load")
    except Missing as missing:
        pytest.skip(str(missing))
    if name.startswith("relay") and nginx_here() is None:
        pytest.skip("no nginx; the benchmark itself would fetch it")
    found = await measured(name, TINY, tmp_path)
    assert found.rows, found.notes
    assert all(row.figures for row in found.rows)
