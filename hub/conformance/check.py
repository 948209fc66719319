"""Looks at a registered platform as a partner's engineer would, and lists what is wrong."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from hub.calling.calls import Calls
from hub.conformance.findings import (
    Finding,
    Weight,
    about,
    read,
    wrong_with_answer,
    wrong_with_credentials,
    wrong_with_details,
    wrong_with_endpoints,
    wrong_with_refusal,
    wrong_with_url,
    wrong_with_versions,
)
from hub.directory.directory import Platform
from hub.ocpi.client import read_answer
from hub.ocpi.headers import Header, MessageIds, write_authorization
from hub.ocpi.modules import VERSION
from hub.ocpi.transport import CallFailed, HttpReply, HttpRequest
from hub.registry.platforms import NotConnectedYet
from hub.store.journal import Purpose
from schemas.v2_2_1 import Credentials, Endpoint, Version, VersionDetails
from schemas.wire_object import WireObject

Model = TypeVar("Model", bound=WireObject)

VERSIONS, DETAILS, CREDENTIALS = "versions", "version details", "credentials"
#: A token that nobody has.
NOBODYS_TOKEN = "a-token-of-nobody"  # noqa: S105 that is the point of it


@dataclass(frozen=True, slots=True)
class Checked:
    """What a look at a platform has found."""

    #: Under which the journal has every call of it.
    correlation_id: str
    #: Empty if all is well.
    findings: tuple[Finding, ...]

    @property
    def has_errors(self) -> bool:
        """Whether something is against the specification, or does not work."""
        return any(each.weight is Weight.ERROR for each in self.findings)


async def check(platform: Platform, calls: Calls, patience: timedelta) -> Checked:
    """Call a platform's versions, details and credentials, and list what is wrong; nothing there changes.

    Args:
        platform: A registered one.
        calls: How to call it.
        patience: For each answer.

    Raises:
        NotConnectedYet: the platform is not registered.
    """
    if platform.outbound_token is None or platform.versions_url is None:
        raise NotConnectedYet(f"{platform.name} is not registered")
    authorization = write_authorization(platform.outbound_token, platform.token_encoding)
    look = _Look(platform, authorization, calls, patience, calls.new_id(), [])
    details_url = await look.at_versions(platform.versions_url)
    credentials_url = None if details_url is None else await look.at_details(details_url)
    if credentials_url is not None:
        await look.at_credentials(credentials_url)
    return Checked(look.correlation_id, tuple(dict.fromkeys(look.found)))


@dataclass(frozen=True, slots=True)
class _Look:
    """One look, step by step; each step adds to what was found."""

    platform: Platform
    authorization: Header
    calls: Calls
    patience: timedelta
    correlation_id: str
    found: list[Finding]

    async def at_versions(self, url: str) -> str | None:
        """The versions; where the details of ours are."""
        self.found.extend(wrong_with_url(VERSIONS, url))
        data = await self._data(VERSIONS, url)
        if data is None:
            return None
        if not isinstance(data, list):
            self._say(VERSIONS, "expected a list of versions in data")
            return None
        offered = [version for item in data if (version := self._read(VERSIONS, Version, item)) is not None]
        self.found.extend(wrong_with_versions(offered))
        return next((each.url for each in offered if each.version == VERSION), None)

    async def at_details(self, url: str) -> str | None:
        """The endpoints; where the credentials are."""
        data = await self._data(DETAILS, url)
        if data is None:
            return None
        self._read(DETAILS, VersionDetails, data)
        listed = data.get("endpoints") if isinstance(data, dict) else None
        # Read one by one: an endpoint that is listed twice, or is wrong, leaves the others as they are.
        items = listed if isinstance(listed, list) else []
        endpoints = [endpoint for item in items if (endpoint := read(DETAILS, Endpoint, item)[0]) is not None]
        if endpoints:
            self.found.extend(wrong_with_details(str(data.get("version")), endpoints))
            offered = ((str(each.identifier), each.role) for each in endpoints)
            self.found.extend(wrong_with_endpoints(offered, (each.role for each in self.platform.roles)))
        return next((each.url for each in endpoints if each.identifier == CREDENTIALS), None)

    async def at_credentials(self, url: str) -> None:
        """The credentials with which we access the platform."""
        data = await self._data(CREDENTIALS, url)
        theirs = None if data is None else self._read(CREDENTIALS, Credentials, data)
        if theirs is not None:
            self.found.extend(wrong_with_credentials(theirs, self.platform))

    async def _data(self, subject: str, url: str) -> Any:
        """What a GET gives; None, and findings, where it gives nothing. Strangers must get nothing."""
        data = await self._shown_to_us(subject, url)
        if data is not None:
            stranger = write_authorization(NOBODYS_TOKEN, self.platform.token_encoding)
            await self._shown_to_others(subject, url, "without a token", ())
            await self._shown_to_others(subject, url, "with a token of nobody", (stranger,))
        return data

    async def _shown_to_us(self, subject: str, url: str) -> Any:
        ids = MessageIds(self.calls.new_id(), self.correlation_id)
        reply = await self._reply(subject, url, ids, (self.authorization,))
        if reply is None:
            return None
        self.found.extend(wrong_with_answer(subject, reply, ids))
        answer = read_answer(reply)
        data = answer.data() if answer.is_success else None
        if answer.is_success and data is None:
            self._say(subject, "expected data in the answer, got none")
        return data

    async def _shown_to_others(self, subject: str, url: str, shown: str, headers: tuple[Header, ...]) -> None:
        ids = MessageIds(self.calls.new_id(), self.correlation_id)
        reply = await self._reply(subject, url, ids, headers)
        if reply is not None:
            self.found.extend(wrong_with_refusal(subject, shown, reply, ids))

    async def _reply(
        self, subject: str, url: str, ids: MessageIds, headers: tuple[Header, ...]
    ) -> HttpReply | None:
        # The answer to a GET of credentials holds a token: the journal keeps no bodies of that module.
        module = CREDENTIALS if subject == CREDENTIALS else None
        transport = self.calls.leg(Purpose.PROBE, self.platform.id, self.platform.name, module)
        request = HttpRequest("GET", url, (*headers, *ids.headers()), timeout=self.patience)
        try:
            return await transport.send(request)
        except CallFailed as failure:
            self._say(subject, f"GET {url}: {failure.happened}: {failure}")
            return None

    def _read(self, subject: str, model: type[Model], value: Any) -> Model | None:
        made, wrong = read(subject, model, value)
        self.found.extend(wrong)
        return made

    def _say(self, subject: str, message: str) -> None:
        self.found.append(about(subject)(Weight.ERROR, message, "Transport and format"))
