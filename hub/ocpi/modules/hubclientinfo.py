"""HubClientInfo: who is connected to the hub; a configuration module, never routed."""

from hub.ocpi.description import Module, owned, sender
from schemas.v2_2_1 import ClientInfo, Role

MODULE = Module(
    id="hubclientinfo",
    sender_roles=frozenset({Role.HUB}),
    receiver_roles=frozenset(Role) - {Role.HUB},
    is_routed=False,
    operations=(
        sender("GET", paged=True, answer=ClientInfo),
        *owned("GET PUT", "", ClientInfo),
    ),
)
