"""Notices about alerts, kept on disk until the operator's webhook has taken them.

    POST {webhook_url}            Content-Type: application/json
    X-Notice-Id: 17               the same notice has the same number, should it come twice
    X-Signature: sha256=<hex>     HMAC-SHA256 of the body with `webhook_secret`

Any 2xx takes it. A 400, 413 or 422 would refuse it for ever, so it is given up; all else is tried again, in
order, less and less often. While the webhook is away notices wait on disk, the newest so many.
"""

import hashlib
import hmac
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, NamedTuple

import aiohttp

from hub.ocpi.backoff import Backoff
from partners.cpo.handing_over.lane import Lane
from partners.cpo.handing_over.outcome import Unreachable
from partners.cpo.health.thresholds import Thresholds
from partners.database import Database
from schemas import exact_json

log = logging.getLogger(__name__)

TABLES = """
CREATE TABLE IF NOT EXISTS health_notice (id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL);
"""

_SUCCESS: Final = range(200, 300)
#: It is the notice that is not wanted.
_FOR_GOOD: Final = frozenset({400, 413, 422})


class Notice(NamedTuple):
    """One that waits."""

    id: int
    body: bytes


class Notices:
    """The queue, and who empties it.

    Args:
        database: Where they wait.
        thresholds: Where the webhook is, and how many may wait.
        backoff: How long a webhook that does not answer is left alone.
        chance: From 0 to 1; spreads attempts.
    """

    def __init__(
        self, database: Database, thresholds: Thresholds, backoff: Backoff, chance: Callable[[], float]
    ) -> None:
        self._database = database
        database.define(TABLES)
        self._thresholds = thresholds
        self._lane = Lane("the alerts' webhook", self._hand_over, backoff=backoff, chance=chance)
        self._session: aiohttp.ClientSession | None = None
        #: Since the start: taken, refused, and given up since too many waited.
        self.taken = self.refused = self.dropped = 0

    @property
    def waiting(self) -> int:
        """How many wait."""
        row = self._database.row("SELECT count(*) AS count FROM health_notice")
        return 0 if row is None else int(row["count"])

    def put(self, body: dict[str, Any]) -> None:
        """Keep a notice, in the database transaction of what it is about."""
        if self._thresholds.webhook_url is None:
            return
        self._database.insert(
            "INSERT INTO health_notice (body) VALUES (?)", (exact_json.encode(body).decode(),)
        )
        dropped = self._database.execute(
            "DELETE FROM health_notice WHERE id <= (SELECT max(id) FROM health_notice) - ?",
            (self._thresholds.webhook_queue,),
        )
        if dropped:
            self.dropped += dropped
            log.error("too many notices wait for the webhook: the oldest is given up")
        self._lane.owe()

    async def run(self) -> None:
        """For ever: post what waits."""
        if self._thresholds.webhook_url is None:
            return
        timeout = aiohttp.ClientTimeout(total=self._thresholds.webhook_timeout.total_seconds())
        async with aiohttp.ClientSession(timeout=timeout) as session:
            self._session = session
            await self._lane.run()

    def _next(self) -> Notice | None:
        row = self._database.row("SELECT * FROM health_notice ORDER BY id LIMIT 1")
        return None if row is None else Notice(row["id"], row["body"].encode())

    async def _hand_over(self) -> timedelta | None:
        while (notice := self._next()) is not None:
            await self._post(notice)
            self._database.execute("DELETE FROM health_notice WHERE id = ?", (notice.id,))
        return None

    async def _post(self, notice: Notice) -> None:
        """Return if the notice need not be sent again.

        Raises:
            Unreachable: It must.
        """
        url, secret = self._thresholds.webhook_url, self._thresholds.webhook_secret
        if self._session is None or url is None:
            raise Unreachable("there is no webhook")
        headers = {"Content-Type": "application/json", "X-Notice-Id": str(notice.id)}
        if secret is not None:
            headers["X-Signature"] = signature(secret, notice.body)
        try:
            async with self._session.post(
                url, data=notice.body, headers=headers, allow_redirects=False
            ) as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable(f"{type(error).__name__}: {error}") from error
        if status in _SUCCESS:
            self.taken += 1
        elif status in _FOR_GOOD:
            self.refused += 1
            log.error("the webhook refuses notice %s with HTTP %s: given up", notice.id, status)
        else:
            raise Unreachable(f"HTTP {status}")


def signature(secret: str, body: bytes) -> str:
    """The header by which a webhook knows that a notice is ours."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
