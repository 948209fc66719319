"""The eMSP's tokens: kept, listed, pushed, and authorized in real time (TOK rows)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.ocpi.client import Answer as PeerAnswer
from hub.ocpi.description import ObjectKey
from hub.ocpi.errors import TokenNotFound
from hub.ocpi.modules import MODULES
from hub.ocpi.paging import PageRequest
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock, format_timestamp
from partners.changes import Changes
from partners.database import Database
from partners.emsp.authorization import EVERYWHERE, Standing, authorization
from partners.exchange import Answer, Offer, Request, offer
from partners.link import Link, path
from partners.objects import Objects
from schemas import exact_json
from schemas.tolerance import TOLERANT
from schemas.v2_2_1 import (
    AllowedType,
    InterfaceRole,
    LocationReferences,
    Role,
    Token,
    TokenType,
    WhitelistType,
)

RFID = TokenType.RFID

TABLES = """
CREATE TABLE IF NOT EXISTS standing (
    holder TEXT NOT NULL,
    uid TEXT NOT NULL,
    type TEXT NOT NULL,
    allowed TEXT NOT NULL,
    -- JSON: a list of LocationReferences.
    places TEXT NOT NULL,
    PRIMARY KEY (holder, uid, type)
);
"""


class UnknownToken(LookupError):
    """We have not issued such a token."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of one eMSP and what it does with them."""

    party: Party
    database: Database
    objects: Objects
    changes: Changes
    link: Link
    clock: Clock
    new_id: Callable[[], str]
    #: Objects in one page.
    page_limit: int

    def __post_init__(self) -> None:
        self.database.define(TABLES)

    def offer(self) -> Offer:
        """The Sender interface."""
        return offer(
            "tokens",
            InterfaceRole.SENDER,
            {"GET": self._list, "POST /{token_uid}/authorize": self._authorize},
        )

    # What the operator does.

    def issue(self, fields: Mapping[str, Any], standing: Standing = EVERYWHERE) -> Token:
        """Keep a new token, or the new state of one.

        Args:
            fields: Of the Token object; ours are added: the owner, `last_updated`, and where they are
                missing `type` RFID, `contract_id`, `issuer`, `valid`, and `whitelist` (NEVER for what an app
                makes up, TOK-16).
            standing: What the eMSP knows beside.

        Raises:
            ValidationError: the fields do not make a token.
        """
        token = Token.model_validate(token_value(self.party, fields, self.clock()))
        key = self._key(token.uid, token.type)
        stored = self.objects.get(key)
        # `last_updated` moves only when something changed (AM-20).
        if stored is None or stored.value() | {"last_updated": None} != token.to_wire() | {
            "last_updated": None
        }:
            self.objects.put(key, token.to_wire())
        self.database.execute(
            "INSERT OR REPLACE INTO standing (holder, uid, type, allowed, places) VALUES (?, ?, ?, ?, ?)",
            (
                str(self.party),
                key.object_id,
                key.variant,
                standing.allowed.value,
                exact_json.encode([place.to_wire() for place in standing.places]).decode(),
            ),
        )
        self.changes.announce()
        return self.get(token.uid, token.type)

    def block(self, uid: str, kind: str = RFID) -> Token:
        """Take a token out of use; it is never deleted (TOK-01).

        Raises:
            UnknownToken: we have not issued it.
        """
        token = self.get(uid, kind)
        changed = {**token.to_wire(), "valid": False, "last_updated": format_timestamp(self.clock())}
        self.objects.put(self._key(uid, kind), changed)
        self.changes.announce()
        return self.get(uid, kind)

    def get(self, uid: str, kind: str = RFID) -> Token:
        """One token of ours.

        Raises:
            UnknownToken: we have not issued it.
        """
        stored = self.objects.get(self._key(uid, kind))
        if stored is None:
            raise UnknownToken(f"no {kind} token {uid} of ours")
        return Token.read(stored.text)

    def find(self, uid: str) -> Token:
        """The token with this uid, whatever its type.

        Raises:
            UnknownToken: there is none, or there are several.
        """
        found = [token for token in self.all() if token.uid.upper() == uid.upper()]
        if len(found) != 1:
            raise UnknownToken(f"{len(found) or 'no'} tokens of ours have the uid {uid}")
        return found[0]

    def all(self) -> list[Token]:
        """All tokens of ours, oldest first."""
        return [Token.read(stored.text) for stored in self.objects.all("tokens", owner=self.party)]

    def standing(self, token: Token) -> Standing:
        """What we know of a token beside the Token object."""
        key = self._key(token.uid, token.type)
        row = self.database.row(
            "SELECT allowed, places FROM standing WHERE holder = ? AND uid = ? AND type = ?",
            (str(self.party), key.object_id, key.variant),
        )
        if row is None:
            return EVERYWHERE
        places = exact_json.decode(row["places"])
        return Standing(
            AllowedType(row["allowed"]), tuple(LocationReferences.model_validate(place) for place in places)
        )

    async def push(self, token: Token, to: Party) -> PeerAnswer:
        """PUT a token at a party, or at the hub for everybody (RT-28).

        Raises:
            NotSent, CallFailed, PeerOffers: it could not be sent or was not answered.
        """
        return await self.link.send(
            "PUT",
            "tokens",
            InterfaceRole.RECEIVER,
            path(token.country_code, token.party_id, token.uid),
            token,
            to=to,
            query=f"type={token.type}",
        )

    async def tell_change(self, token: Token, *fields: str) -> None:
        """PATCH fields of a token that changed at everybody who takes tokens; who lacks it gets it whole.

        Args:
            token: As it is now.
            fields: What changed, `last_updated` apart (TOK-04).

        Raises:
            NotSent, CallFailed, PeerRefused, PeerOffers: somebody did not take it.
        """
        whole = token.to_wire()
        changed = {name: whole[name] for name in (*fields, "last_updated")}
        tail = path(token.country_code, token.party_id, token.uid)
        for to in self.link.everybody(Role.CPO):
            answer = await self.link.patch("tokens", tail, changed, token, to=to, query=f"type={token.type}")
            answer.data()

    async def push_to_all(self, token: Token) -> None:
        """PUT a token at everybody who takes tokens.

        Raises:
            NotSent, CallFailed, PeerRefused, PeerOffers: somebody did not take it.
        """
        for to in self.link.everybody(Role.CPO):
            (await self.push(token, to)).data()

    async def push_all(self) -> int:
        """PUT every token at everybody who takes tokens; how many.

        Raises:
            NotSent, CallFailed, PeerRefused, PeerOffers: somebody did not take one.
        """
        tokens = self.all()
        for token in tokens:
            await self.push_to_all(token)
        return len(tokens)

    # What CPOs ask.

    async def _list(self, request: Request) -> Answer:
        page = PageRequest.parse(request.query, self.page_limit)
        items, total = self.objects.page("tokens", page, owner=self.party)
        return Answer.page(items, request, page, total=total, max_limit=self.page_limit)

    async def _authorize(self, request: Request) -> Answer:
        kind = request.argument("type", RFID)
        try:
            token = self.get(request.parameters["token_uid"], kind)
        except UnknownToken as error:
            raise TokenNotFound(str(error)) from error
        asked = request.value and LocationReferences.model_validate(request.value, context=TOLERANT)
        return Answer.of(authorization(token, self.standing(token), asked, self.new_id()))

    def _key(self, uid: str, kind: str) -> ObjectKey:
        return ObjectKey(MODULES["tokens"].id, *self.party.folded, uid.upper(), str(kind))


#: OCPP 1.x knows group ids of at most this length.
LONGEST_GROUP_ID = 20


def remarks(token: Token) -> list[str]:
    """What OCPI advises against, although it is allowed (TOK-16, TOK-17)."""
    found = []
    is_made_up = token.type in (TokenType.APP_USER, TokenType.AD_HOC_USER)
    if is_made_up and token.whitelist != WhitelistType.NEVER:
        found.append(f"a token of type {token.type} should have whitelist NEVER, not {token.whitelist}")
    if token.group_id is not None and len(token.group_id) > LONGEST_GROUP_ID:
        found.append(f"a group_id of more than {LONGEST_GROUP_ID} characters is not for chargers of OCPP 1.x")
    return found


#: Fields of a Token object, and how the token stands.
TokenEntry = tuple[Mapping[str, Any], Standing]


def token_value(party: Party, fields: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """The Token object with these fields, as a party issues it at an instant; see `Tokens.issue`."""
    kind = fields.get("type", RFID)
    is_card = kind in (RFID, TokenType.OTHER)
    return {
        "country_code": party.country_code,
        "party_id": party.party_id,
        "type": kind,
        "contract_id": f"{party.country_code}-{party.party_id}-{fields.get('uid')}",
        "issuer": str(party),
        "valid": True,
        "whitelist": WhitelistType.ALLOWED if is_card else WhitelistType.NEVER,
        "last_updated": format_timestamp(at),
        **fields,
    }


def divided(entry: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[Any, Any]]:
    """An entry of `[[tokens]]`: fields of the Token object; `allowed` and `places`, which are not."""
    fields = dict(entry)
    return fields, (fields.pop("allowed", AllowedType.ALLOWED), fields.pop("places", ()))


def token_entries(table: Sequence[Mapping[str, Any]]) -> list[TokenEntry]:
    """The `[[tokens]]` of a configuration file: fields of the Token object, and how the token stands.

    `allowed` is an AllowedType; `places` lists LocationReferences, each with `location_id` and `evse_uids`.

    Raises:
        ValueError: one of the two is not what it should be.
    """
    return [(fields, _standing(*told)) for fields, told in map(divided, table)]


def _standing(allowed: Any, places: Any) -> Standing:
    return Standing(AllowedType(allowed), tuple(LocationReferences.model_validate(place) for place in places))
