"""Charging preferences: what a driver told about time and energy, and what the CPO makes of it.

| preferences                                            | answer                     |
|--------------------------------------------------------|----------------------------|
| the session is over                                    | NOT_POSSIBLE               |
| the connector has no tariff for the profile type       | PROFILE_TYPE_NOT_SUPPORTED |
| CHEAP or GREEN without departure_time                  | DEPARTURE_REQUIRED         |
| CHEAP or GREEN without energy_need                     | ENERGY_NEED_REQUIRED       |
| more energy than the connector can give until then     | NOT_POSSIBLE               |
| else                                                   | ACCEPTED                   |

Accepted, they choose the tariff from now on, and CHEAP and GREEN charge as slowly as the time allows. REGULAR
needs no tariff of its own: one without a type holds for all sessions.

Sources: 2.2.1, Sessions, Set: Charging Preferences; SES-15 to SES-17, AM-29.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_UP, Decimal
from typing import Any, Final

from hub.ocpi.errors import NotFound
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock, format_timestamp
from hub.pricing import tariffs_for
from partners.cpo.billing.bookkeeping import Bookkeeping
from partners.cpo.billing.contracts import Contract, Contracts
from partners.cpo.billing.costs import TariffFrom
from partners.cpo.charging.charging_log import Charging, ChargingLog
from partners.cpo.promises.callbacks import requester
from partners.database import Database
from partners.exchange import Answer, Request
from schemas.v2_2_1 import (
    Capability,
    ChargingPreferences,
    ChargingPreferencesResponse,
    ChargingProfile,
    ProfileType,
    Tariff,
)

#: These need to know how much, and until when.
_PATIENT: Final = frozenset({ProfileType.CHEAP, ProfileType.GREEN})
_SECONDS_PER_HOUR: Final = Decimal(3600)
_WATT_PER_KILOWATT: Final = Decimal(1000)
_TENTH: Final = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Preferences:
    """The answer to charging preferences, and what follows from them."""

    database: Database
    contracts: Contracts
    charging_log: ChargingLog
    bookkeeping: Bookkeeping
    clock: Clock
    #: Has the charge point keep within a profile; None: there is none any more.
    charge_by: Callable[[Charging, Contract, ChargingProfile | None], None]
    #: An eMSP is to hear of a change.
    owe: Callable[[Party], None]
    #: Whoever plans by departure and need is told of them; whether somebody does.
    plan_by: Callable[[Charging, ChargingPreferences], bool]

    async def put(self, request: Request) -> Answer:
        """PUT `/{session_id}/charging_preferences`.

        Raises:
            NotFound: The party has no such session, or its EVSE cannot do this: 404 with 2001 (SES-16).
        """
        wanted = ChargingPreferences.model_validate(request.value, context=_TOLERANT)
        charging_id = self.contracts.charging_of(request.parameters["session_id"])
        contract = None if charging_id is None else self.contracts.of(charging_id)
        if charging_id is None or contract is None or contract.emsp != requester(request):
            raise NotFound("there is no such session")
        if Capability.CHARGING_PREFERENCES_CAPABLE not in contract.evse.capabilities:
            raise NotFound("the EVSE has no capability CHARGING_PREFERENCES_CAPABLE")
        charging = self.charging_log.charging(charging_id)
        answer = response(wanted, contract, self.clock(), is_over=charging.stopped is not None)
        if answer is ChargingPreferencesResponse.ACCEPTED:
            self._follow(wanted, charging, contract)
        return Answer.of(answer.value)

    def _follow(self, wanted: ChargingPreferences, charging: Charging, contract: Contract) -> None:
        now = self.clock().replace(microsecond=0)
        since = max([now, charging.started, *(each.at for each in self.charging_log.samples(charging))])
        tariff = tariff_for(wanted.profile_type, contract.offered, since)
        if tariff is not None and contract.terms.tariff_at(since).id != tariff.id:
            # Never before what is known: periods that were told do not change any more.
            chosen = TariffFrom(since.replace(microsecond=0), tariff)
            contract = replace(contract, chosen=(*contract.chosen, chosen))
            with self.database.transaction():
                self.contracts.change(charging.id, contract)
                owed = self.bookkeeping.enter(charging)
            if owed is not None:
                self.owe(owed)
        is_planned = self.plan_by(charging, wanted)
        self.charge_by(charging, contract, None if is_planned else slow_profile(wanted, now))


def response(
    wanted: ChargingPreferences, contract: Contract, now: datetime, *, is_over: bool
) -> ChargingPreferencesResponse:
    """The answer, by the table above."""
    kinds = ChargingPreferencesResponse
    if is_over:
        return kinds.NOT_POSSIBLE
    if tariff_for(wanted.profile_type, contract.offered, now) is None:
        return kinds.PROFILE_TYPE_NOT_SUPPORTED
    if wanted.profile_type in _PATIENT and wanted.departure_time is None:
        return kinds.DEPARTURE_REQUIRED
    if wanted.profile_type in _PATIENT and wanted.energy_need is None:
        return kinds.ENERGY_NEED_REQUIRED
    return kinds.ACCEPTED if _is_possible(wanted, contract, now) else kinds.NOT_POSSIBLE


def tariff_for(profile_type: str, offered: Sequence[Tariff], at: datetime) -> Tariff | None:
    """The tariff of a connector for a profile type from an instant on; None: the type is not supported there.

    One for all sessions makes no profile type supported but REGULAR (SES-17).
    """
    if profile_type not in set(ProfileType):
        return None
    profile = ProfileType(profile_type)
    fitting = tariffs_for(offered, start=at, profile=profile)
    return next((each for each in fitting if each.type is not None or profile is ProfileType.REGULAR), None)


def slow_profile(wanted: ChargingPreferences, now: datetime) -> ChargingProfile | None:
    """The lowest power that brings the energy in time; None for those who are in no need to wait."""
    if wanted.profile_type not in _PATIENT or wanted.departure_time is None or wanted.energy_need is None:
        return None
    watt = (wanted.energy_need * _WATT_PER_KILOWATT / _hours(now, wanted.departure_time)).quantize(
        _TENTH, ROUND_UP
    )
    return ChargingProfile.model_validate(
        {
            "start_date_time": format_timestamp(now),
            "duration": int((wanted.departure_time - now).total_seconds()),
            "charging_rate_unit": "W",
            "charging_profile_period": [{"start_period": 0, "limit": watt}],
        }
    )


def _is_possible(wanted: ChargingPreferences, contract: Contract, now: datetime) -> bool:
    if wanted.departure_time is None:
        return True
    if wanted.departure_time <= now.replace(microsecond=0):
        return False
    most = contract.max_power / _WATT_PER_KILOWATT * _hours(now, wanted.departure_time)
    return wanted.energy_need is None or wanted.energy_need <= most


def _hours(begin: datetime, end: datetime) -> Decimal:
    return Decimal(int((end - begin).total_seconds())) / _SECONDS_PER_HOUR


_TOLERANT: Final[Mapping[str, Any]] = {"tolerant": True}
