"""Changes of the log and platforms, in few words."""

from typing import Any

from hub.delivery.changes import Change
from hub.directory.directory import Platform, RegisteredRole
from hub.ocpi.description import ObjectKey
from hub.ocpi.party import Party
from schemas.v2_2_1 import ConnectionStatus, InterfaceRole, Role

BROADCAST = ("locations", "tariffs", "tokens", "hubclientinfo")


def logged(
    seq: int = 1,
    module: str = "locations",
    owner: str = "NL/TNM",
    name: str = "LOC1",
    *,
    method: str = "PUT",
    body: bytes = b"",
    role: Role = Role.CPO,
    platform: int | None = 1,
    newest: int = 0,
    **more: Any,
) -> Change:
    """A row of the log."""
    country_code, party_id = owner.split("/")
    variant = str(role) if module == "hubclientinfo" else ""
    key = ObjectKey(module, country_code, party_id, "" if variant else name, variant)
    return Change(
        seq=seq,
        key=key,
        method=method,
        tail=more.get("tail", f"/{owner}/{name}"),
        query=more.get("query", ""),
        body=body,
        sender_role=role,
        sender_platform_id=platform,
        correlation_id="corr-1",
        newest=newest,
    )


def platform(
    number: int, *roles: tuple[Role, str], modules: tuple[str, ...] = BROADCAST, **more: Any
) -> Platform:
    """A platform with these parties, each in a role, that offers these Receiver interfaces."""
    return Platform(
        id=number,
        name=f"platform-{number}",
        status=ConnectionStatus.CONNECTED,
        outbound_token=more.get("token", "t"),
        roles=tuple(RegisteredRole(Party.parse(party), role, "{}") for role, party in roles),
        endpoints={
            (module, InterfaceRole.RECEIVER): f"https://{number}.example/{module}" for module in modules
        },
    )
