"""Versions: which versions of OCPI a platform speaks, and where (2.2.1, chapter Version information)."""

from typing import Self

from pydantic import model_validator

from schemas.cardinality import AtLeastOne
from schemas.enumeration import OcpiEnum, OpenEnum
from schemas.rules import broken
from schemas.v2_2_1.types import Url
from schemas.wire_object import WireObject


class VersionNumber(OpenEnum):
    """The versions known to 2.2.1; a peer may speak later ones too, so others stay text."""

    V2_0 = "2.0"
    V2_1 = "2.1"
    V2_1_1 = "2.1.1"
    V2_2 = "2.2"
    V2_2_1 = "2.2.1"


class InterfaceRole(OcpiEnum):
    """Whose interface it is: of the owner of data, or of those who receive it."""

    SENDER = "SENDER"
    RECEIVER = "RECEIVER"


class ModuleID(OpenEnum):
    """The modules of 2.2.1; parties may agree on others, which stay text (VE-08)."""

    CDRS = "cdrs"
    CHARGING_PROFILES = "chargingprofiles"
    COMMANDS = "commands"
    CREDENTIALS = "credentials"
    HUB_CLIENT_INFO = "hubclientinfo"
    LOCATIONS = "locations"
    SESSIONS = "sessions"
    TARIFFS = "tariffs"
    TOKENS = "tokens"


class Version(WireObject):
    """A version and where its details are."""

    version: VersionNumber
    url: Url


class Endpoint(WireObject):
    """Where an interface of a module is."""

    identifier: ModuleID
    #: Without meaning for credentials (VE-05).
    role: InterfaceRole
    url: Url


class VersionDetails(WireObject):
    """The endpoints of one version."""

    version: VersionNumber
    endpoints: AtLeastOne[Endpoint]

    @model_validator(mode="after")
    def _an_interface_has_one_endpoint(self) -> Self:
        """VE-04."""
        seen = set[tuple[str, str]]()
        for index, endpoint in enumerate(self.endpoints):
            interface = (endpoint.identifier, endpoint.role)
            if interface in seen:
                at = ("endpoints", index)
                raise broken(at, f"expected one endpoint for {endpoint.identifier} as {endpoint.role}")
            seen.add(interface)
        return self
