"""A look at a platform, on request: what is wrong with what it offers."""

from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web

from hub.admin.problems import Conflict, Unknown
from hub.admin.wire import Output, Route
from hub.calling.calls import Calls
from hub.conformance.check import check
from hub.directory.current import CurrentDirectory
from hub.registry.platforms import NotConnectedYet


class FindingShown(Output):
    """One thing that is wrong with a platform."""

    #: error, warning or note.
    weight: str
    #: versions, version details, endpoints or credentials.
    subject: str
    message: str
    #: The chapter of OCPI that says how it should be.
    chapter: str


class CheckShown(Output):
    """What a look at a platform has found."""

    name: str
    #: Whether something is against the specification, or does not work.
    has_errors: bool
    findings: list[FindingShown]
    #: Under which the journal has every call of it.
    correlation_id: str


@dataclass(frozen=True, slots=True)
class CheckPage:
    """Looks at platforms."""

    directory: CurrentDirectory
    calls: Calls
    #: For each answer of a platform.
    patience: timedelta

    def routes(self) -> list[Route]:
        """What can be done."""
        return [("POST", "/platforms/{name}/check", self.check)]

    async def check(self, request: web.Request) -> CheckShown:
        """Look at a platform now."""
        name = request.match_info["name"]
        platform = self.directory.value.named(name)
        if platform is None:
            raise Unknown(f"no partner has the name {name!r}")
        try:
            checked = await check(platform, self.calls, self.patience)
        except NotConnectedYet as error:
            raise Conflict(str(error)) from error
        return CheckShown(
            name=name,
            has_errors=checked.has_errors,
            findings=[
                FindingShown(
                    weight=each.weight, subject=each.subject, message=each.message, chapter=each.chapter
                )
                for each in checked.findings
            ],
            correlation_id=checked.correlation_id,
        )
