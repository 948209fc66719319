"""Credentials: the handshake; a configuration module, the same on both sides (CR-01, VE-05)."""

from hub.ocpi.description import Module, sender
from schemas.v2_2_1 import Credentials, Role

MODULE = Module(
    id="credentials",
    sender_roles=frozenset(Role),
    receiver_roles=frozenset(Role),
    is_routed=False,
    operations=(
        sender("GET", answer=Credentials),
        sender("POST", body=Credentials, answer=Credentials),
        sender("PUT", body=Credentials, answer=Credentials),
        sender("DELETE"),
    ),
)
