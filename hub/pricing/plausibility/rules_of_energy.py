"""Rules about how much: energy against time, the connector, the periods and reason."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Final

from hub.pricing.plausibility.case import Case, in_hours
from hub.pricing.plausibility.values import Doubt, Severity
from schemas.v2_2_1 import CdrDimensionType, Connector, PowerType

_WATTS_IN_A_KILOWATT: Final = 1_000
#: max_voltage is that of one phase (2.2.1, Locations, Connector).
_PHASES: Final = {PowerType.AC_2_PHASE: 2, PowerType.AC_2_PHASE_SPLIT: 2, PowerType.AC_3_PHASE: 3}
_TOTALS: Final = ("total_energy", "total_time", "total_parking_time")


def negative(case: Case) -> Iterator[Doubt]:
    """Nobody charges less than nothing; money that is paid back is what the schema looks at (AM-50)."""
    for name in _TOTALS:
        volume = getattr(case.cdr, name)
        if volume is not None and volume < 0:
            yield Doubt(f"/{name}", f"{volume} is negative", {name: volume})
    for number, period in enumerate(case.cdr.charging_periods):
        for place, dimension in enumerate(period.dimensions):
            if dimension.volume < 0:
                yield Doubt(
                    f"/charging_periods/{number}/dimensions/{place}/volume",
                    f"{dimension.type} of {dimension.volume} is negative",
                    {"volume": dimension.volume},
                )


def too_much_energy(case: Case) -> Iterator[Doubt]:
    """No vehicle takes so much."""
    energy, most = case.cdr.total_energy, case.measures.most_energy
    if energy > most:
        yield Doubt("/total_energy", f"{energy} kWh in one session", {"total_energy": energy, "most": most})


def duration_against_energy(case: Case) -> Iterator[Doubt]:
    """Energy takes time, even at the strongest charger; and who stays for a day wants energy."""
    energy, hours = case.cdr.total_energy, in_hours(case.duration)
    if energy > 0 and hours >= 0 and energy > case.measures.strongest * hours:
        yield Doubt(
            "/total_energy",
            f"{energy} kWh in {hours:.4f} h are more than any charger gives",
            {"total_energy": energy, "hours": hours, "most_kw": case.measures.strongest},
        )
    if energy == 0 and case.duration > case.measures.idle and not case.is_reservation_only:
        yield Doubt(
            "/total_energy",
            f"nothing was charged in {hours:.2f} h",
            {"total_energy": energy, "hours": hours},
            Severity.NOTE,
        )


def energy_against_power(case: Case) -> Iterator[Doubt]:
    """The connector can have given so much energy in the time."""
    connector, energy = case.connector, case.cdr.total_energy
    if connector is None or energy <= 0 or case.duration < timedelta():
        return
    power = kilowatts(connector)
    most = power * in_hours(case.duration)
    if energy <= most * case.measures.power_note:
        return
    is_grave = energy > most * case.measures.power_hold
    yield Doubt(
        "/total_energy",
        f"{energy} kWh, but the connector gives {most:.4f} kWh at most in this time, at {power} kW",
        {"total_energy": energy, "most": most, "max_power_kw": power},
        None if is_grave else Severity.NOTE,
    )


def kilowatts(connector: Connector) -> Decimal:
    """The greatest power of a connector: told, or from voltage, amperage and phases."""
    if connector.max_electric_power:
        return Decimal(connector.max_electric_power) / _WATTS_IN_A_KILOWATT
    phases = next((count for kind, count in _PHASES.items() if kind == connector.power_type), 1)
    return Decimal(connector.max_voltage * connector.max_amperage * phases) / _WATTS_IN_A_KILOWATT


def total_energy(case: Case) -> Iterator[Doubt]:
    """total_energy is the energy of all periods (CDR-20)."""
    told = case.volume(CdrDimensionType.ENERGY)
    if told is None:
        if case.cdr.total_energy > case.measures.energy:
            yield Doubt(
                "/total_energy",
                f"is {case.cdr.total_energy} kWh, and no period tells of energy",
                {"total_energy": case.cdr.total_energy},
                Severity.NOTE,
            )
        return
    if abs(told - case.cdr.total_energy) > case.measures.energy:
        yield Doubt(
            "/total_energy",
            f"is {case.cdr.total_energy} kWh, the periods have {told} kWh",
            {"total_energy": case.cdr.total_energy, "periods": told},
        )
