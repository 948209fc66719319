"""Which network addresses a partner's URL may lead to, checked when the connection is made (design D10)."""

import ipaddress
import socket
from typing import Any

from hub.ocpi.transport import UrlNotAllowed

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
        address = address.ipv4_mapped or address.sixtofour or address
    if not address.is_global or address.is_multicast:
        raise UrlNotAllowed(f"{host} is not a public address")


def public_socket(info: AddressInfo) -> socket.socket:
    """A socket for a connection to a public address only."""
    family, kind, protocol, _, address = info
    check_public(address[0])
    return socket.socket(family, kind, protocol)
