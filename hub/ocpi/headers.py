"""The headers of OCPI: message ids, routing and token, read here and written here, nowhere else."""

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from hub.ocpi.errors import InvalidParameters, NotAuthenticated
from hub.ocpi.party import NotAParty, Party, named_party

AUTHORIZATION = "Authorization"
REQUEST_ID = "X-Request-ID"
CORRELATION_ID = "X-Correlation-ID"
TO_COUNTRY_CODE = "OCPI-to-country-code"
TO_PARTY_ID = "OCPI-to-party-id"
FROM_COUNTRY_CODE = "OCPI-from-country-code"
FROM_PARTY_ID = "OCPI-from-party-id"
TOTAL_COUNT = "X-Total-Count"
LIMIT = "X-Limit"
LINK = "Link"
LOCATION = "Location"
CONTENT_TYPE = "Content-Type"
JSON_CONTENT_TYPE = (CONTENT_TYPE, "application/json")

#: What a relayed request keeps. Never the caller's token, cookies or addresses (RT-19).
RELAYED_REQUEST_HEADERS = frozenset({"content-type", "accept", "accept-language"})
#: What a relayed answer keeps besides what the hub writes itself.
RELAYED_REPLY_HEADERS = frozenset(
    {"content-type", "content-language", "retry-after", "x-total-count", "x-limit", "link", "location"}
)

Header = tuple[str, str]


class TokenEncoding(StrEnum):
    """How a platform wants the credentials token in the Authorization header (AM-02)."""

    BASE64 = "base64"
    RAW = "raw"

    @property
    def other(self) -> "TokenEncoding":
        """The one of the two that this is not."""
        return TokenEncoding.RAW if self is TokenEncoding.BASE64 else TokenEncoding.BASE64


class MessageIds(NamedTuple):
    """The ids of a request; its answer carries the same two (TR-17, TR-18)."""

    request_id: str
    correlation_id: str

    def headers(self) -> tuple[Header, ...]:
        """The two headers that carry the ids."""
        return ((REQUEST_ID, self.request_id), (CORRELATION_ID, self.correlation_id))


class Routing(NamedTuple):
    """Who a functional message is for and who it is from (2.2.1, Message Routing Headers)."""

    to: Party | None = None
    sender: Party | None = None

    def answered(self) -> "Routing":
        """The pairs of the answer: receiver and sender change places (RT-07)."""
        return Routing(to=self.sender, sender=self.to)

    def headers(self) -> tuple[Header, ...]:
        """The headers that carry the pairs, spelled as the parties are."""
        to, sender = self.to, self.sender
        pairs: tuple[Header, ...] = ()
        if to is not None:
            pairs += ((TO_COUNTRY_CODE, to.country_code), (TO_PARTY_ID, to.party_id))
        if sender is not None:
            pairs += ((FROM_COUNTRY_CODE, sender.country_code), (FROM_PARTY_ID, sender.party_id))
        return pairs


NO_ROUTING = Routing()


def read_ids(headers: Mapping[str, str], new_id: Callable[[], str]) -> MessageIds:
    """The ids of a message; missing ones are made (RT-23)."""
    request_id = _id_value(headers.get(REQUEST_ID)) or new_id()
    correlation_id = _id_value(headers.get(CORRELATION_ID)) or new_id()
    return MessageIds(request_id, correlation_id)


def read_routing(headers: Mapping[str, str]) -> Routing:
    """The routing pairs of a message; a pair that is absent is None.

    Raises:
        InvalidParameters: half a pair (RT-03), or a value that cannot be a party.
    """
    return _routing(
        headers.get(TO_COUNTRY_CODE, "").strip(),
        headers.get(TO_PARTY_ID, "").strip(),
        headers.get(FROM_COUNTRY_CODE, "").strip(),
        headers.get(FROM_PARTY_ID, "").strip(),
    )


def claimed_sender(headers: Mapping[str, str]) -> Party | None:
    """The party that a message says it is from, None where it says so wrongly or not at all."""
    try:
        return _sender(headers.get(FROM_COUNTRY_CODE, "").strip(), headers.get(FROM_PARTY_ID, "").strip())
    except InvalidParameters:
        return None


@lru_cache(maxsize=4096)
def write_authorization(token: str, encoding: TokenEncoding = TokenEncoding.BASE64) -> Header:
    """The Authorization header that shows this token (TR-01)."""
    if encoding is TokenEncoding.BASE64:
        token = base64.b64encode(token.encode()).decode("ascii")
    return (AUTHORIZATION, f"Token {token}")


def read_authorization(headers: Mapping[str, str]) -> tuple[tuple[str, TokenEncoding], ...]:
    """The tokens that the header may mean: as it stands, and decoded from Base64 (AM-01, AM-02).

    Raises:
        NotAuthenticated: no header, or one that is not `Token <credentials token>`.
    """
    scheme, _, shown = headers.get(AUTHORIZATION, "").strip().partition(" ")
    shown = shown.strip()
    if scheme.lower() != "token" or not shown:
        raise NotAuthenticated("expected the header Authorization: Token <Base64 of the credentials token>")
    decoded = _base64_decoded(shown)
    raw = (shown, TokenEncoding.RAW)
    return (raw,) if decoded is None else (raw, (decoded, TokenEncoding.BASE64))


def kept(headers: Iterable[Header], names: frozenset[str]) -> tuple[Header, ...]:
    """The headers whose lower-case name is among the names, in their order."""
    return tuple([header for header in headers if header[0].lower() in names])


def _id_value(value: str | None) -> str | None:
    value = value.strip() if value else None
    return value if value and value.isprintable() else None


@lru_cache(maxsize=4096)
def _routing(to_country_code: str, to_party_id: str, from_country_code: str, from_party_id: str) -> Routing:
    """The pairs so spelled: the same few stand in message after message."""
    to = _party(to_country_code, to_party_id, TO_COUNTRY_CODE, TO_PARTY_ID)
    return Routing(to, _sender(from_country_code, from_party_id))


@lru_cache(maxsize=4096)
def _sender(country_code: str, party_id: str) -> Party | None:
    return _party(country_code, party_id, FROM_COUNTRY_CODE, FROM_PARTY_ID)


def _party(country_code: str, party_id: str, country_header: str, party_header: str) -> Party | None:
    if not country_code and not party_id:
        return None
    if not country_code or not party_id:
        missing = party_header if country_code else country_header
        raise InvalidParameters(
            f"header {missing} is missing: {country_header} and {party_header} go together"
        )
    try:
        return named_party(country_code, party_id)
    except NotAParty as error:
        raise InvalidParameters(f"headers {country_header} and {party_header}: {error}") from error


def _base64_decoded(text: str) -> str | None:
    try:
        decoded = base64.b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return decoded.removesuffix("\n") or None
