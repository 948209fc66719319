"""A driver reserves, charges within a limit and as preferred, and is credited: everybody is real."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from hub.ocpi.party import Party
from hub.ocpi.timestamps import utc_now
from hub.web.app import running_hub
from partners.charger.charge_point import ChargerSimulator
from partners.charger.settings import ChargerSettings
from partners.charger.simulated_time import SimulatedTime
from partners.cpo.app import CpoNode
from partners.emsp.app import EmspNode
from partners.emsp.authorization import EVERYWHERE
from partners.emsp.bills import balances
from partners.emsp.reservations import Reservation, ReservationState, reservations
from partners.emsp.settings import EmspSettings
from partners.settings import NodeSettings
from schemas.v2_2_1 import ChargingPreferences, ChargingPreferencesResponse, ChargingProfile
from tests.fixtures.cpo_world import SPEED, cpo_settings, evse, location
from tests.fixtures.emsp_world import APP, RFID
from tests.fixtures.roaming import settings as hub_settings

UNTIL = datetime(2099, 1, 1, tzinfo=UTC)
CAN = ["RESERVABLE", "CHARGING_PROFILE_CAPABLE", "CHARGING_PREFERENCES_CAPABLE", "REMOTE_START_STOP_CAPABLE"]
SLOW = ChargingProfile.model_validate(
    {"charging_rate_unit": "W", "charging_profile_period": [{"start_period": 0, "limit": 7000}]}
)
PATIENCE = timedelta(seconds=20)


@dataclass
class Stage:
    """Everybody."""

    cpo: CpoNode
    emsp: EmspNode
    charger: ChargerSimulator

    def reservation(self) -> Reservation:
        """The one that the driver made, as the eMSP sees it."""
        (found,) = reservations(self.emsp.commands.all(), datetime.now(UTC))
        return found


@pytest.fixture
async def on(tmp_path: Path) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(running_hub(hub_settings(tmp_path), log=None))
        node = NodeSettings(party=Party("NL", "EMA"), name="eMSP A")
        tokens = [(RFID, EVERYWHERE), (APP, EVERYWHERE)]
        emsp = await stack.enter_async_context(EmspNode(EmspSettings(node=node, tokens=tokens)))
        place = location("square", evse("E1", "CP1", capabilities=CAN))
        cpo = await stack.enter_async_context(
            CpoNode(cpo_settings(locations=[place], profile_pause=timedelta()))
        )
        await emsp.register(hub.versions_url, (await hub.platforms.invite("emsp")).token)
        await emsp.push_tokens()
        await cpo.register(hub.versions_url, (await hub.platforms.invite("cpo")).token)
        await cpo.until_introduced()
        quick = ChargerSettings(car_comes_on_remote_start=True)
        time = SimulatedTime(utc_now, SPEED)
        charger = await stack.enter_async_context(ChargerSimulator(f"{cpo.ocpp_url}/CP1", quick, time=time))
        await charger.until_connected()
        await charger.until_told()
        await emsp.until(emsp.locations)
        yield Stage(cpo, emsp, charger)


async def test_a_reservation_is_made_and_given_up_by_the_driver(on: Stage) -> None:
    reserved = await on.emsp.driver.reserve("app-1", "square", UNTIL, "E1")
    assert reserved.outcome.is_accepted
    assert reserved.reservation_id is not None
    (session,) = await on.emsp.until(on.emsp.sessions)
    assert session.status == "RESERVATION"
    assert session.authorization_reference == reserved.authorization_reference
    assert (await on.emsp.driver.cancel(reserved.reservation_id)).is_accepted
    assert on.reservation().state is ReservationState.GIVEN_UP
    await on.emsp.until(lambda: on.emsp.sessions()[0].status == "COMPLETED")


async def test_a_reservation_is_taken_back_by_the_cpo(on: Stage) -> None:
    """CMD-09: through the hub, at the response_url of the RESERVE_NOW that was answered before."""
    assert (await on.emsp.driver.reserve("app-1", "square", UNTIL, "E1")).outcome.is_accepted
    assert on.reservation().state is ReservationState.HELD
    await on.cpo.cancel_reservation(on.cpo.promises.reservations.all()[0].number)
    await on.emsp.until(lambda: on.reservation().state is ReservationState.CANCELED)


async def test_a_session_is_limited_preferred_billed_credited_and_billed_anew(on: Stage) -> None:
    emsp, smart = on.emsp, on.emsp.smart_charging
    started = await emsp.start_session("app-1", "square", "E1", "1")
    assert started.outcome.is_accepted
    reference = started.authorization_reference
    await emsp.until(
        lambda: [s for s in emsp.charging.with_reference(reference) if s.status == "ACTIVE"], PATIENCE
    )
    (session,) = emsp.sessions()

    assert (await smart.limit(session.id, SLOW)).is_accepted
    told = await smart.active(session.id)
    assert told.profile is not None
    assert told.profile.charging_profile.charging_profile_period[0].limit == Decimal(7000)
    regular = ChargingPreferences.model_validate({"profile_type": "REGULAR"})
    assert await smart.prefer(session.id, regular) is ChargingPreferencesResponse.ACCEPTED
    assert (await smart.unlimit(session.id)).is_accepted

    await on.charger.until_energy(1, Decimal(1500))
    assert (await emsp.stop_session(session.id)).is_accepted
    on.charger.unplug(1)
    (first,) = await emsp.until(emsp.cdrs, PATIENCE)
    (bill,) = emsp.bills()
    assert bill.agrees, bill.remarks
    on.cpo.corrections.credit(first.id)
    await emsp.until(lambda: len(emsp.cdrs()) == 2, PATIENCE)
    (owed,) = balances(emsp.bills())
    assert (owed.total, len(owed.cdr_ids), owed.session_id) == (Decimal(0), 2, session.id)
    assert all(each.agrees for each in emsp.bills())
