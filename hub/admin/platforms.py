"""Platforms, as an operator sees and changes them."""

import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import AfterValidator, Field

from hub.admin.platform_shown import Invited, PlatformShown, PlatformsShown, Removed, Traffic, shown
from hub.admin.problems import Conflict, FieldError, PartnerFailed, Unknown, WrongInput
from hub.admin.quirks_shown import Pins, pinned
from hub.admin.wire import Input, Output, Route, body_of
from hub.delivery.overview import overview
from hub.delivery.pumps import Pumps
from hub.directory.current import CurrentDirectory
from hub.directory.directory import BadBodies, HubRole, Platform, Pull, WhenUnreachable
from hub.handshake.identity import HubIdentity
from hub.handshake.registering import Registering
from hub.ocpi.headers import TokenEncoding
from hub.registry.platforms import (
    HandshakeFailed,
    NameTaken,
    NotAName,
    NotAQuirk,
    NotConnectedYet,
    Platforms,
    UnknownPlatform,
)
from hub.registry.quirk_watch import known_quirks
from hub.store.database import Database

_PRINTABLE = re.compile(r"[!-~]+")
#: More than any partner may send; also what the database can hold.
MOST_REQUESTS_A_SECOND = 1_000_000


def _http_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError("expected a URL such as https://partner.example/ocpi/versions")
    return text


def _printable(token: str) -> str:
    if not _PRINTABLE.fullmatch(token):
        raise ValueError("expected printable ASCII characters without spaces, as the partner gave them")
    return token


class NewPlatform(Input):
    """A platform that shall be able to register."""

    name: str
    #: Whether it may register in the role HUB (RT-10).
    hub_role: HubRole = HubRole.REFUSED


class Registration(Input):
    """A platform at which the hub shall register."""

    name: str
    versions_url: Annotated[str, AfterValidator(_http_url)]
    #: Token A, which the platform gave the operator.
    token: Annotated[str, AfterValidator(_printable)]
    #: How the platform wants tokens: a few old ones take them raw only (AM-02).
    token_encoding: TokenEncoding = TokenEncoding.BASE64
    #: Whether it may answer with the role HUB (RT-10).
    hub_role: HubRole = HubRole.REFUSED


class Arrangement(Input):
    """How a platform is dealt with; what is left out stays as it is."""

    when_unreachable: WhenUnreachable | None = None
    bad_bodies: BadBodies | None = None
    pull: Pull | None = None
    hub_role: HubRole | None = None
    #: Requests a second of each module, zero for the hub's own limit.
    rate_limit: Annotated[int, Field(ge=0, le=MOST_REQUESTS_A_SECOND)] | None = None
    quirks: Pins = Field(default_factory=dict)


class Rotation(Input):
    """How tokens are exchanged."""

    #: The tokens before die with the exchange: they may have leaked.
    revoke_old: bool = False


@dataclass(frozen=True, slots=True)
class PlatformPages:
    """Answers about platforms, and what an operator does with them."""

    identity: HubIdentity
    directory: CurrentDirectory
    platforms: Platforms
    registering: Registering
    pumps: Pumps
    traffic: Traffic
    #: Where the quirks are.
    database: Database

    def routes(self) -> list[Route]:
        """What can be asked and done."""
        one = "/platforms/{name}"
        return [
            ("GET", "/platforms", self.all),
            ("POST", "/platforms", self.invite),
            ("POST", "/platforms/register", self.register),
            ("GET", one, self.show),
            ("PATCH", one, self.arrange),
            ("DELETE", one, self.remove),
            ("POST", f"{one}/invite", self.invite_again),
            ("POST", f"{one}/rotate", self.rotate),
            ("POST", f"{one}/unregister", self._changing(self.registering.unregister_at)),
            ("POST", f"{one}/suspend", self._changing(self.platforms.suspend)),
            ("POST", f"{one}/resume", self._changing(self.platforms.resume)),
        ]

    async def all(self, _request: web.Request) -> PlatformsShown:
        """All platforms."""
        known = sorted(self.directory.value.platforms.values(), key=lambda platform: platform.name)
        progress, quirks = await overview(self.pumps), await known_quirks(self.database)
        return PlatformsShown(
            platforms=[shown(each, progress, self.traffic, quirks.get(each.id, ())) for each in known]
        )

    async def show(self, request: web.Request) -> PlatformShown:
        """One platform."""
        return await self._named(_name(request))

    async def invite(self, request: web.Request) -> Invited:
        """Plan a platform, and make its token A."""
        asked = await body_of(request, NewPlatform)
        with refused_in_words():
            invitation = await self.platforms.invite(asked.name, asked.hub_role)
        return self._invited(invitation.name, invitation.token)

    async def invite_again(self, request: web.Request) -> Invited:
        """Make a new token A for a platform that lost its tokens."""
        with refused_in_words():
            invitation = await self.platforms.invite_again(_name(request))
        return self._invited(invitation.name, invitation.token)

    async def register(self, request: web.Request) -> PlatformShown:
        """Register the hub at a platform."""
        asked = await body_of(request, Registration)
        with refused_in_words():
            platform = await self.registering.register_at(
                asked.name, asked.versions_url, asked.token, asked.token_encoding, asked.hub_role
            )
        return await self._shown(platform)

    async def rotate(self, request: web.Request) -> PlatformShown:
        """Exchange new tokens with a platform."""
        name = _name(request)
        asked = await body_of(request, Rotation) if request.can_read_body else Rotation()
        with refused_in_words():
            await self.registering.update_at(name, revoke_old=asked.revoke_old)
        return await self._named(name)

    async def arrange(self, request: web.Request) -> PlatformShown:
        """Set how a platform is dealt with."""
        name, asked = _name(request), await body_of(request, Arrangement)
        with refused_in_words():
            await self.platforms.arrange(
                name,
                when_unreachable=asked.when_unreachable,
                bad_bodies=asked.bad_bodies,
                rate_limit=asked.rate_limit,
                pull=asked.pull,
                hub_role=asked.hub_role,
                quirks=pinned(asked.quirks),
            )
        return await self._named(name)

    async def remove(self, request: web.Request) -> Removed:
        """Forget a platform."""
        name = _name(request)
        with refused_in_words():
            await self.platforms.remove(name)
        return Removed(name=name)

    def _changing(
        self, change: Callable[[str], Awaitable[object]]
    ) -> Callable[[web.Request], Awaitable[Output]]:
        async def changed(request: web.Request) -> PlatformShown:
            name = _name(request)
            with refused_in_words():
                await change(name)
            return await self._named(name)

        return changed

    async def _named(self, name: str) -> PlatformShown:
        platform = self.directory.value.named(name)
        if platform is None:
            raise Unknown(f"no partner has the name {name!r}")
        return await self._shown(platform)

    async def _shown(self, platform: Platform) -> PlatformShown:
        quirks = await known_quirks(self.database, platform.id)
        progress = await overview(self.pumps, platform.id)
        return shown(platform, progress, self.traffic, quirks.get(platform.id, ()))

    def _invited(self, name: str, token: str) -> Invited:
        return Invited(name=name, token=token, versions_url=self.identity.versions_url)


@contextmanager
def refused_in_words() -> Iterator[None]:
    """Turns what the registry refuses into problems."""
    try:
        yield
    except NotAName as error:
        raise WrongInput(FieldError("name", str(error))) from error
    except NotAQuirk as error:
        raise WrongInput(FieldError("quirks", str(error))) from error
    except UnknownPlatform as error:
        raise Unknown(str(error)) from error
    except (NameTaken, NotConnectedYet) as error:
        raise Conflict(str(error)) from error
    except HandshakeFailed as error:
        raise PartnerFailed(str(error), correlation_id=error.correlation_id) from error


def _name(request: web.Request) -> str:
    return request.match_info["name"]
