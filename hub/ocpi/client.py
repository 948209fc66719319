"""The platform client: versions, credentials, pages and pushes at one platform.

It stands on a `Transport`, which is all it knows of the network. Hub and reference nodes use the same client
over transports of their own.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

from pydantic import ValidationError

from hub.ocpi.envelope import Envelope, NotAnEnvelope, read_envelope
from hub.ocpi.headers import (
    JSON_CONTENT_TYPE,
    LINK,
    NO_ROUTING,
    TOTAL_COUNT,
    Header,
    MessageIds,
    Routing,
    TokenEncoding,
    write_authorization,
)
from hub.ocpi.leniency import Oddity, forgiven, listed
from hub.ocpi.modules import VERSION
from hub.ocpi.paging import is_empty_link, lowered, read_next_link, read_total
from hub.ocpi.transport import DEFAULT_TIMEOUT, HttpReply, HttpRequest, Transport
from schemas import exact_json
from schemas.findings import findings
from schemas.tolerance import TOLERANT
from schemas.v2_2_1 import Credentials, InterfaceRole, Version, VersionDetails
from schemas.wire_object import WireObject

#: A crawl ends after so many pages, so that a partner's circle of links cannot hold us for ever.
MAX_PAGES = 100_000
#: Pages without an object that may follow each other.
MOST_EMPTY_PAGES = 10
#: Objects beyond twice the announced total that may come because the list changes while it is read.
SLACK = 1_000
HTTP_ERROR = 400
UNAUTHORIZED = 401

#: Told of what was forgiven in an answer, with the correlation id of the exchange.
Noticed = Callable[[Oddity, str], None]

Model = TypeVar("Model", bound=WireObject)


class PeerRefused(Exception):
    """The platform answered, but not with success: HTTP status, OCPI code and message say what."""

    def __init__(
        self, status: int, status_code: int | None, message: str, headers: Sequence[Header] = ()
    ) -> None:
        super().__init__(f"HTTP {status}, OCPI {status_code or 'without a status code'}: {message}")
        self.status = status
        self.status_code = status_code
        self.message = message
        #: Of the answer.
        self.headers = headers


class PeerOffers(Exception):
    """What the platform offers does not do; the message says what is missing."""


class NoMutualVersion(PeerOffers):
    """The platform does not offer a version that we speak."""


class ForeignLink(PeerOffers):
    """A Link leads to another host than the platform's own (PG-17)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of a platform: what came over HTTP, and the envelope if it holds one."""

    reply: HttpReply
    #: None where the body is not an OCPI envelope.
    envelope: Envelope | None
    #: Why there is no envelope, empty where there is one.
    problem: str = ""
    correlation_id: str = ""

    @property
    def is_success(self) -> bool:
        """Whether the platform says that it did what was asked: by envelope first, HTTP second (AM-08)."""
        if self.envelope is not None:
            return self.envelope.is_success and self.reply.status < HTTP_ERROR
        return False

    def data(self) -> Any:
        """The decoded data of a success.

        Raises:
            PeerRefused: the answer is not a success.
        """
        if not self.is_success:
            raise self.refusal()
        return None if self.envelope is None else self.envelope.data

    def refusal(self) -> PeerRefused:
        """The answer as a refusal."""
        if self.envelope is None:
            return PeerRefused(self.reply.status, None, self.problem, self.reply.headers)
        message = self.envelope.status_message or "no message"
        return PeerRefused(self.reply.status, self.envelope.status_code, message, self.reply.headers)


class PlatformClient:
    """Calls to one platform, with the token that it gave us."""

    def __init__(
        self,
        transport: Transport,
        token: str,
        *,
        new_id: Callable[[], str],
        encoding: TokenEncoding = TokenEncoding.BASE64,
        timeout: timedelta = DEFAULT_TIMEOUT,
        correlation_id: str | None = None,
        noticed: Noticed = lambda _oddity, _correlation_id: None,
    ) -> None:
        self._transport = transport
        self._token = token
        #: How the token is shown; `negotiated` may find out that it must be another way.
        self.encoding = encoding
        self._noticed = noticed
        self._new_id = new_id
        self._timeout = timeout
        #: That of every call which is given no other; without it each gets one of its own.
        self._correlation_id = correlation_id

    async def call(
        self,
        method: str,
        url: str,
        *,
        body: bytes = b"",
        routing: Routing = NO_ROUTING,
        correlation_id: str | None = None,
        timeout: timedelta | None = None,  # noqa: ASYNC109 a value of the request, applied by the transport
    ) -> Answer:
        """One request and its answer, whatever it says.

        Raises:
            CallFailed: no answer can be had.
        """
        ids = MessageIds(self._new_id(), correlation_id or self._correlation_id or self._new_id())
        authorization = write_authorization(self._token, self.encoding)
        headers: tuple[Header, ...] = (authorization, *ids.headers(), *routing.headers())
        if body:
            headers += (JSON_CONTENT_TYPE,)
        request = HttpRequest(method, url, headers, body, timeout or self._timeout)
        return read_answer(await self._transport.send(request), ids.correlation_id)

    async def push(
        self,
        method: str,
        url: str,
        value: WireObject | dict[str, Any],
        *,
        routing: Routing = NO_ROUTING,
        correlation_id: str | None = None,
    ) -> Answer:
        """A PUT, PATCH or POST of an object."""
        body = value.to_json() if isinstance(value, WireObject) else exact_json.encode(value)
        return await self.call(method, url, body=body, routing=routing, correlation_id=correlation_id)

    async def versions(self, versions_url: str) -> tuple[Version, ...]:
        """The versions that the platform offers (VE-01).

        Raises:
            CallFailed, PeerRefused, PeerOffers: they cannot be had.
        """
        answer = await self.call("GET", versions_url)
        data = self._listed(answer)
        if data is None:
            raise PeerOffers("versions: expected a list of versions in data")
        return tuple(
            self._read(Version, item, f"versions[{place}]", answer) for place, item in enumerate(data)
        )

    async def details(self, url: str) -> VersionDetails:
        """The endpoints that the platform offers for a version (VE-03)."""
        answer = await self.call("GET", url)
        return self._read(VersionDetails, answer.data(), "version details", answer)

    async def negotiated(
        self, versions_url: str, version: str = VERSION, *, any_encoding: bool = False
    ) -> VersionDetails:
        """The details of the version that we speak, found by way of the versions URL.

        Args:
            versions_url: Where they begin.
            version: The one that we speak.
            any_encoding: Whether a platform that answers 401 is shown the token in the other encoding, once;
                if that does, `encoding` is that one from then on (AM-02).

        Raises:
            NoMutualVersion: the platform does not offer it (CR-17).
            CallFailed, PeerRefused, PeerOffers: the call-back failed (CR-15).
        """
        offered = await (self._versions_somehow if any_encoding else self.versions)(versions_url)
        url = next((str(each.url) for each in offered if each.version == version), None)
        if url is None:
            names = ", ".join(each.version for each in offered)
            raise NoMutualVersion(f"expected version {version} among those offered: {names}")
        details = await self.details(url)
        if details.version != version:
            raise NoMutualVersion(f"{url} gives details of version {details.version}, expected {version}")
        return details

    async def exchange_credentials(self, method: str, url: str, ours: Credentials) -> Credentials:
        """POST or PUT of our credentials; the platform's credentials come back (CR-03, CR-10)."""
        answer = await self.push(method, url, ours)
        return self._read(Credentials, answer.data(), "credentials", answer)

    async def credentials(self, url: str) -> Credentials:
        """The credentials with which we access the platform (CR-12)."""
        answer = await self.call("GET", url)
        return self._read(Credentials, answer.data(), "credentials", answer)

    async def delete_credentials(self, url: str) -> None:
        """End the registration at the platform (CR-13)."""
        (await self.call("DELETE", url)).data()

    async def pages(
        self, url: str, *, routing: Routing = NO_ROUTING, correlation_id: str | None = None
    ) -> AsyncIterator[list[Any]]:
        """The pages of a list, each as decoded objects; see `listed`."""
        host = urlsplit(url).netloc

        def is_own(following: str) -> bool:
            return urlsplit(following).netloc == host

        async for answer in self.listed(url, is_own, routing=routing, correlation_id=correlation_id):
            yield self._objects(answer)

    async def listed(
        self,
        url: str,
        is_own: Callable[[str], bool],
        *,
        routing: Routing = NO_ROUTING,
        correlation_id: str | None = None,
    ) -> AsyncGenerator[Answer, None]:
        """The answers that hold a list, page by page, following its links to the letter (PG-13).

        Where the total falls on the way, as many objects slipped into pages that were read: the page is read
        again from so much earlier, if its URL says where it begins (PG-12). So an object may come twice.

        Args:
            url: Of the first page.
            is_own: Whether a URL is the platform's own, so that its token may go there (PG-17).
            routing: For each page.
            correlation_id: Of all pages; without it each gets one of its own.

        Raises:
            CallFailed, PeerRefused: a page cannot be had; those before it were given out.
            PeerOffers: a page is not a list, a Link leads to another host or there is no end.
        """
        followed: set[str] = set()
        total: int | None = None
        largest = count = empty = 0
        for _ in range(MAX_PAGES):
            answer = await self.call("GET", url, routing=routing, correlation_id=correlation_id)
            found = len(self._objects(answer))
            yield answer
            before, total = total, read_total(answer.reply.header(TOTAL_COUNT))
            count, empty, largest = count + found, 0 if found else empty + 1, max(largest, total or 0)
            if empty > MOST_EMPTY_PAGES or (total is not None and count > 2 * largest + SLACK):
                raise PeerOffers(f"the list does not end: {count} objects came, and {largest} were announced")
            fallen = 0 if before is None or total is None else before - total
            if earlier := lowered(url, fallen):
                url = earlier
                followed.clear()  # small pages lead to some of them once more
                continue
            following = self._next_page(answer)
            if following is None:
                return
            following = urljoin(url, following)
            if not is_own(following):
                raise ForeignLink(f"the Link to the next page leads to another host: {following[:100]}")
            if following in followed:
                raise PeerOffers("the links from page to page go round in a circle")
            followed.add(following)
            url = following
        raise PeerOffers(f"more than {MAX_PAGES} pages")

    def _next_page(self, answer: Answer) -> str | None:
        """Where an answer says that the next page is, None where it says nothing of the kind."""
        link = answer.reply.header(LINK)
        following = read_next_link(link)
        if following is None and link is not None and is_empty_link(link):
            self._noticed(Oddity.EMPTY_LINK, answer.correlation_id)
        return following

    async def _versions_somehow(self, versions_url: str) -> tuple[Version, ...]:
        try:
            return await self.versions(versions_url)
        except PeerRefused as refusal:
            if refusal.status != UNAUTHORIZED:
                raise
            before, self.encoding = self.encoding, self.encoding.other
            try:
                return await self.versions(versions_url)
            except PeerRefused:
                self.encoding = before
                raise refusal from None

    def _objects(self, answer: Answer) -> list[Any]:
        """The objects on a page, decoded."""
        found = self._listed(answer)
        if found is None:
            raise PeerOffers("expected a list in data of a paged answer")
        return found

    def _listed(self, answer: Answer) -> list[Any] | None:
        return listed(answer.data(), lambda oddity: self._noticed(oddity, answer.correlation_id))

    def _read(self, model: type[Model], value: Any, what: str, answer: Answer) -> Model:
        value = forgiven(model, value, lambda oddity: self._noticed(oddity, answer.correlation_id))
        try:
            return model.model_validate(value, context=TOLERANT)
        except ValidationError as error:
            raise PeerOffers(f"{what}: {_named(findings(error))}") from error


def listed_texts(answer: Answer) -> list[bytes]:
    """The objects on a page, each as it is written; null is nothing, and an object a list of one."""
    data = exact_json.members(answer.reply.body).get("data", b"null")
    return [text for text in exact_json.elements(bytes(data)) if text != b"null"]


def read_answer(reply: HttpReply, correlation_id: str = "") -> Answer:
    """The answer in what came over HTTP."""
    try:
        return Answer(reply, read_envelope(reply.body), correlation_id=correlation_id)
    except NotAnEnvelope as error:
        return Answer(reply, None, str(error), correlation_id)


def endpoint_urls(details: VersionDetails) -> dict[tuple[str, InterfaceRole], str]:
    """The URLs of a platform's modules by module and interface; credentials always as SENDER (VE-05)."""
    return {
        (str(each.identifier), InterfaceRole.SENDER if each.identifier == "credentials" else each.role): str(
            each.url
        )
        for each in details.endpoints
    }


def _named(found: Iterable[Any]) -> str:
    return "; ".join(f"{finding.pointer or '/'}: {finding.message}" for finding in found)
