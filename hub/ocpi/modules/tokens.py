"""Tokens: what an eMSP's drivers show, and whether they may charge now."""

from hub.ocpi.description import Clue, Module, ObjectKind, owned, sender
from schemas.v2_2_1 import AuthorizationInfo, LocationReferences, Role, Token

MODULE = Module(
    id="tokens",
    # OTHER is seen as an eMSP type of role (2.2.1, Broadcast Push).
    sender_roles=frozenset({Role.EMSP, Role.OTHER}),
    receiver_roles=frozenset({Role.CPO}),
    is_broadcast=True,
    kind=ObjectKind(Token, id_field="uid", id_parameter="token_uid", variant=("type", "RFID")),
    operations=(
        sender("GET", paged=True, answer=Token),
        sender(
            "POST",
            "/{token_uid}/authorize",
            body=LocationReferences,
            body_required=False,
            answer=AuthorizationInfo,
            clue=Clue.TOKEN,
        ),
        *owned("GET PUT PATCH", "/{token_uid}", Token),
    ),
)
