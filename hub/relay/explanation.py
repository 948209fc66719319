"""What would become of a message, and why: decided by the relay's own code, nothing sent, nothing kept.

`Exchange.answer` acts upon a `Decision`; this looks at one. Where the consequence only reads (a page of what
the hub keeps), it is read; where it would be kept, the store says what would become of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from hub.delivery.audience import Receiver, is_owed, receivers
from hub.delivery.changes import Change
from hub.directory.directory import Platform
from hub.directory.quirks import QUIRKS, Quirk, about
from hub.ocpi.description import Clue
from hub.ocpi.errors import OcpiError
from hub.ocpi.headers import TOTAL_COUNT, Routing
from hub.ocpi.identity import object_key
from hub.ocpi.message import Message
from hub.ocpi.party import Party
from hub.ocpi.transport import first
from hub.relay.content import token_asked_about
from hub.relay.decision import Decision
from hub.relay.exchange import Exchange, found_in_body
from hub.relay.forward import own_response_url, url_at
from hub.routing.addressee import Found
from hub.routing.destination import AskAll, Broadcast, Direct, GetAll, GetOne, is_push_to_everybody
from hub.store.acceptance import Outcome
from schemas.v2_2_1 import InterfaceRole

RELAYED: Final = ("RT-06", "RT-12", "RT-19", "RT-26")
DELIVERED: Final = ("RT-30", "RT-31", "RT-32", "RT-34", "RT-35")
#: What an operation's clue is, in words and as a row.
CLUES: Final = {
    Clue.CDR_TOKEN: ("the cdr_token in the body", ("AM-26",)),
    Clue.SESSION_TOKEN: ("the token of the session that passed here", ("AM-26",)),
    Clue.TOKEN: ("the owner of the token that was pushed here", ("TOK-19",)),
    Clue.SESSION: ("the CPO of the session that passed here", ()),
    Clue.LOCATION: ("the owner of the location that was pushed here", ("RT-50",)),
    Clue.RESERVATION: ("the CPO that accepted this reservation", ()),
    Clue.CHARGING_PROFILE: ("who set the charging profile of the session last", ("CHP-11",)),
}


@dataclass(frozen=True, slots=True)
class Way:
    """A request as it would go on to one party."""

    party: Party
    platform: Platform
    method: str
    url: str
    #: The quirks of the platform that matter for it: name, value, and what the hub does about it.
    quirks: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would become of a message."""

    #: Which kind of routing, and what decided.
    rule: str
    #: The rows of the conformance checklist that say so.
    rows: tuple[str, ...]
    #: Whom it would reach; at once, or for a broadcast soon.
    ways: tuple[Way, ...] = ()
    notes: tuple[str, ...] = ()
    #: Why it would not go anywhere.
    refusal: OcpiError | None = None


@dataclass(frozen=True, slots=True)
class Explaining:
    """What explaining stands on."""

    exchange: Exchange

    async def explanation(self, message: Message, caller: Platform) -> Explanation:
        """What would become of a message of this platform now."""
        hub = self.exchange.deciding.directory.value.hub
        try:
            decided = await self.exchange.deciding.decision(message, caller)
        except OcpiError as refusal:
            return Explanation(_mode(message, hub), refusal.rows, refusal=refusal)
        rule, rows = _rule(decided)
        try:
            return await self._consequence(decided, rule, rows)
        except OcpiError as refusal:
            return Explanation(rule, rows + refusal.rows, refusal=refusal)

    async def _consequence(self, decided: Decision, rule: str, rows: tuple[str, ...]) -> Explanation:
        """What acting upon the decision would do.

        Raises:
            OcpiError: it would be refused after all.
        """
        message, value, sender, caller = decided.message, decided.value, decided.sender, decided.caller
        from_hub = Routing(to=sender, sender=decided.hub)
        match decided.to:
            case Direct() as to:
                return Explanation(rule, rows, (_way(decided, to),), _notes(decided, to))
            case AskAll() as to:
                self.exchange.asking.check_unknown(token_asked_about(message), to)
                return Explanation(rule, rows, tuple(_way(decided, each) for each in to.receivers))
            case Broadcast() as to:
                outcome = await self.exchange.broadcasting.outcome(message, value, caller, to)
                return Explanation(
                    rule, rows, tuple(self._deliveries(decided, to, outcome)), (f"the object: {outcome}",)
                )
            case GetAll():
                page = await self.exchange.collecting.page(message, sender, caller, from_hub)
                return Explanation(rule, rows, notes=(f"objects: {first(page.headers, TOTAL_COUNT)}",))
            case GetOne():
                await self.exchange.collecting.one(message, sender, caller, from_hub)
                return Explanation(rule, rows, notes=("the object is here",))

    def _deliveries(self, decided: Decision, to: Broadcast, outcome: Outcome) -> Iterator[Way]:
        if outcome is Outcome.IGNORED_OLDER:
            return
        deciding, message = self.exchange.deciding, decided.message
        change = _change(decided, to)
        for platform in deciding.directory.value.platforms.values():
            for receiver in receivers(platform):
                if is_owed(change, receiver, platform, deciding.may_exchange):
                    yield from _delivery(message, receiver, platform)


def _mode(message: Message, hub: Party) -> str:
    """The kind of routing that a message asks for."""
    if message.routing.to is None:
        return "broadcast" if is_push_to_everybody(message) else "open routing"
    return "the hub" if message.routing.to == hub else "direct"


def _rule(decided: Decision) -> tuple[str, tuple[str, ...]]:  # noqa: PLR0911 a kind of routing a line
    """What decided, in words and rows."""
    message = decided.message
    match decided.to:
        case Direct(found=None):
            return "direct: OCPI-to names the addressee", RELAYED
        case Direct(found=Found.BY_CONTENT):
            words, rows = CLUES[message.operation.clue] if message.operation.clue else ("", ())
            return f"open routing: {words}", ("RT-44", "RT-46", "RT-49", *rows)
        case Direct(found=Found.LEARNT):
            return "open routing: it knew the token when all were asked", ("RT-44", "RT-46", "RT-51")
        case Direct():
            return "open routing: nobody else can be meant", ("RT-44", "RT-46", "RT-48")
        case AskAll():
            return "open routing: all who may know the token are asked at once", ("RT-47", "RT-51", "TOK-22")
        case Broadcast() if message.routing.to is None:
            return "broadcast: it is for everybody, and OCPI-to names nobody", ("RT-49", *DELIVERED)
        case Broadcast():
            return "broadcast: OCPI-to names the hub", ("RT-28", "RT-29", *DELIVERED)
        case GetAll():
            return "GET All: from what the hub keeps of all owners", ("RT-52", "RT-54", "RT-55")
        case GetOne():
            return "one object, from what the hub keeps", ("RT-56",)


def _notes(decided: Decision, to: Direct) -> tuple[str, ...]:
    """What else happens to a request for one party.

    Raises:
        OcpiError: it would be refused.
    """
    wrong = found_in_body(decided.message, decided.value, to.platform)
    url = own_response_url(decided.message, decided.value, decided.caller)
    notes = (
        f"the journal says what is wrong with the body: {wrong}" if wrong else "",
        "response_url becomes a URL of the hub" if url else "",
    )
    return tuple(note for note in notes if note)


def _way(decided: Decision, to: Direct) -> Way:
    message = decided.message
    return Way(
        to.party,
        to.platform,
        message.method,
        url_at(to, message, message.query),
        _quirks(to.platform, message.module.id, message.interface),
    )


def _delivery(message: Message, receiver: Receiver, platform: Platform) -> Iterator[Way]:
    module, interface = message.module.id, message.interface
    url = platform.url(module, interface, message.tail, message.query)
    if url is None or receiver.party_role is None:
        return
    is_whole = message.method == "PATCH" and not platform.quirks.takes_patch
    quirks = _quirks(platform, module, interface)
    yield Way(receiver.party_role.party, platform, "PUT" if is_whole else message.method, url, quirks)


def _quirks(platform: Platform, module: str, interface: InterfaceRole) -> tuple[tuple[str, str, str], ...]:
    of_interface = about(module, interface)
    return tuple(
        (quirk.value, platform.quirks.value(quirk, of_interface), QUIRKS[quirk].done)
        for quirk in Quirk
        if platform.quirks.has(quirk, of_interface)
    )


def _change(decided: Decision, to: Broadcast) -> Change:
    """The row that the log would have."""
    message = decided.message
    return Change(
        seq=0,
        key=object_key(message),
        method=message.method,
        tail=message.tail,
        query=message.query,
        body=b"",
        sender_role=to.sender_role,
        sender_platform_id=decided.caller.id,
        correlation_id=message.ids.correlation_id,
        newest=0,
    )
