"""Locations: a CPO's charge points, down to the connector."""

from hub.ocpi.description import Clue, Module, NestedKind, ObjectKind, owned, sender
from schemas.v2_2_1 import EVSE, Connector, Location, Role

MODULE = Module(
    id="locations",
    sender_roles=frozenset({Role.CPO, Role.NAP}),
    receiver_roles=frozenset({Role.EMSP, Role.NSP, Role.NAP, Role.OTHER}),
    is_broadcast=True,
    kind=ObjectKind(
        Location,
        id_field="id",
        id_parameter="location_id",
        nested=(
            NestedKind(EVSE, list_field="evses", id_field="uid", id_parameter="evse_uid"),
            NestedKind(Connector, list_field="connectors", id_field="id", id_parameter="connector_id"),
        ),
    ),
    operations=(
        sender("GET", paged=True, answer=Location),
        sender("GET", "/{location_id}", answer=Location, clue=Clue.LOCATION),
        sender("GET", "/{location_id}/{evse_uid}", answer=EVSE, clue=Clue.LOCATION),
        sender("GET", "/{location_id}/{evse_uid}/{connector_id}", answer=Connector, clue=Clue.LOCATION),
        *owned("GET PUT PATCH", "/{location_id}", Location),
        *owned("GET PUT PATCH", "/{location_id}/{evse_uid}", EVSE),
        *owned("GET PUT PATCH", "/{location_id}/{evse_uid}/{connector_id}", Connector),
    ),
)
