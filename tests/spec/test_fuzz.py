"""A short run of the fuzz that `make fuzz` does at length."""

from pathlib import Path

import pytest

from tests.fuzz.run import fuzz, lines

SEED = 20261123
REQUESTS = 1000


@pytest.mark.parametrize("fast_path", [True, False], ids=["fast path", "ordinary path"])
@pytest.mark.holds("TR-08", "TR-16", "TR-17", "TR-18", "RT-24", "RT-54", by="hub")
async def test_mutated_messages_break_nothing_lose_nothing_and_leak_nothing(
    tmp_path: Path, *, fast_path: bool
) -> None:
    outcome = await fuzz(tmp_path, seed=SEED, seconds=30, limit=REQUESTS, fast_path=fast_path)
    assert not outcome.failures, "\n".join(lines(outcome))
    assert {"HTTP 200", "HTTP 201", "HTTP 400", "HTTP 404", "HTTP 405"} <= outcome.answers.keys()
