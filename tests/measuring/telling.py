"""What metrics and the log cost a relayed request: `python -m tests.measuring.telling`.

Processor time, the least of several rounds, of counting and logging the two legs of a request as the writer
of the journal does it: a batch at a time, into a file. Its rows are no part of that.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hub.store.journal import Direction, JournalEntry, Purpose
from hub.store.leg import written
from hub.store.leg_counts import LegCounts
from hub.store.log_lines import log_lines

ROUNDS = 9
#: Requests in a batch of the journal's writer.
REQUESTS = 500
LEGS = 2


def legs(number: int) -> tuple[JournalEntry, ...]:
    """The two legs of a request, as the fast path records them."""
    at, took = datetime.now(UTC), timedelta(milliseconds=3)
    story, body = f"0d5b3f3c-5a3e-4d0e-9a55-{number:012d}", b'{"status_code":1000}'
    url = f"/ocpi/2.2.1/receiver/locations/BE/BEC/LOC{number}"
    return tuple(
        JournalEntry(
            at, took, direction, Purpose.RELAY, story, f"{direction}-{story}", "PUT", url, place,
            "charge-ground", "locations", "NL/TNM", "BE/BEC", 200, 1000, "", body, body,
            direction is Direction.OUT,
        )
        for place, direction in enumerate((Direction.OUT, Direction.IN))
    )  # fmt: skip


def least(work: Callable[[], object]) -> float:
    """Microseconds a request that a batch costs at least."""
    spent = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return min(spent) / REQUESTS * 1e6


def main(relay: float) -> None:
    """Measure and tell."""
    entries = [leg for number in range(REQUESTS) for leg in legs(number)]
    shown = [written(entry, 0) for entry in entries]
    counts = LegCounts()

    def count() -> None:
        for entry in entries:
            counts.count(entry)

    with Path(os.devnull).open("w") as log:

        def tell() -> None:
            log.write(log_lines(shown))
            log.flush()

        counting, telling = least(count), least(tell)
    for name, cost in (("metrics", counting), ("log", telling), ("both", counting + telling)):
        sys.stdout.write(f"{name:8}{cost:6.2f} µs a request, {cost / relay:6.1%} of {relay:g} µs\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--relay", type=float, default=112.0, help="processor time of a relay, in µs")
    main(parser.parse_args().relay)
