"""How many files and connections the system lets this process have open."""

import resource
from contextlib import suppress

#: Kept for connections to platforms, the database and files.
OURS = 2_000


def take_all_that_is_allowed() -> None:
    """Raise the limit as far as the system lets a process raise it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def left_for_callers(wanted: int) -> int:
    """How many connections there may be, of those wanted, so that there is always room for our own."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if limit == resource.RLIM_INFINITY else min(wanted, max(limit - OURS, limit // 2))
