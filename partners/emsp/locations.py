"""Where our drivers can charge, and by which tariffs: what is shown of the locations we know (LOC rows)."""

from dataclasses import dataclass

from hub.ocpi.modules import MODULES
from hub.ocpi.party import Party
from partners.administration import NotPossible
from partners.changes import Changes
from partners.exchange import Offer, offer
from partners.objects import Objects
from partners.owned_objects import Acquaintance, OwnedObjects
from partners.peers import Peers
from schemas.v2_2_1 import (
    EVSE,
    Capability,
    Connector,
    InterfaceRole,
    Location,
    PublishTokenType,
    Status,
    Tariff,
    Token,
)


class UnknownPlace(LookupError):
    """No location, EVSE or connector of ours to see is meant, or several are; the message says which."""


@dataclass(frozen=True, slots=True)
class Locations:
    """The locations and tariffs that we have copies of."""

    objects: Objects
    changes: Changes
    peers: Peers
    is_known: Acquaintance

    def offers(self) -> list[Offer]:
        """The Receiver interfaces of locations and tariffs."""
        return [self._receiver("locations"), self._receiver("tariffs")]

    def all(self) -> list[Location]:
        """All locations that we know of, whether or not they may be shown."""
        return [Location.read(stored.text, tolerant=True) for stored in self.objects.all("locations")]

    def visible(self, token: Token | None = None) -> list[Location]:
        """What may be shown: to everybody, or to the owner of this token (LOC-10, LOC-14)."""
        return [location for location in self.all() if is_alive(location) and is_shown(location, token)]

    def find(self, location_id: str, owner: Party | None = None) -> Location:
        """The location with this id; its owner need not be named while only one has such a location.

        Raises:
            UnknownPlace: there is none, or there are several (AM-28).
        """
        found = [
            location
            for stored in self.objects.with_id("locations", location_id)
            if owner in (None, owner_of(location := Location.read(stored.text, tolerant=True)))
        ]
        if len(found) != 1:
            owners = ", ".join(str(owner_of(location)) for location in found)
            raise UnknownPlace(
                f"several have a location {location_id}: {owners}; name the owner"
                if found
                else f"no location {location_id} is known"
            )
        return found[0]

    def operator(self, location: Location) -> str | None:
        """Who operates the location: as it says, or else its owner as registered (LOC-18).

        None where nobody has told: behind a hub the credentials of a CPO are not to be had (AM-14).
        """
        if location.operator is not None:
            return location.operator.name
        owner = owner_of(location)
        return next((peer.names[owner] for peer in self.peers.all() if owner in peer.names), None)

    def tariffs(self, connector: Connector, owner: Party) -> list[Tariff]:
        """The tariffs of a connector that we know; one that we do not know has an unknown price (TAR-18)."""
        wanted = {tariff_id.upper() for tariff_id in connector.tariff_ids}
        return [
            Tariff.read(stored.text, tolerant=True)
            for stored in self.objects.all("tariffs", owner=owner)
            if stored.key.object_id in wanted
        ]

    def _receiver(self, module_id: str) -> Offer:
        module = MODULES[module_id]
        if module.kind is None:
            raise TypeError(f"{module_id} are objects")
        owned = OwnedObjects(module, module.kind, self.objects, self.changes, is_known=self.is_known)
        return offer(module_id, InterfaceRole.RECEIVER, owned.handlers())


def owner_of(location: Location) -> Party:
    """The CPO that owns a location."""
    return Party(location.country_code, location.party_id)


def evse_of(location: Location, evse_uid: str) -> EVSE:
    """One EVSE of a location.

    Raises:
        UnknownPlace: the location has no such EVSE, or it is no longer there (LOC-09).
    """
    for evse in location.evses:
        if evse.uid.upper() == evse_uid.upper() and evse.status != Status.REMOVED:
            return evse
    raise UnknownPlace(f"location {location.id} has no EVSE {evse_uid}")


def connector_of(location: Location, evse_uid: str, connector_id: str) -> Connector:
    """One connector of a location.

    Raises:
        UnknownPlace: the location has no such EVSE or connector, or the EVSE is no longer there.
    """
    for connector in evse_of(location, evse_uid).connectors:
        if connector.id.upper() == connector_id.upper():
            return connector
    raise UnknownPlace(f"EVSE {evse_uid} has no connector {connector_id}")


def check_connector(location: Location, evse_uid: str | None, connector_id: str | None) -> None:
    """An EVSE and a connector as a command names them (CMD-17).

    Raises:
        UnknownPlace: the location does not have them.
        NotPossible: a connector is named without its EVSE, or the EVSE wants to know the connector.
    """
    if evse_uid is None:
        if connector_id is not None:
            raise NotPossible("a connector is named without its EVSE")
        return
    evse = evse_of(location, evse_uid)
    if connector_id is None:
        if Capability.START_SESSION_CONNECTOR_REQUIRED in evse.capabilities:
            raise NotPossible(f"EVSE {evse_uid} wants to know the connector")
        return
    connector_of(location, evse_uid, connector_id)


def is_alive(location: Location) -> bool:
    """Whether there is anything left at the location (LOC-10)."""
    return any(evse.status != Status.REMOVED for evse in location.evses)


def is_shown(location: Location, token: Token | None) -> bool:
    """Whether everybody may see the location, or the owner of this token (LOC-14)."""
    if location.publish:
        return True
    return token is not None and any(_names(entry, token) for entry in location.publish_allowed_to)


def _names(entry: PublishTokenType, token: Token) -> bool:
    """Whether the token matches all fields that are set."""
    pairs = (
        (entry.uid, token.uid),
        (entry.type, token.type),
        (entry.visual_number, token.visual_number),
        (entry.issuer, token.issuer),
        (entry.group_id, token.group_id),
    )
    return all(wanted is None or _same(wanted, given) for wanted, given in pairs)


def _same(wanted: str, given: str | None) -> bool:
    return given is not None and wanted.upper() == given.upper()
