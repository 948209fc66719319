"""The OCPI Session of a transaction, worked out anew from all that is known, and how a change of it is told.

Sources: 2.2.1, Sessions; SES-01 to SES-14.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from hub.pricing import ocpi_price
from partners.cpo.billing.contracts import Contract
from partners.cpo.billing.costs import Cost
from partners.cpo.billing.early_sessions import EarlySession
from partners.cpo.charging.charging_log import Charging
from partners.cpo.charging.metering import Use
from schemas.v2_2_1 import ChargingPeriod, Price, Session, SessionStatus

_PERIODS: Final = "charging_periods"
#: In every PATCH, changed or not: the driver looks at it, and the eMSP need not remember it.
_COST: Final = "total_cost"
#: What a running Session has more of with every sample.
_GROWS: Final = frozenset({"kwh", _COST, _PERIODS})
#: In every message, and no reason for one.
_STAMP: Final = "last_updated"
#: What is told of a session that nobody has to pay for (SES-14).
FREE: Final = Price(excl_vat=Decimal(0))


def session(
    contract: Contract,
    charging: Charging,
    used: Use,
    cost: Cost | None,
    running: tuple[ChargingPeriod, ...],
    now: datetime,
    *,
    is_free: bool = False,
) -> Session:
    """The Session as it is now; its total cost is what it would cost if it ended now, bounds and all.

    Args:
        contract: Its terms.
        charging: The transaction.
        used: What it used so far.
        cost: What that costs; None while no time has passed, or if it cannot be priced.
        running: Periods that are over, for a Session that goes on.
        now: Its `last_updated`.
        is_free: There is no CDR for it, so that nobody pays, whatever the tariff says.
    """
    is_over = charging.stopped is not None
    told = running if not is_over else () if cost is None else cost.periods
    value = _agreed(contract) | {
        "start_date_time": used.start,
        "end_date_time": used.end if is_over else None,
        "kwh": used.kwh,
        "charging_periods": told,
        "total_cost": FREE if is_free else None if cost is None else ocpi_price(cost.statement.total_cost),
        "status": SessionStatus.COMPLETED if is_over else SessionStatus.ACTIVE,
        "last_updated": now,
    }
    return Session.model_validate({name: each for name, each in value.items() if each is not None})


def session_before_start(early: EarlySession, now: datetime) -> Session:
    """The Session of what has not begun: it is PENDING, or a RESERVATION (SES-10, SES-11)."""
    return _without_charging(early, early.status, None, None, now)


def session_never_begun(
    early: EarlySession, end: datetime, cost: Cost | None, now: datetime, *, is_free: bool = False
) -> Session:
    """The last word on a Session that never began: COMPLETED after a reservation, else INVALID (AM-40).

    Args:
        early: What it would have been.
        end: When it ended.
        cost: What a reservation costs; None if no time passed, or if it has no price.
        is_free: The CPO itself ended it, so it costs nothing, which is more than no price (SES-14).
        now: Its `last_updated`.
    """
    status = SessionStatus.COMPLETED if early.is_reservation else SessionStatus.INVALID
    told = _without_charging(early, status, max(end, early.created), cost, now)
    return told.model_copy(update={"total_cost": FREE}) if is_free else told


def _without_charging(
    early: EarlySession, status: SessionStatus, end: datetime | None, cost: Cost | None, now: datetime
) -> Session:
    value = _agreed(early.contract) | {
        "start_date_time": early.created,
        "end_date_time": end,
        "kwh": Decimal(0),
        "charging_periods": () if cost is None else cost.periods,
        "total_cost": None if cost is None else ocpi_price(cost.statement.total_cost),
        "status": status,
        "last_updated": now,
    }
    return Session.model_validate({name: each for name, each in value.items() if each is not None})


def _agreed(contract: Contract) -> dict[str, Any]:
    return {
        "country_code": contract.owner.country_code,
        "party_id": contract.owner.party_id,
        "id": contract.session_id,
        "cdr_token": contract.token,
        "auth_method": contract.auth_method,
        "authorization_reference": contract.authorization_reference,
        "location_id": contract.location.id,
        "evse_uid": contract.place.evse_uid,
        "connector_id": contract.place.connector_id,
        "meter_id": contract.meter_id,
        "currency": contract.tariff.currency,
    }


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a running Session is told."""

    #: At the latest after so long …
    time: timedelta = timedelta(seconds=60)
    #: … or so many kWh.
    energy: Decimal = Decimal(1)


def is_news(told: Mapping[str, Any] | None, current: Mapping[str, Any], since: timedelta, pace: Pace) -> bool:
    """Whether the eMSP should hear of a Session now.

    What grows with every sample is told at its pace; whatever else changes is told at once.

    Args:
        told: What it accepted last, None if nothing.
        current: The Session now.
        since: How long ago that was.
        pace: How often it wants to hear.
    """
    if told is None or _lasting(told) != _lasting(current):
        return True
    if len(told.get(_PERIODS, ())) != len(current.get(_PERIODS, ())):
        return True
    return since >= pace.time or Decimal(current["kwh"]) - Decimal(told["kwh"]) >= pace.energy


def is_outdated(told: Mapping[str, Any], current: Mapping[str, Any], pace: Pace) -> bool:
    """Whether a Session became news again while the eMSP was being told of it.

    A sample that came meanwhile waits its turn like any other; a fact that changed nothing but `last_updated`
    is no news at all.
    """
    is_same = all(told.get(name) == current.get(name) for name in _GROWS)
    if is_same and _lasting(told) == _lasting(current):
        return False
    return is_news(told, current, timedelta(), pace)


def _lasting(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in value.items() if name not in _GROWS and name != _STAMP}


def session_patch(accepted: Mapping[str, Any], current: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a PATCH must say so that the accepted Session becomes the current one.

    Given periods are appended (SES-04), and nothing can be taken away (LOC-08); where that does not lead from
    one to the other, and for the last word on a Session, the answer is None: PUT it whole (SES-05). The
    running cost is always part of it, if there is one.
    """
    if current["status"] != accepted["status"] or accepted.keys() - current.keys():
        return None
    told, all_periods = accepted.get(_PERIODS, []), current.get(_PERIODS, [])
    if all_periods[: len(told)] != told:
        return None
    changed = {
        name: each
        for name, each in current.items()
        if name == _COST or (accepted.get(name) != each and name != _PERIODS)
    }
    if appended := all_periods[len(told) :]:
        changed[_PERIODS] = appended
    return changed
