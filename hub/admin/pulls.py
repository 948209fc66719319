"""What the hub pulls, and how that goes; an operator may have it pulled now (2.2.1, Pull and Push)."""

from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from hub.admin.problems import Conflict, Unknown
from hub.admin.wire import Input, Output, Route, body_of, query_of
from hub.directory.current import CurrentDirectory
from hub.directory.directory import Platform
from hub.pulling.progress import Progress
from hub.pulling.pullers import NotPullable, Pullers, PullShown


class PullsQuery(Input):
    """Whose lists are wanted."""

    #: A platform's name.
    platform: str | None = None


class PullNow(Input):
    """What shall be pulled now."""

    platform: str
    #: Only this module's lists.
    module: str | None = None
    #: From their beginning, and not only what was updated since the last time.
    is_full: bool = False


class LeftOutShown(Output):
    """An object that was not taken."""

    #: `NL/TNM`, as it is written in the object.
    owner: str
    id: str
    #: JSON pointers and what was expected there.
    reason: str


class ListShown(Output):
    """How far the hub has come with one list."""

    platform: str
    module: str
    #: Whose list it is.
    party: str
    #: pulling, waiting, backing off, at rest.
    status: str
    #: When it is pulled next, where that is planned.
    next_at: datetime | None
    #: When the last full pull that ended well was begun, and the last one by date.
    full_at: datetime | None
    partial_at: datetime | None
    #: When the last pull ended, well or not.
    ended_at: datetime | None
    #: What the last pull made of the objects that came.
    stored: int
    unchanged: int
    broken: int
    #: Objects that are not in the full list any more.
    invalid: int
    #: Why it did not end well, or what was odd; empty if nothing was.
    error: str
    #: The first of the objects that were not taken; the journal has them all.
    left_out: list[LeftOutShown]
    #: Under which the journal has every page of it.
    correlation_id: str


class Pulls(Output):
    """All lists."""

    lists: list[ListShown]


@dataclass(frozen=True, slots=True)
class PullPages:
    """Answers about pulls."""

    directory: CurrentDirectory
    pullers: Pullers

    def routes(self) -> list[Route]:
        """What can be asked and done."""
        return [("GET", "/pulls", self.all), ("POST", "/pulls", self.now)]

    async def all(self, request: web.Request) -> Pulls:
        """All lists, or those of one platform."""
        name = query_of(request, PullsQuery).platform
        known = self.directory.value.platforms.values()
        return await self._pulls(
            [self._named(name)] if name is not None else sorted(known, key=lambda each: each.name)
        )

    async def now(self, request: web.Request) -> Pulls:
        """Pull lists of a platform now; the answer does not wait for their end."""
        asked = await body_of(request, PullNow)
        platform = self._named(asked.platform)
        try:
            await self.pullers.ask(platform, asked.module, is_full=asked.is_full)
        except NotPullable as error:
            raise Conflict(str(error)) from error
        return await self._pulls([platform])

    async def _pulls(self, platforms: list[Platform]) -> Pulls:
        return Pulls(
            lists=[_shown(each) for platform in platforms for each in await self.pullers.overview(platform)]
        )

    def _named(self, name: str) -> Platform:
        platform = self.directory.value.named(name)
        if platform is None:
            raise Unknown(f"no partner has the name {name!r}")
        return platform


def _shown(pull: PullShown) -> ListShown:
    progress = Progress("") if pull.progress is None else pull.progress
    tally = progress.tally
    return ListShown(
        platform=pull.platform,
        module=pull.which.module,
        party=str(pull.which.party),
        status=pull.status,
        next_at=pull.next_at,
        full_at=progress.full_at,
        partial_at=progress.partial_at,
        ended_at=progress.ended_at,
        stored=tally.stored,
        unchanged=tally.unchanged,
        broken=tally.broken,
        invalid=tally.invalid,
        error=progress.error,
        left_out=[LeftOutShown(owner=each.owner, id=each.id, reason=each.reason) for each in tally.left_out],
        correlation_id=progress.correlation_id,
    )
