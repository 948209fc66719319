"""A short run of the fuzz that `make fuzz` does at length."""

from pathlib import Path

import pytest

from tests.fuzz.run import fuzz, lines

SEED = 20261123
REQUESTS = 1500


@pytest.mark.holds("TR-08", "TR-16", "TR-17", "TR-18", "RT-24", "RT-54", by="hub")
async def test_mutated_messages_break_nothing_lose_nothing_and_leak_nothing(tmp_path: Path) -> None:
    outcome = await fuzz(tmp_path, seed=SEED, seconds=30, limit=REQUESTS)
    assert not outcome.failures, "\n".join(lines(outcome))
    assert {"HTTP 200", "HTTP 201", "HTTP 400", "HTTP 404", "HTTP 405"} <= outcome.answers.keys()
