"""How many requests a platform may send: a token bucket for each platform and module.

The bucket holds what may come at once, and is filled at the rate that may last. A request takes one; where
there is none, the platform is told when there will be.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.directory.directory import Platform
from hub.ocpi.errors import TooManyRequests
from hub.ocpi.retry_after import write_retry_after
from hub.ocpi.timestamps import Clock

#: So many seconds' worth of requests may come at once.
BURST_SECONDS = 5


@dataclass(slots=True)
class _Bucket:
    """Requests that may come now, as of a moment."""

    left: float
    at: datetime


class RateLimits:
    """The buckets of all platforms, in memory of this process."""

    def __init__(self, per_second: int, clock: Clock) -> None:
        """Wire up.

        Args:
            per_second: Requests a second, platform and module, for platforms without a limit of their own.
            clock: Tells the time.
        """
        self._per_second = per_second
        self._clock = clock
        self._buckets: dict[tuple[int, str], _Bucket] = {}

    def of(self, platform: Platform) -> int:
        """The requests a second that last, for each module."""
        return platform.rate_limit or self._per_second

    def take(self, platform: Platform, module: str) -> None:
        """Count a request of the platform.

        Raises:
            TooManyRequests: it has sent too many; the error says when it may send again.
        """
        rate, now = self.of(platform), self._clock()
        most = float(rate * BURST_SECONDS)
        bucket = self._buckets.get((platform.id, module))
        if bucket is None:
            bucket = self._buckets[platform.id, module] = _Bucket(most, now)
        # A clock that is set back fills nothing.
        elapsed = max(0.0, (now - bucket.at).total_seconds())
        bucket.left, bucket.at = min(most, bucket.left + elapsed * rate), now
        if bucket.left < 1.0:
            wait = timedelta(seconds=(1.0 - bucket.left) / rate)
            raise TooManyRequests(
                f"more than {rate} requests a second of {module}", headers=(write_retry_after(wait),)
            )
        bucket.left -= 1.0
