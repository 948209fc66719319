"""Which network addresses a partner's URL may lead to, checked when the connection is made (design D10)."""

import ipaddress
import socket
from typing import Any

from hub.ocpi.transport import UrlNotAllowed

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
#: What `socket.getaddrinfo` gives for one address.
AddressInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[Any, ...]]


def check_public(host: str) -> None:
    """Refuse an address that is not on the public internet.

    Raises:
        UrlNotAllowed: private, loopback, link-local or otherwise reserved.
    """
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        # ::ffff:10.0.0.1, 64:ff9b:: and 2002:: carry an IPv4 address inside.
        address = address.ipv4_mapped or address.sixtofour or _translated(address) or address
    if not address.is_global or address.is_multicast:
        raise UrlNotAllowed(f"{host} is not a public address")


def _translated(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address to which a gateway translates this one (RFC 6052, NAT64), None if none does."""
    return ipaddress.IPv4Address(address.packed[-4:]) if address in NAT64 else None


def public_socket(info: AddressInfo) -> socket.socket:
    """A socket for a connection to a public address only."""
    family, kind, protocol, _, address = info
    check_public(address[0])
    return socket.socket(family, kind, protocol)
