"""Who the hub says that it is: one party in the role HUB, never those who are connected to it (CR-21)."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

from hub.directory.directory import HubRole
from hub.handshake.versions import version_details, versions_url
from hub.ocpi.party import Party
from schemas.v2_2_1 import BusinessDetails, Credentials, CredentialsRole, Role

FINGERPRINT_LENGTH = 32


@dataclass(frozen=True, slots=True)
class HubIdentity:
    """The hub, as partners know it."""

    party: Party
    name: str
    #: The base URL under which partners reach the hub, without a trailing slash.
    public_url: str

    @property
    def versions_url(self) -> str:
        """The URL that partners are given."""
        return versions_url(self.public_url)

    def credentials(self, token: str) -> Credentials:
        """The hub's Credentials object, with a token that the other side uses to call the hub."""
        role = CredentialsRole(
            role=Role.HUB,
            business_details=BusinessDetails(name=self.name),
            party_id=self.party.party_id,
            country_code=self.party.country_code,
        )
        return Credentials(token=token, url=self.versions_url, roles=(role,))

    def looks(self, hub_role: HubRole) -> str:
        """What a platform sees of the hub, as a fingerprint: URLs, endpoints, party and name (VE-09)."""
        return _looks(self, hub_role)


@lru_cache(maxsize=64)
def _looks(identity: HubIdentity, hub_role: HubRole) -> str:
    """Each platform is compared with it after each change of one; a process has one identity."""
    details = version_details(identity.public_url, for_a_hub=hub_role is HubRole.ALLOWED)
    seen = identity.credentials("-").to_json() + details.to_json()
    return hashlib.sha256(seen).hexdigest()[:FINGERPRINT_LENGTH]
