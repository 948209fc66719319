"""CDRs: concluded sessions with their price, final."""

from hub.ocpi.description import Clue, Module, ObjectKind, receiver, sender
from schemas.v2_2_1 import CDR, Role

MODULE = Module(
    id="cdrs",
    sender_roles=frozenset({Role.CPO}),
    receiver_roles=frozenset({Role.EMSP}),
    is_kept=True,
    kind=ObjectKind(CDR, id_field="id", id_parameter="cdr_id", is_final=True),
    operations=(
        sender("GET", paged=True, answer=CDR),
        receiver("POST", body=CDR, answers_location=True, clue=Clue.CDR_TOKEN),
        # The receiver chooses the URL of a stored CDR (CDR-03).
        receiver("GET", "/{cdr_id}/*", answer=CDR),
    ),
)
