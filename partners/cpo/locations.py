"""The CPO's tariffs and Locations: published from the configuration, in step with the charge points."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from hub.ocpi.description import ObjectKey
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock
from partners.cpo.charging.charging_events import ConnectorStatus
from partners.cpo.charging.charging_log import ChargingLog
from partners.cpo.charging.evse_status import evse_status
from partners.cpo.charging.preparing import Preparing, Spot
from partners.cpo.charging.presence import Presence
from partners.cpo.configuration import Configuration, Place, Plug
from partners.cpo.publication import (
    connector_in,
    evse_in,
    published_location,
    published_tariff,
    with_status,
    withdrawn_location,
)
from partners.objects import Objects
from schemas.v2_2_1 import Location, Status, Tariff

#: Kept beside the others, in no list and told to nobody (LOC-13).
_PRIVATE: Final = "private locations"
#: Connector 0 is the charge point as a whole.
WHOLE_CHARGE_POINT = 0


class EvseRef(NamedTuple):
    """An EVSE, by the key of its Location and its uid."""

    location: ObjectKey
    evse_uid: str


class Locations:
    """What is published, and what charge points change about it."""

    def __init__(
        self,
        configuration: Configuration,
        owner: Party,
        objects: Objects,
        log: ChargingLog,
        presence: Presence,
        clock: Clock,
        preparing: Preparing,
    ) -> None:
        self._preparing = preparing
        self._configuration = configuration
        self._owner = owner
        self._objects = objects
        self._log = log
        self._presence = presence
        self._clock = clock
        #: What was last published of an EVSE, so that what changes nothing reads nothing.
        self._shown: dict[EvseRef, Status] = {}

    def publish(self) -> None:
        """Bring what is published in line with the configuration."""
        now = self._clock()
        for tariff in self._configuration.tariffs:
            key = self.key("tariffs", tariff["id"])
            self._objects.put(key, published_tariff(tariff, self._stored(key), self._owner, now))
        configured = {self._place_key(each["id"]): each for each in self._configuration.locations}
        for key, location in configured.items():
            self._objects.put(key, published_location(location, self._stored(key), self._owner, now))
        for stored in self._objects.all("locations", owner=self._owner):
            if stored.key not in configured:
                # Also one that is private now: whoever was told of it hears that it is gone.
                self._objects.put(stored.key, withdrawn_location(stored.value(), now))

    def published(self) -> list[ObjectKey]:
        """Tariffs in use, then Locations: the order in which others can make sense of them."""
        tariffs = [self.key("tariffs", each["id"]) for each in self._configuration.tariffs]
        return [*tariffs, *(each.key for each in self._objects.all("locations", owner=self._owner))]

    def withdrawn_tariffs(self) -> list[ObjectKey]:
        """Tariffs that were published and are not configured any more."""
        used = {self.key("tariffs", each["id"]) for each in self._configuration.tariffs}
        return [each.key for each in self._objects.all("tariffs", owner=self._owner) if each.key not in used]

    def refresh(self, charge_point: str) -> list[EvseRef]:
        """Work out the status of every EVSE of a charge point; those that changed."""
        changed = []
        for ref, plugs in self._evses(charge_point):
            states = [state.status for plug in plugs if (state := self._log.connector(plug)) is not None]
            in_transaction = any(self._log.open_at(plug.charge_point, plug.number) for plug in plugs)
            is_preparing = ConnectorStatus.PREPARING in states and not in_transaction
            status = evse_status(
                states,
                charge_point=self._whole_status(charge_point),
                in_transaction=in_transaction,
                is_reachable=self._presence.is_reachable(charge_point),
                preparing=self._preparing.seen(Spot(charge_point, ref.evse_uid), is_preparing=is_preparing),
            )
            whole = None if self._shown.get(ref) is status else self._stored(ref.location)
            if whole is None:
                continue
            self._shown[ref] = status
            new = with_status(whole, ref.evse_uid, status, self._clock())
            if new is not None:
                self._objects.put(ref.location, new)
                if ref.location.module != _PRIVATE:
                    changed.append(ref)
        return changed

    def place(self, plug: Plug) -> Place | None:
        """Where a connector of a charge point is, None if nobody configured it."""
        return self._configuration.places.get(plug)

    def places(self, charge_point: str) -> list[Place]:
        """Where the connectors of a charge point are."""
        return list(self._configuration.at(charge_point).values())

    def snapshot(self, place: Place) -> Location:
        """A Location as it is now, with the one EVSE of a place."""
        whole = self.location(place.location_id)
        if whole is None or (evse := evse_in(whole, place.evse_uid)) is None:
            raise LookupError(f"{place} is not published")
        return Location.model_validate({**whole, "evses": [evse]})

    def tariffs(self, place: Place) -> list[Tariff]:
        """The tariffs of a connector, in their order."""
        whole = self.location(place.location_id) or {}
        evse = evse_in(whole, place.evse_uid) or {"connectors": []}
        connector = connector_in(evse, place.connector_id) or {}
        stored = [self._stored(self.key("tariffs", each)) for each in connector.get("tariff_ids", [])]
        return [Tariff.model_validate(each) for each in stored if each is not None]

    def location(self, location_id: str) -> dict[str, Any] | None:
        """A Location, by its id in any case, published or not."""
        return self._stored(self._place_key(location_id))

    def published_location(self, location_id: str) -> dict[str, Any] | None:
        """A Location that others may see."""
        return self._stored(self.key("locations", location_id))

    def key(self, module: str, object_id: str) -> ObjectKey:
        """Where an object of ours is kept."""
        return ObjectKey(module, *self._owner.folded, object_id.upper())

    def _place_key(self, location_id: str) -> ObjectKey:
        is_private = location_id.upper() in self._configuration.private
        return self.key(_PRIVATE if is_private else "locations", location_id)

    def _stored(self, key: ObjectKey) -> dict[str, Any] | None:
        stored = self._objects.get(key)
        return None if stored is None else stored.value()

    def _evses(self, charge_point: str) -> Iterator[tuple[EvseRef, list[Plug]]]:
        evses: dict[EvseRef, list[Plug]] = {}
        for plug, place in self._configuration.at(charge_point).items():
            ref = EvseRef(self._place_key(place.location_id), place.evse_uid)
            evses.setdefault(ref, []).append(plug)
        yield from evses.items()

    def _whole_status(self, charge_point: str) -> Any:
        state = self._log.connector(Plug(charge_point, WHOLE_CHARGE_POINT))
        return None if state is None else state.status
