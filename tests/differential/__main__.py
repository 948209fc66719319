"""`python -m tests.differential`: see the package."""

import argparse
import asyncio
import logging
import secrets
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from tests.differential.conversations import Trait
from tests.differential.run import compare

#: From so many requests on, every trait must have been there.
MANY = 10_000


def main() -> int:
    """Run, tell, and end with 1 if something differs, or was never tried."""
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000, help="how many (default 100000)")
    parser.add_argument("--seed", type=int, default=None, help="repeats a run's conversations")
    given = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    seed = secrets.randbelow(2**32) if given.seed is None else given.seed
    begun = perf_counter()
    with tempfile.TemporaryDirectory() as data:
        outcome = asyncio.run(compare(Path(data), seed=seed, requests=given.requests))
    answers = ", ".join(f"{count} x {status}" for status, count in sorted(outcome.answers.items()))
    sys.stdout.write(
        f"seed {seed}: {outcome.requests} requests in {outcome.conversations} conversations,"
        f" {perf_counter() - begun:.0f} s, {outcome.taken} on the fast path,"
        f" {outcome.replayed} of them replayed\nanswers: {answers}\n"
    )
    traits = ", ".join(f"{outcome.traits[each]} {each}" for each in Trait)
    sys.stdout.write(f"conversations: {traits}\n")
    sys.stdout.writelines(f"DIFFERS: {each}\n" for each in outcome.differences)
    is_lacking = outcome.requests >= MANY and not (outcome.replayed and all(map(outcome.traits.get, Trait)))
    return 1 if outcome.differences or is_lacking else 0


if __name__ == "__main__":
    sys.exit(main())
