"""The handshake with the tester as partner: it registers with token A, and leaves at the end.

While it is registered it serves a small platform of its own: versions, details, credentials, and modules that
are empty. What the other side asks there is looked at, too.
"""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from pydantic import ValidationError

from hub.conformance.offers import CREDENTIALS, UNAUTHORIZED, read_offers
from hub.conformance.report import Check, Report
from hub.conformance.visit import Visit
from hub.http.serving import served, url_of
from hub.ocpi.client import Answer
from hub.ocpi.envelope import failure, success, success_with_list
from hub.ocpi.errors import NotAuthenticated, NotFound, OcpiError
from hub.ocpi.headers import CORRELATION_ID, REQUEST_ID, Header, TokenEncoding, read_authorization
from hub.ocpi.modules import MODULES, VERSION
from hub.ocpi.paging import PageRequest, page_headers
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock
from schemas.v2_2_1 import (
    BusinessDetails,
    Credentials,
    CredentialsRole,
    Endpoint,
    InterfaceRole,
    Role,
    Version,
    VersionDetails,
)

SUBJECT = "handshake"
OK, METHOD_NOT_ALLOWED = 200, 405
NAME = "OCPI conformance test"
CALLED_BACK = "versions and details are read with token B before the POST is answered"


class RegistrationFailed(Exception):
    """The platform did not register the tester; the report says why."""


@dataclass(slots=True)
class OwnPlatform:
    """What the tester offers while it is registered."""

    url: str
    party: Party
    report: Report
    clock: Clock
    #: Token B: what the other side must show.
    token: str = field(repr=False)
    #: Paths that were asked for, in order.
    asked: list[str] = field(default_factory=list)

    @property
    def versions_url(self) -> str:
        """Where the other side begins."""
        return f"{self.url}/ocpi/versions"

    def credentials(self) -> Credentials:
        """What the tester registers as: a CPO and an eMSP."""
        return Credentials(
            token=self.token,
            url=self.versions_url,
            roles=[
                CredentialsRole(
                    role=role,
                    business_details=BusinessDetails(name=NAME),
                    party_id=self.party.party_id,
                    country_code=self.party.country_code,
                )
                for role in (Role.CPO, Role.EMSP)
            ],
        )

    def details(self) -> VersionDetails:
        """All modules, both interfaces."""
        endpoints = [
            Endpoint(identifier=module.id, role=side, url=self._endpoint(module.id, side))
            for module in MODULES.values()
            for side in module.by_interface
            if module.id != "hubclientinfo" or side is InterfaceRole.RECEIVER
        ]
        return VersionDetails(version=VERSION, endpoints=endpoints)

    def application(self) -> web.Application:
        """The routes."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        return application

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        where = f"its {request.method} {request.path}"
        ids = self.report.check("TR-17 TR-18", "its requests", "each carries both message ids")
        headers: list[Header] = []
        for name in (REQUEST_ID, CORRELATION_ID):
            ids.expects(holds=bool(request.headers.get(name)), message=f"no {name}", where=where)
            headers.append((name, request.headers.get(name, "-")))
        try:
            self._check_token(request, where)
            body, more = self._body(request)
            return _response(OK, body, (*headers, *more))
        except OcpiError as error:
            return _response(error.http_status, failure(self.clock(), error), tuple(headers))

    def _check_token(self, request: web.Request, where: str) -> None:
        shown = read_authorization(request.headers)
        check = self.report.check("TR-01", "its requests", "each shows our token in Base64")
        encodings = [encoding for token, encoding in shown if token == self.token]
        if not encodings:
            raise NotAuthenticated
        check.expects(
            holds=encodings[0] is TokenEncoding.BASE64, message="the token is not encoded", where=where
        )

    def _body(self, request: web.Request) -> tuple[bytes, tuple[Header, ...]]:
        path, now = request.path.rstrip("/"), self.clock()
        base = f"/ocpi/{VERSION}"
        if path == "/ocpi/versions":
            return success(now, [Version(version=VERSION, url=self.url + base).to_wire()]), ()
        if path == base:
            return success(now, self.details().to_wire()), ()
        if path == f"{base}/{CREDENTIALS}":
            return success(now, self.credentials().to_wire()), ()
        if request.method != "GET":
            return success(now), ()
        if f"/{InterfaceRole.SENDER.lower()}/" in path and path.count("/") == base.count("/") + 2:
            asked = PageRequest.parse(request.query_string, max_limit=100)
            return success_with_list(now, ()), page_headers(self.url + path, asked, 0, asked.limit)
        raise NotFound

    def _endpoint(self, module: str, side: InterfaceRole) -> str:
        base = f"{self.url}/ocpi/{VERSION}"
        return f"{base}/{module}" if module == CREDENTIALS else f"{base}/{side.lower()}/{module}"


@asynccontextmanager
async def registered(
    visit: Visit,
    versions_url: str,
    port: socket.socket,
    public_url: str | None,
    new_token: Callable[[], str],
    clock: Clock,
) -> AsyncIterator[None]:
    """Register with the token of the visit, which is token A, and leave at the end.

    Args:
        visit: Goes on with token C.
        versions_url: Where the platform's versions are.
        port: Where the tester listens.
        public_url: Under which the platform reaches it, None for the address of the port.
        new_token: Makes token B.
        clock: Tells the time.

    Raises:
        RegistrationFailed: the platform did not register the tester.
    """
    ours = OwnPlatform(public_url or url_of(port), visit.us, visit.report, clock, new_token())
    async with served(ours.application(), port):
        token_a = visit.token
        await _register(visit, versions_url, ours)
        await _token_a_is_dead(visit, versions_url, token_a)
        try:
            yield
        finally:
            await _leave(visit, versions_url)


async def _register(visit: Visit, versions_url: str, ours: OwnPlatform) -> None:
    check = visit.report.check(
        "CR-03 CR-05", SUBJECT, "POST with token A gives a fresh token C and the roles"
    )
    if not await read_offers(visit, versions_url, credentials=False):
        raise RegistrationFailed
    url = visit.endpoints.get((CREDENTIALS, InterfaceRole.SENDER), "")
    answer = await visit.ask("POST", url, value=ours.credentials().to_wire())
    called_back = visit.report.check("CR-04", SUBJECT, CALLED_BACK)
    for path in ("/ocpi/versions", f"/ocpi/{VERSION}"):
        called_back.expects(holds=path in ours.asked, message=f"GET {path} did not come")
    theirs = _credentials(answer, check)
    if theirs is None:
        raise RegistrationFailed
    fresh = theirs.token not in {visit.token, ours.token}
    check.expects(holds=fresh, message="token C is token A or token B")
    visit.token = theirs.token
    await _again(visit, url, ours)


async def _again(visit: Visit, url: str, ours: OwnPlatform) -> None:
    check = visit.report.check("CR-07", SUBJECT, "a second POST is HTTP 405")
    again = await visit.ask("POST", url, value=ours.credentials().to_wire())
    if again is not None:
        status = again.reply.status
        check.expects(holds=status == METHOD_NOT_ALLOWED, message=f"got HTTP {status}")


async def _token_a_is_dead(visit: Visit, versions_url: str, token_a: str) -> None:
    check = visit.report.check("CR-06", SUBJECT, "token A is dead after the registration")
    await _expect_dead(visit, versions_url, token_a, check)


async def _leave(visit: Visit, versions_url: str) -> None:
    check = visit.report.check("CR-13", SUBJECT, "DELETE ends the registration: the token is dead")
    answer = await visit.ask("DELETE", visit.endpoints.get((CREDENTIALS, InterfaceRole.SENDER), ""))
    if answer is None or not answer.is_success:
        check.fails("no answer" if answer is None else str(answer.refusal()))
        return
    await _expect_dead(visit, versions_url, visit.token, check)


async def _expect_dead(visit: Visit, url: str, token: str, check: Check) -> None:
    shown, visit.token = visit.token, token
    try:
        answer = await visit.get(url)
    finally:
        visit.token = shown
    if answer is not None:
        status = answer.reply.status
        check.expects(holds=status == UNAUTHORIZED, message=f"expected HTTP 401, got {status}", where=url)


def _credentials(answer: Answer | None, check: Check) -> Credentials | None:
    if answer is None or not answer.is_success or answer.envelope is None:
        check.fails("no answer" if answer is None else str(answer.refusal()))
        return None
    try:
        return Credentials.model_validate(answer.envelope.data)
    except ValidationError as error:
        check.fails(str(error))
        return None


def _response(status: int, body: bytes, headers: tuple[Header, ...]) -> web.Response:
    return web.Response(status=status, body=body, headers=dict(headers), content_type="application/json")
