"""When a list is pulled, and whether from its beginning: pure (TR-32, TR-33, AM-09).

| what happens | pull |
|---|---|
| the platform connects, or its list is at another URL | full |
| it is back after an outage, or the hub is | by date: from the last one that ended well, and a while before |
| the interval is over, and it does not push (or is set to `always`) | by date |
| the last full pull is too old, or in the future | full, at the next occasion |
| the last full list was too short to be believed | full, after the interval |
| a pull failed | the same again, after a pause that grows, or as long as the platform asks (Retry-After) |
| an operator asks | as asked, whatever the setting |
"""

from datetime import datetime, timedelta

from hub.directory.directory import Platform, Pull
from hub.directory.quirks import Pushes
from hub.pulling.lists import List
from hub.pulling.progress import Progress
from hub.settings import Pulling

#: A full list with less than this share of the objects that are known is not believed at once,
LEAST_SHARE = 0.5
#: unless no more than this are missing, and some are left.
FEW = 10


def is_pulled(platform: Platform, rules: Pulling) -> bool:
    """Whether the platform's lists are pulled at all without being asked for."""
    return rules.is_on and platform.is_connected and platform.pull is not Pull.NEVER


def is_pulled_in_between(platform: Platform) -> bool:
    """Whether its lists are pulled also while it is connected, because it does not push."""
    return platform.pull is Pull.ALWAYS or platform.quirks.pushes is not Pushes.YES


def is_full_due(progress: Progress | None, url: str, now: datetime, rules: Pulling) -> bool:
    """Whether the next pull of the list begins at its beginning."""
    if progress is None or progress.full_at is None or progress.url != url or progress.doubted_at:
        return True
    if progress.read_at is not None and now < progress.read_at:
        return True  # The clock was set back: nobody knows since when objects may be missing.
    return now - progress.full_at >= rules.full_every


def since(progress: Progress | None, rules: Pulling) -> datetime | None:
    """From which date on a list is read that was read before; None: from its beginning."""
    if progress is None or progress.read_at is None:
        return None
    return progress.read_at - rules.overlap


def settling(rules: Pulling, chance: float) -> timedelta:
    """How long after connecting a platform is pulled; not all at once when the hub starts."""
    return rules.settling * chance


def pause(module: str, rules: Pulling, chance: float) -> timedelta:
    """Until the next pull by date: the module's interval, a little longer or shorter (TR-33)."""
    return rules.interval(module) * (1 + rules.splay * (2 * chance - 1))


def is_likely(known: int, unlisted: int) -> bool:
    """Whether so many may become invalid at once: an empty list is more often a fault than the truth."""
    is_some_left = unlisted < known
    return is_some_left and (unlisted <= FEW or known - unlisted >= known * LEAST_SHARE)


def is_confirmed(
    platform: Platform, which: List, progress: Progress | None, now: datetime, rules: Pulling
) -> bool:
    """Whether a short list is believed because it has been short for a while.

    Not that of a platform that pushes: what it sends says otherwise, and an operator may decide.
    """
    if progress is None or progress.doubted_at is None or platform.quirks.pushes is Pushes.YES:
        return False
    return now - progress.doubted_at >= rules.interval(which.module) * (1 - rules.splay)
