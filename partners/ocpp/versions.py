"""The versions of OCPP that are spoken here, by the names of their WebSocket subprotocols."""

from collections.abc import Iterable
from enum import StrEnum


class Version(StrEnum):
    """A version of OCPP-J; its value is its subprotocol, as registered with IANA."""

    V1_6 = "ocpp1.6"
    V2_0_1 = "ocpp2.0.1"
    V2_1 = "ocpp2.1"

    #: As the text that it is; `Enum` hashes in Python, at each look into a mapping by version.
    __hash__ = str.__hash__

    @property
    def is_1_6(self) -> bool:
        """Whether it is of the older family; 2.0.1 and 2.1 share their messages, as far as used here."""
        return self is Version.V1_6


def chosen(offered: Iterable[str]) -> Version | None:
    """The version to speak: the first of those offered that is known, as a client lists what it likes best.

    Args:
        offered: Values of `Sec-WebSocket-Protocol`, each of which may hold several names.
    """
    names = (name.strip() for value in offered for name in value.split(","))
    return next((Version(name) for name in names if name in _KNOWN), None)


_KNOWN = frozenset(version.value for version in Version)
