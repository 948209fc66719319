"""Tariffs: what a CPO charges."""

from hub.ocpi.description import Module, ObjectKind, owned, sender
from schemas.v2_2_1 import Role, Tariff

MODULE = Module(
    id="tariffs",
    sender_roles=frozenset({Role.CPO, Role.NAP}),
    receiver_roles=frozenset({Role.EMSP, Role.NSP, Role.NAP, Role.OTHER}),
    is_broadcast=True,
    kind=ObjectKind(Tariff, id_field="id", id_parameter="tariff_id"),
    operations=(
        sender("GET", paged=True, answer=Tariff),
        *owned("GET PUT DELETE", "/{tariff_id}", Tariff),
    ),
)
