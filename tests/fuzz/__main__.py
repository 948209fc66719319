"""`python -m tests.fuzz`: see the package."""

import argparse
import asyncio
import logging
import secrets
import sys
import tempfile
from pathlib import Path

from tests.fuzz.run import fuzz, lines


def main() -> int:
    """Run, tell, and end with 1 if something broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0, help="how long (default 120)")
    parser.add_argument("--requests", type=int, default=10**9, help="how many at most")
    parser.add_argument("--seed", type=int, default=None, help="repeats a run's messages")
    parser.add_argument(
        "--no-fast-path", action="store_true", help="let the hub relay on the ordinary path alone"
    )
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    seed = secrets.randbelow(2**32) if given.seed is None else given.seed
    with tempfile.TemporaryDirectory() as data:
        wanted = {"seconds": given.seconds, "limit": given.requests, "fast_path": not given.no_fast_path}
        outcome = asyncio.run(fuzz(Path(data), seed=seed, **wanted))
    sys.stdout.writelines(f"{line}\n" for line in lines(outcome))
    return 1 if outcome.failures else 0


if __name__ == "__main__":
    sys.exit(main())
