"""Platforms, as an operator sees and changes them."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from hub.admin.problems import Conflict, FieldError, Unknown, WrongInput
from hub.admin.wire import Input, Output, Route, body_of
from hub.registry.current import CurrentDirectory
from hub.registry.directory import Platform
from hub.registry.identity import HubIdentity
from hub.registry.platforms import (
    NameTaken,
    NotAName,
    NotConnectedYet,
    Platforms,
    UnknownPlatform,
)
from schemas import exact_json


class NewPlatform(Input):
    """A platform that shall be able to register."""

    name: str


class RoleShown(Output):
    """A party in a role."""

    #: `NL/TNM`.
    party: str
    role: str
    #: BusinessDetails, as the platform gave them.
    business_details: Any


class EndpointShown(Output):
    """Where a platform offers a module's interface."""

    module: str
    interface: str
    url: str


class PlatformShown(Output):
    """A platform, with everything but its tokens."""

    name: str
    #: PLANNED, CONNECTED, OFFLINE or SUSPENDED.
    status: str
    #: By an operator; a sign of life does not end that.
    is_suspended: bool
    is_registered: bool
    version: str | None
    versions_url: str | None
    #: How it wants tokens in the Authorization header.
    token_encoding: str
    when_unreachable: str
    bad_bodies: str
    roles: list[RoleShown]
    endpoints: list[EndpointShown]


class PlatformsShown(Output):
    """All platforms, by name."""

    platforms: list[PlatformShown]


class Invited(Output):
    """What a partner needs to register; the token is shown this once."""

    name: str
    token: str
    versions_url: str


class Removed(Output):
    """A platform that is gone."""

    name: str


@dataclass(frozen=True, slots=True)
class PlatformPages:
    """Answers about platforms, and what an operator does with them."""

    identity: HubIdentity
    directory: CurrentDirectory
    platforms: Platforms

    def routes(self) -> list[Route]:
        """What can be asked and done."""
        one = "/platforms/{name}"
        return [
            ("GET", "/platforms", self.all),
            ("POST", "/platforms", self.invite),
            ("GET", one, self.show),
            ("DELETE", one, self.remove),
            ("POST", f"{one}/invite", self.invite_again),
            ("POST", f"{one}/suspend", self._changing(self.platforms.suspend)),
            ("POST", f"{one}/resume", self._changing(self.platforms.resume)),
        ]

    async def all(self, _request: web.Request) -> PlatformsShown:
        """All platforms."""
        known = sorted(self.directory.value.platforms.values(), key=lambda platform: platform.name)
        return PlatformsShown(platforms=[shown(platform) for platform in known])

    async def show(self, request: web.Request) -> PlatformShown:
        """One platform."""
        return self._named(_name(request))

    async def invite(self, request: web.Request) -> Invited:
        """Plan a platform, and make its token A."""
        asked = await body_of(request, NewPlatform)
        with refused_in_words():
            invitation = await self.platforms.invite(asked.name)
        return self._invited(invitation.name, invitation.token)

    async def invite_again(self, request: web.Request) -> Invited:
        """Make a new token A for a platform that lost its tokens."""
        with refused_in_words():
            invitation = await self.platforms.invite_again(_name(request))
        return self._invited(invitation.name, invitation.token)

    async def remove(self, request: web.Request) -> Removed:
        """Forget a platform."""
        name = _name(request)
        with refused_in_words():
            await self.platforms.remove(name)
        return Removed(name=name)

    def _changing(
        self, change: Callable[[str], Awaitable[None]]
    ) -> Callable[[web.Request], Awaitable[Output]]:
        async def changed(request: web.Request) -> PlatformShown:
            name = _name(request)
            with refused_in_words():
                await change(name)
            return self._named(name)

        return changed

    def _named(self, name: str) -> PlatformShown:
        platform = self.directory.value.named(name)
        if platform is None:
            raise Unknown(f"no platform has the name {name!r}")
        return shown(platform)

    def _invited(self, name: str, token: str) -> Invited:
        return Invited(name=name, token=token, versions_url=self.identity.versions_url)


@contextmanager
def refused_in_words() -> Iterator[None]:
    """Turns what the registry refuses into problems."""
    try:
        yield
    except NotAName as error:
        raise WrongInput(FieldError("name", str(error))) from error
    except UnknownPlatform as error:
        raise Unknown(str(error)) from error
    except (NameTaken, NotConnectedYet) as error:
        raise Conflict(str(error)) from error


def shown(platform: Platform) -> PlatformShown:
    """The platform without its tokens."""
    return PlatformShown(
        name=platform.name,
        status=platform.status,
        is_suspended=platform.is_blocked,
        is_registered=platform.is_registered,
        version=platform.version,
        versions_url=platform.versions_url,
        token_encoding=platform.token_encoding,
        when_unreachable=platform.when_unreachable,
        bad_bodies=platform.bad_bodies,
        roles=[
            RoleShown(
                party=str(each.party),
                role=each.role,
                business_details=exact_json.decode(each.business_details),
            )
            for each in platform.roles
        ],
        endpoints=[
            EndpointShown(module=module, interface=interface, url=url)
            for (module, interface), url in sorted(platform.endpoints.items())
        ],
    )


def _name(request: web.Request) -> str:
    return request.match_info["name"]
