"""What the hub serves and where, read off MODULES (2.2.1, Versions; VE-01 to VE-12; design D11)."""

from collections.abc import Iterator

from hub.ocpi.description import Module
from hub.ocpi.modules import MODULES, VERSION
from schemas.v2_2_1 import Endpoint, InterfaceRole, Role, Version, VersionDetails


def versions_url(public_url: str) -> str:
    """The URL that partners are given."""
    return f"{public_url}/ocpi/versions"


def details_url(public_url: str) -> str:
    """Where the endpoints of the version are listed."""
    return f"{public_url}/ocpi/{VERSION}"


def endpoint_url(public_url: str, module: Module, interface: InterfaceRole) -> str:
    """Where the hub offers an interface of a module; credentials are the same for both (VE-05)."""
    if module.id == "credentials":
        return f"{details_url(public_url)}/{module.id}"
    return f"{details_url(public_url)}/{interface.lower()}/{module.id}"


def versions(public_url: str) -> tuple[Version, ...]:
    """The versions that the hub speaks (VE-01)."""
    return (Version(version=VERSION, url=details_url(public_url)),)


def version_details(public_url: str, *, for_a_hub: bool = False) -> VersionDetails:
    """The endpoints of the version: both interfaces of what is routed, our own side of the rest (VE-12).

    Args:
        public_url: Where the hub is.
        for_a_hub: Whether another hub asks: it tells us of its clients, as we tell it of ours (RT-10).
    """
    return VersionDetails(
        version=VERSION,
        endpoints=tuple(
            Endpoint(identifier=module.id, role=interface, url=endpoint_url(public_url, module, interface))
            for module in MODULES.values()
            for interface in _interfaces(module, for_a_hub=for_a_hub)
        ),
    )


def _interfaces(module: Module, *, for_a_hub: bool) -> Iterator[InterfaceRole]:
    if module.is_routed:
        yield from InterfaceRole
    elif Role.HUB in module.sender_roles:
        yield InterfaceRole.SENDER
        if for_a_hub and module.id == "hubclientinfo":
            yield InterfaceRole.RECEIVER
