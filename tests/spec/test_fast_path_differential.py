"""A short run of what `make differential` does at length."""

from pathlib import Path
from random import Random

from tests.differential.conversations import Trait, conversation
from tests.differential.run import compare

SEED = 20261123
REQUESTS = 400


async def test_nobody_can_tell_the_fast_path_from_the_ordinary_one(tmp_path: Path) -> None:
    outcome = await compare(tmp_path, seed=SEED, requests=REQUESTS)
    assert not outcome.differences, "\n".join(outcome.differences)
    assert {"200", "201", "401", "404", "405"} <= outcome.answers.keys()
    assert outcome.taken > REQUESTS / 10
    assert outcome.replayed


def test_what_is_hard_to_follow_is_among_what_is_compared() -> None:
    """Pipelined, chunked, byte by byte, oversized, malformed, aborted and slow ones."""
    seen = (conversation(number, Random(f"{SEED} {number}")).traits for number in range(600))  # noqa: S311 not a secret
    assert set().union(*seen) == set(Trait)
