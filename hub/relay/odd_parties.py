"""Whose tokens and objects messages name, against whom they are from and for (AM-26, CMD-15).

The addressee judges; what is odd is for the journal (design D5).
"""

from collections.abc import Mapping
from typing import Any

from hub.ocpi.identity import COUNTRY_CODE, PARTY_ID
from hub.ocpi.message import Message
from hub.ocpi.party import NotAParty, Party
from hub.routing.destination import Direct
from schemas.v2_2_1 import InterfaceRole, Role

CDR_TOKEN = "cdr_token"  # noqa: S105 the name of a field
TOKEN = "token"  # noqa: S105 the name of a field


def odd_parties(message: Message, value: Any, to: Direct) -> str:
    """What is odd about the parties that a message names, nothing if all is well."""
    if message.interface is not InterfaceRole.RECEIVER or not isinstance(value, Mapping):
        return ""
    if message.module.is_kept:
        return _of_a_session_or_cdr(message, value, to)
    # An eMSP uses its own tokens in commands, and nobody else's (CMD-15).
    issuer = party_of(value.get(TOKEN))
    if issuer is not None and issuer != message.routing.sender:
        return f"/{TOKEN}: the token is of {issuer}, the message is from {message.routing.sender}"
    return ""


def _of_a_session_or_cdr(message: Message, value: Mapping[str, Any], to: Direct) -> str:
    emsp, owner, sender = token_owner(value), party_of(value), message.routing.sender
    roles = to.platform.roles_of(to.party)
    # A CPO may tell an SCSP of sessions whose tokens are of no concern to it.
    is_for_emsp = Role.SCSP not in roles or Role.EMSP in roles
    if emsp is not None and emsp != to.party and is_for_emsp:
        return f"/{CDR_TOKEN}: the token is of {emsp}, the message is for {to.party}"
    if message.method == "POST" and owner is not None and owner != sender:
        return f"/{COUNTRY_CODE}, /{PARTY_ID}: the object is of {owner}, the message is from {sender}"
    return ""


def token_owner(value: Any) -> Party | None:
    """The eMSP that issued the token of a Session or CDR; its contract_id says nothing about that (AM-26)."""
    return party_of(value.get(CDR_TOKEN)) if isinstance(value, Mapping) else None


def party_of(value: Any) -> Party | None:
    """The party that an object's fields name, None where they name none."""
    if not isinstance(value, Mapping):
        return None
    country_code, party_id = value.get(COUNTRY_CODE), value.get(PARTY_ID)
    if not isinstance(country_code, str) or not isinstance(party_id, str):
        return None
    try:
        return Party(country_code, party_id)
    except NotAParty:
        return None
