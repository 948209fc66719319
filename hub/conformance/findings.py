"""What is wrong with what a platform offers, in words: pure (checklist VE, TR-08, TR-17; 2.2.1, Versions)."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import ValidationError

from hub.directory.directory import Endpoint as Offered
from hub.directory.directory import Platform, RegisteredRole
from hub.ocpi.headers import CONTENT_TYPE, CORRELATION_ID, REQUEST_ID, MessageIds
from hub.ocpi.modules import MODULES, VERSION
from hub.ocpi.transport import HttpReply
from schemas import exact_json
from schemas.findings import findings
from schemas.tolerance import TOLERANT
from schemas.v2_2_1 import Credentials, Endpoint, InterfaceRole, Response, Role, Version
from schemas.wire_object import WireObject

Model = TypeVar("Model", bound=WireObject)

OK = 200
UNAUTHORIZED = 401
#: The chapter on TLS.
SECURITY = "Transport and format, Security and authentication"
SUCCESS_CODES = range(1000, 2000)

SENDER, RECEIVER = InterfaceRole.SENDER, InterfaceRole.RECEIVER
#: A module with an interface needs another module, with one of these interfaces (VE-07).
DEPENDENCIES: tuple[tuple[str, frozenset[InterfaceRole], str, frozenset[InterfaceRole]], ...] = (
    ("locations", frozenset({RECEIVER}), "tariffs", frozenset({RECEIVER})),
    ("commands", frozenset(InterfaceRole), "locations", frozenset(InterfaceRole)),
    ("commands", frozenset(InterfaceRole), "sessions", frozenset(InterfaceRole)),
    ("chargingprofiles", frozenset(InterfaceRole), "sessions", frozenset(InterfaceRole)),
)
#: Modules that many platforms of a role do without.
OPTIONAL = frozenset({"chargingprofiles"})


class Weight(StrEnum):
    """How much a finding matters."""

    #: Against the specification, or the connection does not work.
    ERROR = "error"
    #: It works, and something that is usually wanted does not.
    WARNING = "warning"
    #: Good to know.
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a platform."""

    weight: Weight
    #: What was looked at: `versions`, `version details`, `endpoints` or `credentials`.
    subject: str
    #: In words; it never holds a token.
    message: str
    #: The chapter of OCPI 2.2.1 that says how it should be.
    chapter: str

    def __str__(self) -> str:
        return f"{self.weight}: {self.subject}: {self.message} ({self.chapter})"


#: Makes a finding about one subject.
Say = Callable[[Weight, str, str], Finding]


def about(subject: str) -> Say:
    """A maker of findings about one subject."""

    def say(weight: Weight, message: str, chapter: str) -> Finding:
        return Finding(weight, subject, message, chapter)

    return say


def wrong_with_answer(subject: str, reply: HttpReply, ids: MessageIds) -> Iterator[Finding]:
    """What is wrong with the answer to a GET that should succeed, apart from its data."""
    say = about(subject)
    if reply.status != OK:
        yield say(Weight.ERROR, f"expected HTTP 200, got {reply.status}", "Transport and format")
    yield from wrong_with_ids(subject, reply, ids)
    content_type = (reply.header(CONTENT_TYPE) or "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        message = f"expected Content-Type application/json, got {content_type or 'none'}"
        yield say(Weight.WARNING, message, "Transport and format, Response format")
    try:
        envelope = Response.read(reply.body)
    except exact_json.NotJson as error:
        yield say(Weight.ERROR, f"the answer is not JSON: {error}", "Transport and format, Response format")
    except ValidationError as error:
        for found in findings(error):
            yield say(Weight.ERROR, f"envelope: {found}", "Transport and format, Response format")
    else:
        if envelope.status_code not in SUCCESS_CODES:
            says = f"{envelope.status_code} {envelope.status_message or ''}".strip()
            yield say(Weight.ERROR, f"expected an OCPI status code of success, got {says}", "Status codes")


def wrong_with_ids(subject: str, reply: HttpReply, ids: MessageIds) -> Iterator[Finding]:
    """Ids of the request that the answer does not carry (TR-17, TR-18)."""
    for name, sent in ((REQUEST_ID, ids.request_id), (CORRELATION_ID, ids.correlation_id)):
        got = reply.header(name)
        if got != sent:
            message = f"expected the request's {name} in the answer, got {got or 'none'}"
            yield about(subject)(Weight.ERROR, message, "Transport and format, Unique message IDs")


def wrong_with_refusal(subject: str, shown: str, reply: HttpReply, ids: MessageIds) -> Iterator[Finding]:
    """What is wrong with the answer to a request that shows no token, or nobody's (TR-02, TR-03, TR-16)."""
    chapter = "Transport and format, Authorization header"
    if reply.status != UNAUTHORIZED:
        yield about(subject)(Weight.ERROR, f"{shown}: expected HTTP 401, got {reply.status}", chapter)
        return
    yield from wrong_with_ids(subject, reply, ids)
    try:
        Response.read(reply.body)
    except (exact_json.NotJson, ValidationError):
        message = f"{shown}: expected an OCPI envelope with the HTTP 401"
        yield about(subject)(Weight.WARNING, message, "Transport and format, Response format")


def wrong_with_url(subject: str, url: str) -> Iterator[Finding]:
    """Whether a URL leads to tokens that travel in the clear (TR-37)."""
    if urlsplit(url).scheme.lower() != "https":
        message = f"{url}: expected https: tokens and personal data travel in the clear"
        yield about(subject)(Weight.WARNING, message, SECURITY)


def wrong_with_versions(offered: Iterable[Version]) -> Iterator[Finding]:
    """What is wrong with a list of versions (VE-01, VE-02)."""
    say, chapter = about("versions"), "Versions, Version information endpoint"
    seen: dict[str, str] = {}
    for each in offered:
        if each.version in seen:
            yield say(Weight.ERROR, f"version {each.version} is listed twice", chapter)
        seen[each.version] = each.url
    if VERSION not in seen:
        names = ", ".join(seen) or "none"
        yield say(Weight.ERROR, f"expected version {VERSION} among those offered: {names}", chapter)
    else:
        yield from wrong_with_url("versions", seen[VERSION])


def wrong_with_details(version: str, endpoints: Iterable[Endpoint]) -> Iterator[Finding]:
    """What is wrong with the endpoints of a version, whoever's they are (VE-03 to VE-08)."""
    say, chapter = about("version details"), "Versions, Version details endpoint"
    endpoints = tuple(endpoints)
    if version != VERSION:
        yield say(Weight.ERROR, f"expected version {VERSION}, got {version}", chapter)
    if not any(each.identifier == "credentials" for each in endpoints):
        yield say(Weight.ERROR, "expected an endpoint for credentials: it is mandatory", chapter)
    for each in endpoints:
        if each.identifier == "credentials" and each.role != SENDER:
            yield say(Weight.NOTE, "credentials is best listed as SENDER", chapter)
        if each.identifier not in MODULES:
            message = f"{each.identifier} is no module of OCPI {VERSION}; it is passed over"
            yield say(Weight.NOTE, message, "Versions, Custom Modules")
        yield from wrong_with_url("version details", each.url)


def wrong_with_endpoints(offered: Iterable[Offered], roles: Iterable[Role]) -> Iterator[Finding]:
    """What platforms of these roles usually offer and this one does not, and what needs what (VE-07)."""
    offered, played = frozenset(offered), tuple(dict.fromkeys(roles))
    yield from _missing_for_roles(offered, played)
    yield from _unexplained(offered, played)
    yield from _missing_for_modules(offered)


def _missing_for_roles(offered: frozenset[Offered], roles: tuple[Role, ...]) -> Iterator[Finding]:
    say = about("endpoints")
    for module in MODULES.values():
        if module.id == "credentials":
            continue
        for interface in module.by_interface:
            missed_by = [role for role in roles if role in module.roles(interface)]
            if missed_by and (module.id, interface) not in offered:
                weight = Weight.NOTE if module.id in OPTIONAL else Weight.WARNING
                message = f"expected {module.id} as {interface}, as {' and '.join(missed_by)} offers it"
                yield say(weight, message, "Terminology, Typical OCPI implementations per Role")


def _unexplained(offered: frozenset[Offered], roles: tuple[Role, ...]) -> Iterator[Finding]:
    for name, interface in sorted(offered):
        module = MODULES.get(name)
        if module is None or name == "credentials" or not roles:
            continue
        if not any(role in module.roles(interface) for role in roles):
            message = f"{name} as {interface} is usually not offered by {' and '.join(roles)}"
            yield about("endpoints")(
                Weight.NOTE, message, "Terminology, Typical OCPI implementations per Role"
            )


def _missing_for_modules(offered: frozenset[Offered]) -> Iterator[Finding]:
    for module, interfaces, needed, as_interfaces in DEPENDENCIES:
        has_module = any((module, interface) in offered for interface in interfaces)
        has_needed = any((needed, interface) in offered for interface in as_interfaces)
        if has_module and not has_needed:
            yield about("endpoints")(Weight.WARNING, f"{module} needs {needed}", f"Module {module}")


def wrong_with_credentials(theirs: Credentials, platform: Platform) -> Iterator[Finding]:
    """What is wrong with the credentials with which we access the platform (CR-12, CR-29)."""
    say, chapter = about("credentials"), "Credentials, GET Method"
    if theirs.token != platform.outbound_token:
        yield say(Weight.ERROR, "expected the token that the hub shows the platform, got another", chapter)
    if theirs.url != platform.versions_url:
        message = f"the versions URL is {theirs.url}, it was {platform.versions_url}"
        yield say(Weight.WARNING, message, chapter)
    named = {(each.country_code.upper(), each.party_id.upper(), str(each.role)) for each in theirs.roles}
    known = {_named(each) for each in platform.roles}
    for what, parties in (("new", named - known), ("gone", known - named)):
        for country_code, party_id, role in sorted(parties):
            message = (
                f"{country_code}/{party_id} {role} is {what} since the platform registered; a PUT is due"
            )
            yield say(Weight.WARNING, message, "Credentials, PUT Method")


def _named(registered: RegisteredRole) -> tuple[str, str, str]:
    return (*registered.party.folded, str(registered.role))


def read(
    subject: str, model: type[Model], value: Any, place: str = ""
) -> tuple[Model | None, tuple[Finding, ...]]:
    """A value as a model, tolerantly, None where even that fails; and what a strict reader finds wrong."""
    try:
        return model.model_validate(value), ()
    except ValidationError as error:
        wrong = tuple(
            Finding(Weight.ERROR, subject, f"{place}{found}", "Object description")
            for found in findings(error)
        )
    try:
        return model.model_validate(value, context=TOLERANT), wrong
    except ValidationError:
        return None, wrong
