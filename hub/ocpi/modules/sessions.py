"""Sessions: charging as it happens, told to the eMSP of the token."""

from hub.ocpi.description import Module, ObjectKind, owned, sender
from schemas.v2_2_1 import ChargingPreferences, Role, Session

MODULE = Module(
    id="sessions",
    sender_roles=frozenset({Role.CPO}),
    receiver_roles=frozenset({Role.EMSP, Role.SCSP}),
    is_kept=True,
    kind=ObjectKind(Session, id_field="id", id_parameter="session_id"),
    operations=(
        sender("GET", paged=True, answer=Session),
        sender("PUT", "/{session_id}/charging_preferences", body=ChargingPreferences),
        *owned("GET PUT PATCH", "/{session_id}", Session),
    ),
)
