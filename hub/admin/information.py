"""What the hub says about itself."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from hub import __version__
from hub.admin.wire import Output, Route
from hub.directory.current import CurrentDirectory
from hub.handshake.identity import HubIdentity
from hub.store.journal import Journal


class HubShown(Output):
    """A hub, in a few lines."""

    name: str
    #: `NL/HUB`.
    party: str
    #: Of the program.
    version: str
    public_url: str
    versions_url: str
    started_at: datetime
    #: How many platforms there are in each status.
    platforms: dict[str, int]
    #: Entries of the journal that are not stored yet, and those that were lost since the start.
    journal_waiting: int
    journal_dropped: int


@dataclass(frozen=True, slots=True)
class InformationPage:
    """Answers about the hub."""

    identity: HubIdentity
    directory: CurrentDirectory
    journal: Journal
    started_at: datetime

    def routes(self) -> list[Route]:
        """What can be asked."""
        return [("GET", "/hub", self.show)]

    async def show(self, _request: web.Request) -> HubShown:
        """The hub."""
        statuses = Counter(str(each.status) for each in self.directory.value.platforms.values())
        return HubShown(
            name=self.identity.name,
            party=str(self.identity.party),
            version=__version__,
            public_url=self.identity.public_url,
            versions_url=self.identity.versions_url,
            started_at=self.started_at,
            platforms=dict(statuses),
            journal_waiting=self.journal.waiting,
            journal_dropped=self.journal.dropped,
        )
