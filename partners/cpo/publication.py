"""The CPO's own locations and tariffs as others see them: configured, with status and `last_updated` kept up.

`last_updated` moves only when something really changed (AM-20); a change of a connector moves its EVSE, a
change of an EVSE its Location (LOC-02). What is no longer configured is not forgotten: an EVSE is REMOVED for
good (LOC-09).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from hub.ocpi.party import Party
from hub.ocpi.timestamps import format_timestamp
from schemas.v2_2_1 import Status

Value = Mapping[str, Any]

_STAMP: Final = "last_updated"


def published_tariff(configured: Value, stored: Value | None, owner: Party, now: datetime) -> dict[str, Any]:
    """A tariff as it is published."""
    return _stamped(_owned(configured, owner), stored, now)


def published_location(
    configured: Value, stored: Value | None, owner: Party, now: datetime
) -> dict[str, Any]:
    """A Location as it is published; its EVSEs keep the status that they had."""
    before = _by_id([] if stored is None else stored.get("evses", []), "uid")
    evses = [_evse(each, before.pop(each["uid"].upper(), None), now) for each in configured["evses"]]
    gone = [_removed(each, now) for each in before.values()]
    return _stamped({**_owned(configured, owner), "evses": [*evses, *gone]}, stored, now)


def withdrawn_location(stored: Value, now: datetime) -> dict[str, Any]:
    """A Location that is no longer configured: all its EVSEs are removed."""
    evses = [_removed(each, now) for each in stored.get("evses", [])]
    return _stamped({**stored, "evses": evses}, stored, now)


def with_status(location: Value, evse_uid: str, status: Status, now: datetime) -> dict[str, Any] | None:
    """The Location after an EVSE's change of status; None if it has that status already, or was removed."""
    evses = list(location["evses"])
    place = next(place for place, each in enumerate(evses) if each["uid"].upper() == evse_uid.upper())
    if evses[place]["status"] in {status.value, Status.REMOVED.value}:
        return None
    stamp = format_timestamp(now)
    evses[place] = {**evses[place], "status": status.value, _STAMP: stamp}
    return {**location, "evses": evses, _STAMP: stamp}


def evse_in(location: Value, evse_uid: str) -> dict[str, Any] | None:
    """An EVSE of a Location, by its uid in any case."""
    evses: Sequence[dict[str, Any]] = location.get("evses", [])
    return next((each for each in evses if each["uid"].upper() == evse_uid.upper()), None)


def connector_in(evse: Value, connector_id: str) -> dict[str, Any] | None:
    """A connector of an EVSE, by its id in any case."""
    connectors: Sequence[dict[str, Any]] = evse["connectors"]
    return next((each for each in connectors if each["id"].upper() == connector_id.upper()), None)


def _owned(configured: Value, owner: Party) -> dict[str, Any]:
    return {"country_code": owner.country_code, "party_id": owner.party_id, **configured}


def _evse(configured: Value, stored: Value | None, now: datetime) -> dict[str, Any]:
    before = _by_id([] if stored is None else stored["connectors"], "id")
    connectors = [
        _stamped(dict(each), before.get(each["id"].upper()), now) for each in configured["connectors"]
    ]
    status = Status.UNKNOWN.value if stored is None else stored["status"]
    return _stamped({**configured, "status": status, "connectors": connectors}, stored, now)


def _removed(evse: Value, now: datetime) -> dict[str, Any]:
    return _stamped({**evse, "status": Status.REMOVED.value}, evse, now)


def _stamped(value: dict[str, Any], stored: Value | None, now: datetime) -> dict[str, Any]:
    """The value with the instant of its last change: the stored one if nothing else differs."""
    unchanged = stored is not None and _unstamped(value) == _unstamped(stored)
    return {**value, _STAMP: stored[_STAMP] if unchanged and stored is not None else format_timestamp(now)}


def _unstamped(value: Value) -> dict[str, Any]:
    return {name: each for name, each in value.items() if name != _STAMP}


def _by_id(values: Sequence[Value], field: str) -> dict[str, Value]:
    return {each[field].upper(): each for each in values}
