"""How the central system receives chargers: who may connect, who is accepted, who gets a certificate.

The seam between the wire and whoever decides; without anybody who decides, everybody is welcome.
"""

from enum import StrEnum
from typing import NamedTuple, Protocol

from partners.cpo.charging.charging_events import BootInfo


class Registration(StrEnum):
    """The answer to a BootNotification."""

    ACCEPTED = "Accepted"
    #: It is asked and told things first, and must not charge before.
    PENDING = "Pending"
    REJECTED = "Rejected"


class Visitor(NamedTuple):
    """Somebody at the door."""

    identity: str
    address: str
    #: Of the header `Authorization`.
    authorization: str | None = None
    is_tls: bool = False
    #: The certificate that it has the key of, DER.
    certificate: bytes | None = None


class TurnedAway(Exception):
    """The handshake is refused.

    Attributes:
        status: Of HTTP.
        reason: For the operator; the visitor learns no more than the status.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason


class Reception(Protocol):
    """Decides."""

    async def admit(self, visitor: Visitor) -> None:
        """Return if the visitor may connect.

        Raises:
            TurnedAway: It may not.
        """

    def booted(self, charge_point: str, boot: BootInfo) -> Registration:
        """A charger says that it has started: is it accepted?"""

    def may_say(self, charge_point: str, action: str) -> bool:
        """Whether a charger is heard; one that nobody knows says who it is, and no more."""

    def certificate_requested(self, charge_point: str, request: str) -> bool:
        """A charger asks for a certificate (PKCS#10, PEM); whether it will get one, by CertificateSigned."""


class OpenHouse:
    """Everybody is welcome, and nobody gets a certificate."""

    async def admit(self, visitor: Visitor) -> None:
        """Come in."""

    def booted(self, charge_point: str, boot: BootInfo) -> Registration:
        """Accepted."""
        del charge_point, boot
        return Registration.ACCEPTED

    def may_say(self, charge_point: str, action: str) -> bool:
        """Go on."""
        del charge_point, action
        return True

    def certificate_requested(self, charge_point: str, request: str) -> bool:
        """There is no authority."""
        del charge_point, request
        return False
