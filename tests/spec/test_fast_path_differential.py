"""A short run of what `make differential` does at length."""

from pathlib import Path

from tests.differential.run import compare

SEED = 20261123
REQUESTS = 400


async def test_nobody_can_tell_the_fast_path_from_the_ordinary_one(tmp_path: Path) -> None:
    outcome = await compare(tmp_path, seed=SEED, requests=REQUESTS)
    assert not outcome.differences, "\n".join(outcome.differences)
    assert {"200", "201", "401", "404", "405"} <= outcome.answers.keys()
    assert outcome.taken > REQUESTS / 10
