"""What CPOs send to the eMSP: sessions as they happen, and CDRs, which are final (SES and CDR rows)."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from hub.ocpi.description import ObjectKey
from hub.ocpi.errors import ClientError, InvalidParameters, NotFound
from hub.ocpi.headers import LOCATION
from hub.ocpi.modules import MODULES
from hub.ocpi.party import NotAParty, Party
from hub.pricing.exact import is_plausible, out_of_proportion
from partners.administration import NotPossible
from partners.changes import Changes
from partners.exchange import Answer, Offer, Request, offer
from partners.link import path
from partners.objects import Objects
from partners.owned_objects import Acquaintance, OwnedObjects, comes_from_hub
from schemas.v2_2_1 import CDR, InterfaceRole, Session, SessionStatus

#: StatusMessage.
_LONGEST_MESSAGE = 255
#: A session in one of these does not change any more (SES-09).
FINAL = frozenset({SessionStatus.COMPLETED, SessionStatus.INVALID})


@dataclass(frozen=True, slots=True)
class Sessions:
    """The Receiver interface of sessions."""

    party: Party
    objects: Objects
    changes: Changes
    is_known: Acquaintance

    def offer(self) -> Offer:
        """The Receiver interface."""
        module = MODULES["sessions"]
        if module.kind is None:
            raise TypeError("sessions are objects")
        owned = OwnedObjects(module, module.kind, self.objects, self.changes, self.check, self.is_known)
        return offer("sessions", InterfaceRole.RECEIVER, owned.handlers())

    def all(self) -> list[Session]:
        """All sessions of our drivers, oldest first."""
        return [Session.read(stored.text, tolerant=True) for stored in self.objects.all("sessions")]

    def with_id(self, session_id: str) -> list[Session]:
        """The sessions with this id, one a CPO at most (AM-28)."""
        found = self.objects.with_id("sessions", session_id)
        return [Session.read(stored.text, tolerant=True) for stored in found]

    def with_reference(self, authorization_reference: str) -> list[Session]:
        """The sessions that an authorization or a command of ours led to (AM-40)."""
        return [
            session for session in self.all() if session.authorization_reference == authorization_reference
        ]

    def running(self, session_id: str, owner: Party | None) -> Session:
        """The session with this id that has not ended; its owner need not be named while only one has it.

        Raises:
            NotPossible: we know of no such session, or of several, or it has ended.
        """
        found = [
            session
            for session in self.with_id(session_id)
            if owner in (None, Party(session.country_code, session.party_id))
        ]
        if len(found) != 1:
            raise NotPossible(f"{len(found) or 'no'} sessions {session_id} are known")
        if found[0].status in FINAL:
            raise NotPossible(f"session {session_id} is {found[0].status}")
        return found[0]

    def check(self, stored: dict[str, Any] | None, new: dict[str, Any]) -> None:
        """A new state of a session, pushed or pulled, against what we are and have.

        Raises:
            InvalidParameters: it is of another eMSP's token.
            ClientError: the session has ended (SES-09).
        """
        check_token_owner(self.party, new)
        if stored is not None and stored["status"] in FINAL and stored != new:
            raise ClientError(f"the session is {stored['status']}: it does not change any more")


@dataclass(frozen=True, slots=True)
class Cdrs:
    """The Receiver interface of CDRs."""

    party: Party
    objects: Objects
    changes: Changes
    #: Told of each CDR that is new.
    came: Callable[[ObjectKey], None]

    def offer(self) -> Offer:
        """The Receiver interface."""
        return offer("cdrs", InterfaceRole.RECEIVER, {"POST": self._post, "GET /{cdr_id}/*": self._get})

    def all(self) -> list[CDR]:
        """All CDRs for our drivers, oldest first."""
        return [CDR.read(stored.text, tolerant=True) for stored in self.objects.all("cdrs")]

    async def _post(self, request: Request) -> Answer:
        """Keep a CDR, once: a second POST of the same is answered like the first (CDR-02, CDR-19)."""
        cdr: dict[str, Any] = request.value
        key = cdr_key(cdr)
        self._check_sender(request, Party(cdr["country_code"], cdr["party_id"]))
        url = request.endpoint + path(cdr["id"], cdr["country_code"], cdr["party_id"])
        stored = self.objects.get(key)
        self.check(None if stored is None else stored.value(), cdr)
        if stored is not None:
            return Answer(headers=((LOCATION, url),))
        self.objects.put(key, cdr, through_hub=comes_from_hub(request))
        self.came(key)
        self.changes.announce()
        return Answer(status=201, headers=((LOCATION, url),))

    async def _get(self, request: Request) -> Answer:
        """The CDR at the URL that we answered its POST with (CDR-03)."""
        segments = [unquote(segment) for segment in request.tail.split("/") if segment]
        try:
            cdr_id, country_code, party_id = segments
            owner = Party(country_code, party_id)
        except ValueError as error:
            raise NotFound("no such CDR") from error
        stored = self.objects.get(ObjectKey("cdrs", *owner.folded, cdr_id.upper()))
        if stored is None:
            raise NotFound("no such CDR")
        return Answer(stored.text)

    def check(self, stored: dict[str, Any] | None, new: dict[str, Any]) -> None:
        """A CDR, posted or pulled, against what we are and have.

        Raises:
            InvalidParameters: it is of another eMSP's token, another one has its id (CDR-19), or what it adds
                up to is beyond all reckoning.
        """
        check_token_owner(self.party, new)
        check_totals(new)
        if stored is not None and stored != new:
            raise InvalidParameters("/id: there is another CDR with this id, and a CDR is final")

    def _check_sender(self, request: Request, owner: Party) -> None:
        if not request.peer.is_hub and not request.peer.has_party(owner):
            raise InvalidParameters(f"/party_id: {owner} is not a party that you registered")
        if request.routing.sender not in (None, owner):
            raise InvalidParameters(f"/party_id: a CDR of {owner} cannot come from {request.routing.sender}")


def cdr_key(cdr: dict[str, Any]) -> ObjectKey:
    """The key of a CDR, unique for its owner (CDR-05).

    Raises:
        InvalidParameters: its codes cannot be those of a party.
    """
    try:
        owner = Party(cdr["country_code"], cdr["party_id"])
    except NotAParty as error:
        raise InvalidParameters(f"/party_id: {error}") from error
    return ObjectKey("cdrs", *owner.folded, cdr["id"].upper())


def check_totals(cdr: dict[str, Any]) -> None:
    """The totals of a CDR are numbers that somebody can pay, charge or wait; else no bill could be made.

    Raises:
        InvalidParameters: one is out of all proportion.
    """
    for name, total in cdr.items():
        if not name.startswith("total_"):
            continue
        amounts = total.items() if isinstance(total, dict) else [("", total)]
        for part, amount in amounts:
            if isinstance(amount, int | Decimal) and not is_plausible(Decimal(amount)):
                pointer = f"/{name}/{part}" if part else f"/{name}"
                raise InvalidParameters(f"{pointer}: {out_of_proportion(Decimal(amount))}"[:_LONGEST_MESSAGE])


def check_token_owner(party: Party, value: dict[str, Any]) -> None:
    """Sessions and CDRs are for the eMSP of their token and nobody else (AM-26).

    Raises:
        InvalidParameters: the token is somebody else's.
    """
    token = value["cdr_token"]
    owner = (token["country_code"].upper(), token["party_id"].upper())
    if owner != party.folded:
        raise InvalidParameters(f"/cdr_token: {'/'.join(owner)} has issued it, not {party}")
