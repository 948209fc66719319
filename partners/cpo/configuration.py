"""The CPO's tariffs and locations, and which charge point serves which EVSE, as the operator writes them.

Tariffs and locations are written as OCPI has them, without what the node knows better (owner, status,
`last_updated`). A location that is `private` is never told to anybody. An EVSE names its `charge_point`; a
connector may give its number there (`ocpp_connector`, 1 if it does not). Numbers keep their digits.

OCPP 2.x counts EVSEs, and connectors within each. The EVSEs of a charge point are numbered in the order of
their connectors' numbers, unless an EVSE says otherwise (`ocpp_evse`).

    [[tariffs]]
    id = "standard"
    currency = "EUR"
    elements = [{ price_components = [{ type = "ENERGY", price = 0.35, vat = 21, step_size = 1 }] }]

    [[locations]]
    id = "station-square"
    publish = true
    address = "Station Square 1"
    city = "Utrecht"
    country = "NLD"
    coordinates = { latitude = "52.08950", longitude = "5.11040" }
    time_zone = "Europe/Amsterdam"

    [[locations.evses]]
    uid = "evse-1"
    evse_id = "NL*ABC*E1"
    charge_point = "CP1"
    capabilities = ["RFID_READER", "REMOTE_START_STOP_CAPABLE"]

    [[locations.evses.connectors]]
    id = "1"
    standard = "IEC_62196_T2"
    format = "SOCKET"
    power_type = "AC_3_PHASE"
    max_voltage = 230
    max_amperage = 32
    tariff_ids = ["standard"]
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hub.ocpi.timestamps import format_timestamp, parse_timestamp
from hub.pricing import CannotBePriced, ChargedPeriod, price
from partners.configuration_file import SettingsWrong, Wrong
from partners.cpo.wiring import Outlet, Wiring
from partners.wire_tables import toml_key, wrong_with
from schemas.v2_2_1 import Location, Status, Tariff

#: Any instant does while a value is only checked.
_CHECKED_AT = format_timestamp(datetime(2020, 1, 1, tzinfo=UTC))


class Plug(NamedTuple):
    """A connector as OCPP counts them: number 1 and up at a charge point."""

    charge_point: str
    number: int


class Place(NamedTuple):
    """A connector as OCPI names it."""

    location_id: str
    evse_uid: str
    connector_id: str


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the operator says, checked."""

    #: OCPI Tariffs, without owner and `last_updated`.
    tariffs: tuple[Mapping[str, Any], ...]
    #: OCPI Locations, without owner, status and `last_updated`.
    locations: tuple[Mapping[str, Any], ...]
    places: Mapping[Plug, Place]
    #: Ids, in capitals, of locations that nobody hears of: not for public charging, nor for roaming (LOC-13).
    private: frozenset[str] = frozenset()
    #: What OCPP 2.x calls an EVSE, where the operator says so.
    evse_ids: Mapping[tuple[str, str], int] = field(default_factory=dict)
    #: The connectors of each charge point, in the order of the configuration.
    charge_points: Mapping[str, Mapping[Plug, Place]] = field(init=False)

    def __post_init__(self) -> None:
        charge_points: dict[str, dict[Plug, Place]] = {}
        for plug, place in self.places.items():
            charge_points.setdefault(plug.charge_point, {})[plug] = place
        object.__setattr__(self, "charge_points", charge_points)

    def at(self, charge_point: str) -> Mapping[Plug, Place]:
        """The connectors of a charge point; none if nobody configured it."""
        return self.charge_points.get(charge_point, {})

    def wiring(self, charge_point: str) -> Wiring:
        """What an OCPP 2.x station calls its connectors."""
        places = sorted((plug.number, place) for plug, place in self.at(charge_point).items())
        by_evse: dict[tuple[str, str], list[int]] = {}
        for number, place in places:
            by_evse.setdefault(place[:2], []).append(number)
        outlets = {
            number: Outlet(self.evse_ids.get(evse, evse_id), connector_id)
            for evse_id, (evse, numbers) in enumerate(by_evse.items(), start=1)
            for connector_id, number in enumerate(numbers, start=1)
        }
        return Wiring(outlets)

    def capabilities(self, place: Place) -> frozenset[str]:
        """What the EVSE of a connector can do, by its configuration."""
        for location in self.locations:
            for evse in location["evses"] if location["id"] == place.location_id else ():
                if evse["uid"] == place.evse_uid:
                    return frozenset(evse.get("capabilities", ()))
        return frozenset()

    def plugs(self, location_id: str, evse_uid: str | None = None) -> tuple[Plug, ...]:
        """The connectors of a location, or of one of its EVSEs; ids without regard to case."""
        wanted = (location_id.upper(), evse_uid and evse_uid.upper())
        return tuple(
            plug
            for plug, place in self.places.items()
            if wanted
            in {(place.location_id.upper(), None), (place.location_id.upper(), place.evse_uid.upper())}
        )


def configuration(told: Mapping[str, Any]) -> Configuration:
    """The configuration in the tables `tariffs` and `locations`; numbers with a fraction are `Decimal`.

    Raises:
        SettingsWrong: Something in it is wrong.
    """
    wrong = list(_shape(told)) or [*_tariffs(told["tariffs"]), *_locations(told)]
    if wrong:
        raise SettingsWrong(wrong)
    return Configuration(
        tariffs=tuple(_ocpi(tariff) for tariff in told["tariffs"]),
        locations=tuple(_without_plugs(_ocpi(location)) for location in told["locations"]),
        places={plug: place for _, plug, place in _plugs(told["locations"])},
        private=frozenset(str(each["id"]).upper() for each in told["locations"] if each.get("private")),
        evse_ids={
            (str(location["id"]), str(evse["uid"])): evse["ocpp_evse"]
            for location in told["locations"]
            for evse in location["evses"]
            if "ocpp_evse" in evse
        },
    )


def _shape(told: Mapping[str, Any]) -> Iterator[Wrong]:
    """There are tariffs and locations, and they are tables."""
    for key in ("tariffs", "locations"):
        tables = told.get(key)
        if not (isinstance(tables, list) and tables and all(isinstance(table, dict) for table in tables)):
            yield Wrong(key, f"expected at least one table [[{key}]]")


def _tariffs(tariffs: Sequence[Mapping[str, Any]]) -> Iterator[Wrong]:
    for number, tariff in enumerate(tariffs):
        owned = _ocpi(tariff) | {"country_code": "XX", "party_id": "XXX", "last_updated": _CHECKED_AT}
        key = f"tariffs[{number}]"
        yield from list(wrong_with(owned, Tariff, key)) or _priceless(owned, key)
    yield from _told_twice(
        (f"tariffs[{number}].id", tariff.get("id")) for number, tariff in enumerate(tariffs)
    )


def _priceless(tariff: Mapping[str, Any], key: str) -> Iterator[Wrong]:
    """What the pricing does not understand: better now than at the end of a session."""
    start = parse_timestamp(_CHECKED_AT)
    session = [ChargedPeriod(start, start + timedelta(hours=1), tariff_id=str(tariff["id"]))]
    try:
        price(session, [Tariff.model_validate(tariff)], time_zone="UTC")
    except CannotBePriced as error:
        yield Wrong(key + toml_key(error.pointer.removeprefix("/tariffs/0")), error.reason)


def _locations(told: Mapping[str, Any]) -> Iterator[Wrong]:
    locations: list[dict[str, Any]] = told["locations"]
    misshapen = [
        wrong for number, each in enumerate(locations) for wrong in _nesting(each, f"locations[{number}]")
    ]
    if misshapen:
        yield from misshapen
        return
    for number, location in enumerate(locations):
        key = f"locations[{number}]"
        if not isinstance(location.get("private", False), bool):
            yield Wrong(f"{key}.private", "expected true or false")
        yield from wrong_with(_as_published(location), Location, key)
        yield from _time_zone(location.get("time_zone"), f"{key}.time_zone")
    yield from _told_twice(
        (f"locations[{number}].id", each.get("id")) for number, each in enumerate(locations)
    )
    yield from _told_twice((key + ".uid", evse.get("uid")) for key, evse in _evses(locations))
    for key, evse in _evses(locations):
        ids = [(f"{key}.connectors[{at}].id", each.get("id")) for at, each in enumerate(evse["connectors"])]
        yield from _told_twice(iter(ids))
    yield from _wiring(locations)
    yield from _evse_ids(locations)
    yield from _tariff_ids(told)


def _nesting(location: Mapping[str, Any], key: str) -> Iterator[Wrong]:
    """EVSEs and connectors are tables, as far as the node itself must read them."""
    for place, evse in _tables(location, "evses", key):
        if evse is None:
            yield Wrong(place, "expected at least one table [[locations.evses]]")
            continue
        if not (isinstance(evse.get("charge_point"), str) and evse["charge_point"]):
            yield Wrong(f"{place}.charge_point", "expected the identity of a charge point")
        if not _is_number(evse.get("ocpp_evse", 1)):
            yield Wrong(f"{place}.ocpp_evse", "expected a whole number of at least 1")
        for inner, connector in _tables(evse, "connectors", place):
            if connector is None:
                yield Wrong(inner, "expected at least one table [[locations.evses.connectors]]")
            elif not _is_number(connector.get("ocpp_connector", 1)):
                yield Wrong(f"{inner}.ocpp_connector", "expected a whole number of at least 1")


def _tables(parent: Mapping[str, Any], name: str, key: str) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Each table of a list with its key; None where there is no table."""
    tables = parent.get(name)
    if not isinstance(tables, list) or not tables:
        yield f"{key}.{name}", None
        return
    for number, table in enumerate(tables):
        yield f"{key}.{name}[{number}]", table if isinstance(table, dict) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _time_zone(name: Any, key: str) -> Iterator[Wrong]:
    try:
        if isinstance(name, str):
            ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        yield Wrong(key, f"expected an IANA time zone such as Europe/Amsterdam, got {name!r}")


def _told_twice(ids: Iterator[tuple[str, Any]]) -> Iterator[Wrong]:
    """Ids are compared without regard to case (2.2.1, Types, CiString)."""
    told = [(key, each) for key, each in ids if isinstance(each, str)]
    count = Counter(each.upper() for _, each in told)
    yield from (Wrong(key, f"{each!r} is told twice") for key, each in told if count[each.upper()] > 1)


def _wiring(locations: Sequence[Mapping[str, Any]]) -> Iterator[Wrong]:
    """Each connector of a charge point has one place; a charge point stands at one location."""
    told = list(_plugs(locations))
    count = Counter(plug for _, plug, _ in told)
    at: dict[str, tuple[str, str]] = {}
    for key, plug, place in told:
        if count[plug] > 1:
            yield Wrong(key, f"connector {plug.number} of charge point {plug.charge_point!r} is told twice")
        spelling, location_id = at.setdefault(
            plug.charge_point.casefold(), (plug.charge_point, place.location_id)
        )
        if spelling != plug.charge_point:
            yield Wrong(key, f"charge points {spelling!r} and {plug.charge_point!r} differ only in case")
        if location_id != place.location_id:
            yield Wrong(key, f"charge point {plug.charge_point!r} stands at {location_id!r} already")


def _evse_ids(locations: Sequence[Mapping[str, Any]]) -> Iterator[Wrong]:
    """Either every EVSE of a charge point says what OCPP 2.x calls it, or none does; each another."""
    told: dict[str, list[tuple[str, int | None]]] = {}
    for key, evse in _evses(locations):
        told.setdefault(evse["charge_point"], []).append((f"{key}.ocpp_evse", evse.get("ocpp_evse")))
    for each in told.values():
        ids = [evse_id for _, evse_id in each]
        if ids != [None] * len(ids) and (None in ids or len(set(ids)) < len(ids)):
            yield Wrong(each[-1][0], "expected another number at each EVSE of the charge point")


def _tariff_ids(told: Mapping[str, Any]) -> Iterator[Wrong]:
    """A connector names tariffs that exist, at most one of each type; free charging has one, too (LOC-19)."""
    tariffs = {str(tariff.get("id")).upper(): tariff for tariff in map(_ocpi, told["tariffs"])}
    for key, connector in _connectors(told["locations"]):
        told_ids = connector.get("tariff_ids")
        if not isinstance(told_ids, list) or not told_ids:
            yield Wrong(f"{key}.tariff_ids", "expected at least one tariff; free charging has a free tariff")
            continue
        ids = [str(tariff_id) for tariff_id in told_ids]
        for number, tariff_id in enumerate(ids):
            if tariff_id.upper() not in tariffs:
                yield Wrong(f"{key}.tariff_ids[{number}]", f"there is no tariff {tariff_id!r}")
        known = [tariffs[tariff_id.upper()] for tariff_id in ids if tariff_id.upper() in tariffs]
        if len({str(tariff.get("currency")).upper() for tariff in known}) > 1:
            yield Wrong(f"{key}.tariff_ids", "names tariffs in different currencies, which do not add up")
        for one, other in combinations(known, 2):
            kind = one.get("type")
            if kind == other.get("type") and _overlap(one, other):
                names = f"{one['id']!r} and {other['id']!r}"
                yield Wrong(f"{key}.tariff_ids", f"names two tariffs of type {kind or '(any)'}: {names}")


def _overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two tariffs hold at the same time; without a start or an end one holds for ever."""
    starts = [each.get("start_date_time") for each in (other, one)]
    ends = [each.get("end_date_time") for each in (one, other)]
    return not any(
        isinstance(end, str) and isinstance(start, str) and _moment(end) <= _moment(start)
        for end, start in zip(ends, starts, strict=True)
    )


def _moment(text: str) -> datetime:
    """What is no instant is named where the tariff itself is checked."""
    try:
        return parse_timestamp(text)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def _evses(locations: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, location in enumerate(locations):
        for place, evse in enumerate(location["evses"]):
            yield f"locations[{number}].evses[{place}]", evse


def _connectors(locations: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for key, evse in _evses(locations):
        for number, connector in enumerate(evse["connectors"]):
            yield f"{key}.connectors[{number}]", connector


def _plugs(locations: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Plug, Place]]:
    for number, location in enumerate(locations):
        for at, evse in enumerate(location["evses"]):
            for place, connector in enumerate(evse["connectors"]):
                yield (
                    f"locations[{number}].evses[{at}].connectors[{place}]",
                    Plug(evse["charge_point"], connector.get("ocpp_connector", 1)),
                    Place(str(location.get("id")), str(evse.get("uid")), str(connector.get("id"))),
                )


def _as_published(location: Mapping[str, Any]) -> dict[str, Any]:
    """The location with what the node adds to it, to be checked whole."""
    whole = _without_plugs(_ocpi(location))
    whole |= {"country_code": "XX", "party_id": "XXX", "last_updated": _CHECKED_AT}
    whole["evses"] = [
        evse
        | {"status": Status.UNKNOWN.value, "last_updated": _CHECKED_AT}
        | {"connectors": [each | {"last_updated": _CHECKED_AT} for each in evse["connectors"]]}
        for evse in whole["evses"]
    ]
    return whole


def _without_plugs(location: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{key: value for key, value in location.items() if key != "private"},
        "evses": [
            {key: value for key, value in evse.items() if key not in {"charge_point", "ocpp_evse"}}
            | {
                "connectors": [
                    {key: value for key, value in connector.items() if key != "ocpp_connector"}
                    for connector in evse["connectors"]
                ]
            }
            for evse in location["evses"]
        ],
    }


def _ocpi(value: Any) -> Any:
    """TOML values as JSON has them: dates and times become OCPI's texts."""
    match value:
        case dict():
            return {key: _ocpi(each) for key, each in value.items()}
        case list():
            return [_ocpi(each) for each in value]
        case datetime():
            return format_timestamp(value if value.tzinfo else value.replace(tzinfo=UTC))
        case _:
            return value
