"""The engine against the slow reference: `python -m tests.measuring.second_opinion --processes 2`.

Each number is a seed; a session on which they disagree can be had again by its number.
"""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from time import perf_counter

from tests.unit.pricing.second_opinion import disagreement, wide_disagreement


def main() -> int:
    """Compare, and tell each session on which they disagree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--wide", action="store_true", help="of odd seconds, with more tariffs and any steps")
    wanted = parser.parse_args()
    asked = wide_disagreement if wanted.wide else disagreement
    begun = perf_counter()
    seeds = range(wanted.first, wanted.first + wanted.sessions)
    with ProcessPoolExecutor(wanted.processes) as pool:
        found = [each for each in pool.map(asked, seeds, chunksize=50) if each is not None]
    for each in found:
        sys.stdout.write(f"{each}\n")
    sys.stdout.write(
        f"{wanted.sessions} sessions in {perf_counter() - begun:.0f} s: they disagree on {len(found)}\n"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
