"""Sessions: charging as it happens, told to the eMSP of the token."""

from hub.ocpi.description import Clue, Module, ObjectKind, owned, sender
from schemas.v2_2_1 import ChargingPreferences, Role, Session

MODULE = Module(
    id="sessions",
    sender_roles=frozenset({Role.CPO}),
    receiver_roles=frozenset({Role.EMSP, Role.SCSP}),
    is_kept=True,
    kind=ObjectKind(Session, id_field="id", id_parameter="session_id"),
    operations=(
        sender("GET", paged=True, answer=Session),
        sender("PUT", "/{session_id}/charging_preferences", body=ChargingPreferences, clue=Clue.SESSION),
        *owned("GET", "/{session_id}", Session, clue=Clue.SESSION_TOKEN),
        *owned("PUT", "/{session_id}", Session, clue=Clue.CDR_TOKEN),
        *owned("PATCH", "/{session_id}", Session, clue=Clue.SESSION_TOKEN),
    ),
)
