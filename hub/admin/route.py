"""Where a message would go, and why; it is not sent."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from aiohttp import web
from pydantic import AfterValidator, Field

from hub.admin.parties import PartyText
from hub.admin.problems import FieldError, Unknown, WrongInput
from hub.admin.wire import Input, Output, Route, body_of
from hub.directory.current import CurrentDirectory
from hub.directory.directory import Directory, Platform
from hub.ocpi.description import Match, Module
from hub.ocpi.errors import OcpiError
from hub.ocpi.headers import MessageIds, Routing
from hub.ocpi.message import Message
from hub.ocpi.modules import MODULES
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock
from hub.relay.explanation import Explaining, Explanation, Way
from schemas.v2_2_1 import InterfaceRole

METHODS = ("GET", "PUT", "PATCH", "POST", "DELETE")


def _method(text: str) -> str:
    if text.upper() not in METHODS:
        raise ValueError(f"expected one of {', '.join(METHODS)}, got {text!r}")
    return text.upper()


class RouteQuestion(Input):
    """A message that somebody might send."""

    #: The party that sends it.
    sender: PartyText = Field(alias="from")
    #: The party that OCPI-to names, none for an open request.
    to: PartyText | None = None
    module: str
    method: Annotated[str, AfterValidator(_method)]
    #: SENDER or RECEIVER; may be left out where only one has such a path and such askers.
    interface: InterfaceRole | None = None
    #: What stands below the module's URL, query and all: `/LOC1`, `/0123/authorize?type=RFID`.
    path: str = ""
    #: The body, as it would be sent.
    body: str = ""


class QuirkOfWay(Output):
    """A quirk of the platform that matters here."""

    name: str
    value: str
    #: What the hub does about it.
    done: str


class WayShown(Output):
    """A request as it would go on."""

    party: str
    platform: str
    #: A ConnectionStatus.
    status: str
    method: str
    url: str
    #: Why the two may exchange this.
    agreement: str
    quirks: list[QuirkOfWay]


class RefusalShown(Output):
    """The answer that says no."""

    http_status: int
    status_code: int
    message: str


class RouteExplained(Output):
    """What would become of the message."""

    #: The platform that speaks for the sending party.
    platform: str
    interface: InterfaceRole
    rule: str
    ways: list[WayShown]
    notes: list[str]
    refusal: RefusalShown | None
    #: Rows of the conformance checklist.
    rows: list[str]


@dataclass(frozen=True, slots=True)
class RoutePages:
    """Answers where messages would go."""

    directory: CurrentDirectory
    explaining: Explaining
    clock: Clock

    def routes(self) -> list[Route]:
        """What can be asked."""
        return [("POST", "/route/explain", self.explain)]

    async def explain(self, request: web.Request) -> RouteExplained:
        """Where a message would go now. A question: nothing is sent, and nothing is written."""
        question = await body_of(request, RouteQuestion)
        directory = self.directory.value
        module = _module(question.module)
        sender = Party.parse(question.sender)
        if not directory.holders(sender):
            raise Unknown(f"nobody registered {sender} here: no platform speaks for it")
        tail, _, query = question.path.partition("?")
        interface = question.interface or _interface(module, question.method, tail, sender, directory)
        caller = _caller(module, interface, sender, directory)
        found = await self._explained(module, interface, tail, query, question, caller)
        return RouteExplained(
            platform=caller.name,
            interface=interface,
            rule=found.rule,
            ways=[_way_shown(each, self._agreement(sender, each.party, module)) for each in found.ways],
            notes=[*found.notes, *_without_body(question, found.refusal), *self._notes(question, caller)],
            refusal=None if found.refusal is None else _refusal(found.refusal),
            rows=list(dict.fromkeys(found.rows)),
        )

    def _agreement(self, sender: Party, receiver: Party, module: Module) -> str:
        """What lets the two exchange the module's messages, in words; empty where nothing does."""
        agreements = self.directory.value.agreements
        if agreements.is_open:
            return "open: everybody with everybody"
        letting = agreements.letting(sender, receiver, module.id, self.clock())
        return ", ".join(f"agreement {number}" for number in sorted(each.id for each in letting))

    def _notes(self, question: RouteQuestion, caller: Platform) -> Iterator[str]:
        if caller.is_blocked:
            yield f"{caller.name} is suspended: its requests are refused with HTTP 403"
        if question.to is None or question.to == str(self.directory.value.hub):
            return
        to, sender = Party.parse(question.to), Party.parse(question.sender)
        if not self._agreement(sender, to, MODULES[question.module]):
            yield f"{sender} and {to} have no agreement about {question.module}"

    async def _explained(
        self,
        module: Module,
        interface: InterfaceRole,
        tail: str,
        query: str,
        question: RouteQuestion,
        caller: Platform,
    ) -> Explanation:
        try:
            operation, parameters = module.match(interface, question.method, tail)
        except OcpiError as refusal:
            return Explanation("no such operation", ("TR-40",), refusal=refusal)
        message = Message(
            module=module,
            operation=operation,
            parameters=parameters,
            tail=tail if tail.strip("/") else "",
            query=query,
            ids=MessageIds("explained", "explained"),
            routing=Routing(
                to=None if question.to is None else Party.parse(question.to),
                sender=Party.parse(question.sender),
            ),
            headers=(),
            body=question.body.encode(),
        )
        return await self.explaining.explanation(message, caller)


#: What a body that is not JSON is answered with (TR-12).
_NOT_JSON = 400


def _module(name: str) -> Module:
    module = MODULES.get(name)
    if module is None or not module.is_routed:
        expected = ", ".join(each.id for each in MODULES.values() if each.is_routed)
        raise WrongInput(FieldError("module", f"expected one of {expected}, got {name!r}"))
    return module


def _interface(module: Module, method: str, tail: str, sender: Party, directory: Directory) -> InterfaceRole:
    """The interface that such a message must be for: it has the path, and the sender is on its other side.

    Raises:
        WrongInput: that does not tell.
    """
    with_path = [each for each in module.by_interface if _matches(module, each, method, tail)]
    if not with_path:
        raise WrongInput(FieldError("path", f"no interface of {module.id} has {method} {tail or '/'}"))
    roles = {role for _, role in directory.holders(sender)}
    with_askers = [each for each in with_path if roles & module.roles(_other(each))]
    for found in (with_path, with_askers):
        if len(found) == 1:
            return found[0]
    raise WrongInput(FieldError("interface", f"say which: {method} {tail or '/'} does not tell"))


def _matches(module: Module, interface: InterfaceRole, method: str, tail: str) -> Match | None:
    try:
        return module.match(interface, method, tail)
    except OcpiError:
        return None


def _other(interface: InterfaceRole) -> InterfaceRole:
    return InterfaceRole.RECEIVER if interface is InterfaceRole.SENDER else InterfaceRole.SENDER


def _caller(module: Module, interface: InterfaceRole, sender: Party, directory: Directory) -> Platform:
    """The platform that would send it: where the party has the role of an asker, if there is such."""
    holders = directory.holders(sender)
    askers = module.roles(_other(interface))
    return next((platform for platform, role in holders if role in askers), holders[0][0])


def _way_shown(way: Way, agreement: str) -> WayShown:
    return WayShown(
        party=str(way.party),
        platform=way.platform.name,
        status=way.platform.status,
        method=way.method,
        url=way.url,
        agreement=agreement,
        quirks=[QuirkOfWay(name=name, value=value, done=done) for name, value, done in way.quirks],
    )


def _without_body(question: RouteQuestion, refusal: OcpiError | None) -> Iterator[str]:
    if not question.body and refusal is not None and refusal.http_status == _NOT_JSON:
        yield "no body was given, and this request needs one"


def _refusal(refusal: OcpiError) -> RefusalShown:
    return RefusalShown(
        http_status=refusal.http_status, status_code=refusal.status_code, message=refusal.message
    )
