"""The credentials tokens of a platform, seen without their secrets (CR-18)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web

from hub.admin.problems import Unknown
from hub.admin.wire import Output, Route
from hub.directory.current import CurrentDirectory
from hub.ocpi.timestamps import Clock
from hub.registry.token_overview import KnownToken, ShownBy, TokenOverview, TokenState

#: OCPI advises a rotation at least once a month (CR-18).
MONTH = timedelta(days=31)


class TokenShown(Output):
    """A token without its secret."""

    shown_by: ShownBy
    fingerprint: str
    state: TokenState
    since: datetime | None
    #: In force for more than a month.
    is_due: bool


class TokensShown(Output):
    """The tokens that are exchanged with a platform."""

    name: str
    tokens: list[TokenShown]


@dataclass(frozen=True, slots=True)
class TokenPages:
    """Answers about tokens."""

    directory: CurrentDirectory
    overview: TokenOverview
    clock: Clock

    def routes(self) -> list[Route]:
        """What can be asked."""
        return [("GET", "/platforms/{name}/tokens", self.tokens)]

    async def tokens(self, request: web.Request) -> TokensShown:
        """Which tokens work between the hub and a platform."""
        name = request.match_info["name"]
        platform = self.directory.value.named(name)
        if platform is None:
            raise Unknown(f"no partner has the name {name!r}")
        found = await self.overview.of(platform)
        return TokensShown(name=name, tokens=[self._shown(each) for each in found])

    def _shown(self, token: KnownToken) -> TokenShown:
        is_old = token.since is not None and self.clock() - token.since > MONTH
        return TokenShown(
            shown_by=token.shown_by,
            fingerprint=token.fingerprint,
            state=token.state,
            since=token.since,
            is_due=is_old and token.state is TokenState.IN_FORCE,
        )
