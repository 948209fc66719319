"""The sites whose power is shared, as the operator writes them: the tables `[[sites]]`.

[[sites]]
location = "station-square"      # all charge points of the location
grid_amperes = 160               # of each phase; or [160, 160, 125]
grid_watt = 100_000              # of all together; one of the two is enough
safe_watt = 60_000               # for the chargers, while the meter or the limit is not to be trusted
strategy = "departure"

[sites.meter]                    # at the grid connection
url = "http://192.0.2.7/now"

[sites.price]
file = "prices.csv"

[sites.charge_points.CP002]
rotation = "STR"                 # its L1 is the site's S
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

from partners.configuration_file import (
    FLAG,
    SOME_SECONDS,
    TEXT,
    URL,
    Kind,
    Setting,
    SettingsWrong,
    Wrong,
    table_settings,
)
from partners.cpo.configuration import Configuration, Place, Plug
from partners.cpo.energy.claims import LEAST, Strategy
from partners.cpo.energy.ledger import Outlet, Times
from partners.cpo.energy.site import Rules
from partners.cpo.energy.wires import ALL, VOLTAGE, Load, Wires, summed, wires_of
from schemas.v2_2_1 import PowerType


class Source(NamedTuple):
    """Where something is read, and how often."""

    #: What it is: limit, price, solar, battery or meter.
    kind: str
    file: Path | None = None
    url: str | None = None
    #: A charge point whose MeterValues of connector 0 are those of the site.
    charge_point: str | None = None
    every: timedelta = timedelta(seconds=60)
    #: After so long without anything new it is not believed any more.
    expires: timedelta = timedelta(hours=1)
    #: Of a meter: whether what the chargers draw is in it.
    includes_chargers: bool = True


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """One site."""

    location: str
    outlets: tuple[Outlet, ...]
    #: Of the grid connection, less the margin.
    grid: Load
    #: For the chargers, while something is not to be trusted.
    safe: Load
    rules: Rules
    sources: Mapping[str, Source] = field(default_factory=dict)
    #: How often it is looked at, if nothing happens.
    tick: timedelta = timedelta(seconds=5)


def site_settings(
    told: Mapping[str, Any], configuration: Configuration, folder: Path, wrong: list[Wrong]
) -> tuple[SiteSettings, ...]:
    """The sites in the tables `[[sites]]`; what is wrong with them is added to `wrong`."""
    tables = told.get("sites", [])
    if not isinstance(tables, list):
        wrong.append(Wrong("sites", "expected tables [[sites]]"))
        return ()
    found = []
    for number, table in enumerate(tables):
        try:
            found.append(_site(f"sites[{number}]", table, configuration, folder))
        except SettingsWrong as refused:
            wrong.extend(refused.wrong)
    at = [each.location.upper() for each in found]
    wrong.extend(
        Wrong(f"sites[{number}].location", "is told twice")
        for number, each in enumerate(at)
        if each in at[:number]
    )
    return tuple(found)


def _site(key: str, table: Any, configuration: Configuration, folder: Path) -> SiteSettings:
    wrong: list[Wrong] = []
    if not isinstance(table, dict):
        raise SettingsWrong([Wrong(key, "expected a table [[sites]]")])
    plain = {name: value for name, value in table.items() if name not in (*SOURCES, "charge_points")}
    own = table_settings({key: plain}, key, _OWN, wrong)
    sources = {
        kind: source
        for kind in SOURCES
        if kind in table and (source := _source(kind, table[kind], key, folder, wrong))
    }
    rotations = _rotations(table.get("charge_points", {}), key, wrong)
    if "grid_amperes" not in own and "grid_watt" not in own:
        wrong.append(Wrong(f"{key}.grid_watt", "missing; expected grid_watt or grid_amperes"))
    if wrong:
        raise SettingsWrong(wrong)
    fallback = own.get("fallback", LEAST)
    outlets = tuple(_outlets(key, own["location"], fallback, rotations, configuration))
    grid = _limit(own.get("grid_amperes"), own.get("grid_watt"))
    margin = Load.of(own.get("margin", Decimal(0)), ALL)
    told_safe = own.get("safe_amperes"), own.get("safe_watt")
    made = SiteSettings(
        location=own["location"],
        outlets=outlets,
        grid=grid.minus(margin),
        safe=grid.minus(margin) if told_safe == (None, None) else _limit(*told_safe),
        rules=_rules(own),
        sources=sources,
        tick=own.get("tick", timedelta(seconds=5)),
    )
    meter = sources.get("meter")
    if meter is not None and meter.charge_point not in {None, *configuration.charge_points}:
        reason = f"there is no charge point {meter.charge_point!r}"
        raise SettingsWrong([Wrong(f"{key}.meter.charge_point", reason)])
    _check(key, made, has_safe=told_safe != (None, None))
    return made


def _check(key: str, made: SiteSettings, *, has_safe: bool) -> None:
    """What the site would do when everything fails must be safe."""
    if not has_safe and {"meter", "limit"} & made.sources.keys():
        raise SettingsWrong([Wrong(f"{key}.safe_watt", "missing; what may be drawn if the meter is silent?")])
    fallbacks = summed(Load.of(each.fallback, each.wires) for each in made.outlets)
    limit = made.safe.lower(made.grid)
    if not fallbacks.fits(limit):
        phases = ", ".join(f"{each:.0f}" for each in fallbacks.phases)
        allowed = ", ".join(f"{each:.0f}" for each in limit.phases)
        reason = f"all connectors without a link come to {phases} A, and {allowed} A are safe: choose 0"
        raise SettingsWrong([Wrong(f"{key}.fallback_amperes", reason)])
    if 0 < made.outlets[0].fallback < LEAST:
        raise SettingsWrong([Wrong(f"{key}.fallback_amperes", f"expected 0, or at least {LEAST}")])


def _rules(own: Mapping[str, Any]) -> Rules:
    names = ("strategy", "deadband", "interval", "longest_pause", "turn")
    told = {name: own[name] for name in names if name in own}
    times = {name: own[name] for name in ("lease", "grace") if name in own}
    return Rules(**told, times=replace(Times(), **times))


def _limit(amperes: Load | None, watt: Decimal | None) -> Load:
    """Where only a power is told, a third of it is for each phase."""
    if watt is None:
        return amperes or Load()
    power = Load.of_watt(watt)
    return power if amperes is None else amperes._replace(total=min(amperes.total, power.total))


def _outlets(
    key: str,
    location: str,
    fallback: Decimal,
    rotations: Mapping[str, Wires],
    configuration: Configuration,
) -> Iterator[Outlet]:
    plugs = configuration.plugs(location)
    if not plugs:
        raise SettingsWrong([Wrong(f"{key}.location", f"there is no location {location!r}")])
    here = {plug.charge_point for plug in plugs}
    for unknown in rotations.keys() - here:
        reason = f"there is no such charge point at {location!r}"
        raise SettingsWrong([Wrong(f"{key}.charge_points.{unknown}", reason)])
    for plug in plugs:
        connector = _connector(configuration, configuration.places[plug])
        yield _outlet(plug, connector, fallback, rotations.get(plug.charge_point, ALL))


def _outlet(plug: Plug, connector: Mapping[str, Any], fallback: Decimal, rotation: Wires) -> Outlet:
    kind = connector["power_type"]
    phases = 1 if kind == PowerType.AC_1_PHASE else 3
    wires = rotation[:phases]
    power = connector.get("max_electric_power")
    most = Decimal(connector["max_amperage"])
    if kind == PowerType.DC:
        # What flows from the grid is not what flows into the car.
        watt = Decimal(connector["max_voltage"]) * most if power is None else Decimal(power)
        return Outlet(plug, wires, watt / (VOLTAGE * 3), fallback, Decimal(1))
    if power is not None:
        most = min(most, Decimal(power) / (VOLTAGE * len(wires)))
    return Outlet(plug, wires, most, min(fallback, most))


def _connector(configuration: Configuration, place: Place) -> Mapping[str, Any]:
    for location in configuration.locations:
        for evse in location["evses"] if location["id"] == place.location_id else ():
            for connector in evse["connectors"] if evse["uid"] == place.evse_uid else ():
                if connector["id"] == place.connector_id:
                    found: Mapping[str, Any] = connector
                    return found
    raise LookupError(place)


def _rotations(told: Any, key: str, wrong: list[Wrong]) -> dict[str, Wires]:
    if not isinstance(told, dict):
        wrong.append(Wrong(f"{key}.charge_points", "expected tables [sites.charge_points.NAME]"))
        return {}
    found = {}
    for name, table in told.items():
        place = f"{key}.charge_points.{name}"
        settings = table_settings({place: table}, place, _CHARGE_POINT, wrong)
        if "rotation" in settings:
            found[name] = settings["rotation"]
    return found


def _source(kind: str, table: Any, key: str, folder: Path, wrong: list[Wrong]) -> Source | None:
    place, already = f"{key}.{kind}", len(wrong)
    known = {**_SOURCE, **(_METER if kind == "meter" else {})}
    told = table_settings({place: table}, place, known, wrong)
    ways = [name for name in ("file", "url", "charge_point") if name in told]
    if len(ways) != 1 and len(wrong) == already:
        wrong.append(Wrong(place, f"expected one of {', '.join(n for n in _WAYS if n in known)}"))
    if len(wrong) > already:
        return None
    if "file" in told:
        told["file"] = folder / told["file"]
    standard = {"every": timedelta(seconds=5), "expires": timedelta(seconds=30)} if kind == "meter" else {}
    return Source(kind, **{**standard, **told})


def _amperes(value: Any) -> Load | None:
    each = value if isinstance(value, list) else [value] * 3
    if len(each) != len(ALL) or any(_positive(number) is None for number in each):
        return None
    return Load.of_phases(Decimal(number) for number in each)


def _positive(value: Any) -> Decimal | None:
    number = _current(value)
    return number or None


def _current(value: Any) -> Decimal | None:
    is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    number = Decimal(value) if is_number else Decimal(-1)
    return number if number.is_finite() and number >= 0 else None


def _strategy(value: Any) -> Strategy | None:
    return Strategy(value) if value in list(Strategy) else None


def _rotation(value: Any) -> Wires | None:
    return wires_of(value) if isinstance(value, str) else None


SOURCES: Final = ("limit", "price", "solar", "battery", "meter")
_WAYS: Final = ("file", "url", "charge_point")
_CURRENT: Final = Kind(_current, "A")
_POWER: Final = Kind(_positive, "W, more than 0")
_CURRENTS: Final = Kind(_amperes, "A, more than 0, or a list of three")
_OWN: Final[Mapping[str, Setting]] = {
    "location": Setting("location", TEXT, is_required=True),
    "grid_amperes": Setting("grid_amperes", _CURRENTS),
    "grid_watt": Setting("grid_watt", _POWER),
    "safe_amperes": Setting("safe_amperes", _CURRENTS),
    "safe_watt": Setting("safe_watt", _POWER),
    "margin_amperes": Setting("margin", _CURRENT),
    "strategy": Setting("strategy", Kind(_strategy, f"one of {', '.join(Strategy)}")),
    "fallback_amperes": Setting("fallback", _CURRENT),
    "lease_seconds": Setting("lease", SOME_SECONDS),
    "grace_seconds": Setting("grace", SOME_SECONDS),
    "deadband_amperes": Setting("deadband", _CURRENT),
    "interval_seconds": Setting("interval", SOME_SECONDS),
    "longest_pause_seconds": Setting("longest_pause", SOME_SECONDS),
    "turn_seconds": Setting("turn", SOME_SECONDS),
    "tick_seconds": Setting("tick", SOME_SECONDS),
}
_SOURCE: Final[Mapping[str, Setting]] = {
    "file": Setting("file", TEXT),
    "url": Setting("url", URL),
    "every_seconds": Setting("every", SOME_SECONDS),
    "expires_seconds": Setting("expires", SOME_SECONDS),
}
_METER: Final[Mapping[str, Setting]] = {
    "charge_point": Setting("charge_point", TEXT),
    "includes_chargers": Setting("includes_chargers", FLAG),
}
_CHARGE_POINT: Final[Mapping[str, Setting]] = {
    "rotation": Setting("rotation", Kind(_rotation, "a rotation such as RST, STR, TRS, or (one phase) S")),
}


def all_charge_points(sites: Sequence[SiteSettings]) -> frozenset[str]:
    """Of all sites."""
    return frozenset(outlet.plug.charge_point for site in sites for outlet in site.outlets)
