"""The CDR of a transaction that is over: final, and told once. What was wrong in it, a Credit CDR takes back.

Sources: 2.2.1, CDRs; CDR-01, CDR-05 to CDR-09, CDR-15, CDR-20, CDR-22.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from hub.pricing import Amount, ocpi_price
from partners.cpo.billing.contracts import Contract
from partners.cpo.billing.costs import Cost
from partners.cpo.billing.early_sessions import EarlySession
from partners.cpo.charging.charging_log import Charging
from partners.cpo.charging.metering import Use
from schemas.text import NOT_AVAILABLE
from schemas.v2_2_1 import CDR, CdrDimensionType, SignedData, Tariff

#: Why a transaction ends when nothing is odd about it.
_ORDINARY_REASONS: Final = frozenset({"Local", "Remote", "EVDisconnected"})
#: A plug that was tried and taken away: no energy in less than this is no sale.
_SHORTEST: Final = timedelta(minutes=2)
#: What is appended to the id of a CDR that is taken back (CDR-05).
CREDIT_SUFFIX: Final = "-C"


def is_billable(used: Use, *, was_reserved: bool = False) -> bool:
    """Whether a session is worth a CDR: one for which the EVSE was kept free is, if it began."""
    lasted = used.end - used.start
    return used.kwh > 0 or lasted >= _SHORTEST or (was_reserved and lasted > timedelta())


def cdr(
    cdr_id: str,
    contract: Contract,
    charging: Charging,
    used: Use,
    cost: Cost,
    now: datetime,
    *,
    signed: SignedData | None = None,
) -> CDR:
    """The CDR.

    Args:
        cdr_id: Its own id, at most 36 characters.
        contract: The terms, frozen at the start.
        charging: The transaction, with its stop.
        used: What it used.
        cost: Charging periods and price.
        now: Its `last_updated`, the instant of its creation.
        signed: What the meter signed of it.
    """
    statement = cost.statement
    value: dict[str, Any] = {
        "country_code": contract.owner.country_code,
        "party_id": contract.owner.party_id,
        "id": cdr_id,
        "start_date_time": cost.periods[0].start_date_time,
        "end_date_time": used.end,
        "session_id": contract.session_id,
        "cdr_token": contract.token,
        "auth_method": contract.auth_method,
        "authorization_reference": contract.authorization_reference,
        "cdr_location": _location(contract),
        "meter_id": contract.meter_id,
        "currency": contract.tariff.currency,
        "tariffs": _tariffs(contract, cost),
        "charging_periods": cost.periods,
        "signed_data": signed,
        "total_cost": ocpi_price(statement.total_cost),
        "total_fixed_cost": _price(statement.total_fixed_cost),
        "total_energy": used.kwh,
        "total_energy_cost": _price(statement.total_energy_cost),
        "total_time": used.hours,
        "total_time_cost": _price(statement.total_time_cost),
        "total_parking_time": _parking_hours(cost),
        "total_parking_cost": _price(statement.total_parking_cost),
        "total_reservation_cost": _price(statement.total_reservation_cost),
        "remark": _remark(charging, used),
        "last_updated": now,
    }
    return CDR.model_validate({name: each for name, each in value.items() if each is not None})


def reservation_cdr(
    cdr_id: str, early: EarlySession, end: datetime, cost: Cost, remark: str | None, now: datetime
) -> CDR:
    """The CDR of a reservation that nobody used; what is not known of its connector is `#NA` (CDR-15).

    Args:
        cdr_id: Its own id, at most 36 characters.
        early: The reservation.
        end: When it expired or was cancelled.
        cost: Of the reservation.
        remark: Why it was not used.
        now: Its `last_updated`.
    """
    contract, statement = early.contract, cost.statement
    value: dict[str, Any] = {
        "country_code": contract.owner.country_code,
        "party_id": contract.owner.party_id,
        "id": cdr_id,
        "start_date_time": early.created,
        "end_date_time": end,
        "session_id": contract.session_id,
        "cdr_token": contract.token,
        "auth_method": contract.auth_method,
        "authorization_reference": contract.authorization_reference,
        "cdr_location": _location(contract),
        "currency": contract.tariff.currency,
        "tariffs": _tariffs(contract, cost),
        "charging_periods": cost.periods,
        "total_cost": ocpi_price(statement.total_cost),
        "total_energy": Decimal(0),
        "total_time": Decimal(0),
        "total_reservation_cost": _price(statement.total_reservation_cost),
        "remark": remark,
        "last_updated": now,
    }
    return CDR.model_validate({name: each for name, each in value.items() if each is not None})


def credit_cdr(original: CDR, now: datetime) -> CDR:
    """The CDR that takes another one back: the same in everything, but that it costs the opposite (CDR-06).

    Args:
        original: No credit itself.
        now: Its `last_updated`.
    """
    total = original.total_cost
    taken_back = {
        "excl_vat": -total.excl_vat,
        "incl_vat": None if total.incl_vat is None else -total.incl_vat,
    }
    changes = {
        "id": f"{original.id}{CREDIT_SUFFIX}",
        "credit": True,
        "credit_reference_id": original.id,
        "total_cost": {name: each for name, each in taken_back.items() if each is not None},
        "last_updated": now,
    }
    return CDR.model_validate({**original.to_wire(), **changes})


def _tariffs(contract: Contract, cost: Cost) -> list[Tariff]:
    """The tariffs under which something was charged."""
    named = {period.tariff_id.upper() for period in cost.periods if period.tariff_id is not None}
    return [each for each in contract.terms.tariffs if each.id.upper() in named]


def _price(amount: Amount | None) -> Any:
    return None if amount is None else ocpi_price(amount)


def _parking_hours(cost: Cost) -> Decimal:
    volumes = (
        dimension.volume
        for period in cost.periods
        for dimension in period.dimensions
        if dimension.type == CdrDimensionType.PARKING_TIME
    )
    return sum(volumes, Decimal(0))


def _remark(charging: Charging, used: Use) -> str | None:
    """What is odd: an end that was never told, why it ended, registers that cannot be believed."""
    reason = charging.reason or "Local"
    told = []
    if charging.meter_stop is None:
        told.append("estimated: the charge point never told the end")
    elif reason not in _ORDINARY_REASONS:
        told.append(reason)
    told += sorted(used.doubts)
    return "; ".join(told) or None


def _location(contract: Contract) -> dict[str, Any]:
    location, evse, connector = contract.location, contract.evse, contract.connector
    # Where there is truly none it is #NA, too (AM-30).
    is_known = contract.place.evse_uid != NOT_AVAILABLE
    told = {
        "id": location.id,
        "name": location.name,
        "address": location.address,
        "city": location.city,
        "postal_code": location.postal_code,
        "state": location.state,
        "country": location.country,
        "coordinates": location.coordinates,
        "evse_uid": contract.place.evse_uid,
        "evse_id": (evse.evse_id if is_known else None) or NOT_AVAILABLE,
        "connector_id": contract.place.connector_id,
        "connector_standard": connector.standard,
        "connector_format": connector.format,
        "connector_power_type": connector.power_type,
    }
    return {name: each for name, each in told.items() if each is not None}
