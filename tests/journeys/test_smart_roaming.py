"""Reservation, charging profile, preferences and a credit, from the eMSP through the hub to the charger."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hub.ocpi.client import PeerRefused
from hub.ocpi.party import Party
from hub.ocpi.timestamps import utc_now
from hub.pricing import PriceStatement, ocpi_price
from hub.web.app import RunningHub, running_hub
from partners.charger.charge_point import ChargerSimulator
from partners.charger.settings import ChargerSettings
from partners.charger.simulated_time import SimulatedTime
from partners.cpo.app import CpoNode
from partners.emsp.app import EmspNode
from partners.emsp.authorization import EVERYWHERE
from partners.emsp.bills import balances
from partners.emsp.hub_verdicts import hub_verdicts
from partners.emsp.provider import PriceHabits
from partners.emsp.quote import Wish
from partners.emsp.quoting import Place
from partners.emsp.reservations import ReservationState, reservations
from partners.emsp.settings import EmspSettings
from partners.settings import NodeSettings
from schemas.v2_2_1 import (
    ChargingPreferences,
    ChargingPreferencesResponse,
    ChargingProfile,
    Session,
)
from tests.fixtures.bills import the_one_bill
from tests.fixtures.cpo_world import SPEED, cpo_settings, evse, location, tariff
from tests.fixtures.emsp_world import APP, RFID, WHENEVER
from tests.fixtures.roaming import settings as hub_settings
from tests.fixtures.waiting import soon

CAPABILITIES = [
    "RESERVABLE",
    "CHARGING_PROFILE_CAPABLE",
    "CHARGING_PREFERENCES_CAPABLE",
    "REMOTE_START_STOP_CAPABLE",
]
CARD = RFID["uid"]
SLOW = ChargingProfile.model_validate(
    {"charging_rate_unit": "W", "charging_profile_period": [{"start_period": 0, "limit": 4000}]}
)
REGULAR = ChargingPreferences.model_validate({"profile_type": "REGULAR"})
CHEAP = ChargingPreferences.model_validate({"profile_type": "CHEAP"})
PATIENCE = timedelta(seconds=20)


@dataclass(frozen=True)
class Stage:
    """Everybody, registered and introduced."""

    hub: RunningHub
    cpo: CpoNode
    emsp: EmspNode
    charger: ChargerSimulator

    async def session(self, status: str) -> Session:
        """The eMSP's only session, once it has this status."""

        def found() -> list[Session]:
            return [each for each in self.emsp.sessions() if each.status == status]

        await self.emsp.until(found, PATIENCE)
        (session,) = found()
        return session

    async def charges(self) -> Session:
        """A driver plugs in and shows the card; the session as the eMSP knows it."""
        self.charger.plug_in(1)
        await self.charger.tap(1, CARD)
        return await self.session("ACTIVE")

    async def leaves(self) -> None:
        """The driver shows the card again and drives away."""
        await self.charger.tap(1, CARD)
        self.charger.unplug(1)

    def reservation(self) -> ReservationState:
        """How the eMSP's only reservation stands."""
        (one,) = reservations(self.emsp.commands.all(), datetime.now(UTC))
        return one.state


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    cpo_tables = cpo_settings(
        locations=[location("square", evse("E1", "CP1", capabilities=CAPABILITIES))],
        tariffs=[tariff()],
        profile_pause=timedelta(),
    )
    # The charger's time runs ahead of everybody else's.
    emsp_settings = EmspSettings(
        node=NodeSettings(party=Party("NL", "EMA"), name="eMSP A"),
        tokens=[(RFID, EVERYWHERE), (APP, EVERYWHERE)],
        prices=PriceHabits(measures=WHENEVER),
    )
    async with (
        running_hub(replace(hub_settings(folder), plausibility=WHENEVER), log=None) as hub,
        EmspNode(emsp_settings) as emsp,
        CpoNode(cpo_tables) as cpo,
    ):
        await emsp.register(hub.versions_url, (await hub.platforms.invite("emsp")).token)
        await emsp.push_tokens()
        await cpo.register(hub.versions_url, (await hub.platforms.invite("cpo")).token)
        await cpo.until_introduced()
        await emsp.until(emsp.locations, PATIENCE)
        quick = ChargerSettings(reconnect_after=timedelta(milliseconds=20), car_comes_on_remote_start=True)
        async with ChargerSimulator(
            f"{cpo.ocpp_url}/CP1", quick, time=SimulatedTime(utc_now, SPEED)
        ) as charger:
            await charger.until_connected()
            await charger.until_told()
            yield Stage(hub, cpo, emsp, charger)


async def test_a_driver_reserves_and_comes(tmp_path: Path) -> None:
    """The reservation is a session, which becomes the charging session of the same driver, and one bill."""
    async with stage(tmp_path) as on:
        until = datetime.now(UTC) + timedelta(hours=1)
        reserved = await on.emsp.driver.reserve(CARD, "square", until, "E1")
        assert reserved.outcome.result == "ACCEPTED"
        assert on.reservation() is ReservationState.HELD
        waiting = await on.session("RESERVATION")
        await on.emsp.until(lambda: on.emsp.locations()[0].evses[0].status == "RESERVED", PATIENCE)
        session = await on.charges()
        assert session.id == waiting.id
        await on.charger.until_energy(1, Decimal(1000))
        await on.leaves()
        await the_one_bill(on.emsp, on.charger)


async def test_a_cpo_cannot_keep_a_reservation(tmp_path: Path) -> None:
    """CANCELED_RESERVATION comes to the url of RESERVE_NOW, through the hub, long after its first result."""
    async with stage(tmp_path) as on:
        until = datetime.now(UTC) + timedelta(hours=1)
        await on.emsp.driver.reserve(CARD, "square", until, "E1")
        await on.session("RESERVATION")
        (reservation,) = on.cpo.promises.reservations.all()
        await on.cpo.cancel_reservation(reservation.number)
        await on.emsp.until(lambda: on.reservation() is ReservationState.CANCELED, PATIENCE)
        await on.session("COMPLETED")


async def test_a_driver_gives_a_reservation_up(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        until = datetime.now(UTC) + timedelta(hours=1)
        reserved = await on.emsp.driver.reserve(CARD, "square", until, "E1")
        assert reserved.reservation_id is not None
        waiting = await on.session("RESERVATION")
        assert waiting.authorization_reference == reserved.authorization_reference
        given_up = await on.emsp.driver.cancel(reserved.reservation_id)
        assert given_up.result == "ACCEPTED"
        assert on.reservation() is ReservationState.GIVEN_UP
        await on.session("COMPLETED")
        await on.emsp.until(lambda: on.emsp.locations()[0].evses[0].status == "AVAILABLE", PATIENCE)


async def test_a_session_is_limited_preferred_billed_and_credited(tmp_path: Path) -> None:
    """The profile is seen in the charger's power, the credit in the driver's balance, which is nothing."""
    async with stage(tmp_path) as on:
        emsp, smart = on.emsp, on.emsp.smart_charging
        assert (await emsp.start_session("app-1", "square", "E1", "1")).outcome.is_accepted
        session = await on.session("ACTIVE")
        await on.charger.until_energy(1, Decimal(500))
        full = on.charger.connector(1).power_w
        assert (await smart.limit(session.id, SLOW)).is_accepted
        await on.charger.until(lambda: on.charger.connector(1).power_w == 4000)
        told = await smart.active(session.id)
        assert told.profile is not None
        assert told.profile.charging_profile.charging_profile_period[0].limit == Decimal(4000)
        assert await smart.prefer(session.id, REGULAR) is ChargingPreferencesResponse.ACCEPTED
        not_supported = ChargingPreferencesResponse.PROFILE_TYPE_NOT_SUPPORTED
        assert await smart.prefer(session.id, CHEAP) is not_supported
        assert (await smart.unlimit(session.id)).is_accepted
        await on.charger.until(lambda: on.charger.connector(1).power_w == full)

        assert (await emsp.stop_session(session.id)).is_accepted
        on.charger.unplug(1)
        bill = await the_one_bill(emsp, on.charger)
        credit = on.cpo.corrections.credit(bill.cdr_id)
        await emsp.until(lambda: len(emsp.cdrs()) == 2, PATIENCE)
        assert {each.id for each in emsp.cdrs()} == {bill.cdr_id, credit.id}
        (owed,) = balances(emsp.bills())
        assert (owed.total, len(owed.cdr_ids), owed.session_id) == (0, 2, session.id)
        assert all(each.agrees for each in emsp.bills())


async def test_what_a_driver_was_quoted_is_what_is_billed(tmp_path: Path) -> None:
    """For the energy and the times that then happen: hub, CPO and eMSP come to the same cent."""
    async with stage(tmp_path) as on:
        await on.charges()
        await on.charger.until_energy(1, Decimal(1000))
        await on.leaves()
        bill = await the_one_bill(on.emsp, on.charger)
        (cdr,) = on.emsp.cdrs()
        told = Wish(
            start=cdr.start_date_time,
            energy=cdr.total_energy,
            charging=cdr.end_date_time - cdr.start_date_time,
        )
        quote = on.emsp.provider.quoting.quote(Place("square", "E1", "1"), told).quote.as_data()
        assert (quote["total"], quote["tariff_id"]) == (bill.total, "standard")
        assert not bill.is_disputed, bill.remarks
        (session,) = on.emsp.sessions()
        running = on.emsp.provider.running_cost(session)
        assert isinstance(running, PriceStatement)
        assert ocpi_price(running.total_cost) == cdr.total_cost


async def test_the_hub_tells_the_emsp_its_verdict(tmp_path: Path) -> None:
    """Beside its own check, which comes to the same amounts."""
    async with stage(tmp_path) as on:
        await on.charges()
        await on.charger.until_energy(1, Decimal(300))
        await on.leaves()
        bill = await the_one_bill(on.emsp, on.charger)
        link = on.emsp.provider.link

        async def asked() -> list[Any]:
            try:
                return await hub_verdicts(link, bill.cpo, bill.cdr_id)
            except PeerRefused:  # it judges when the CDR has passed
                return []

        (verdict,) = await soon(asked, bool)
        assert (verdict["severity"], verdict["state"]) == (None, "passed")
        assert verdict["differences"] == bill.check["differences"]
        with pytest.raises(PeerRefused, match="404"):
            await hub_verdicts(link, bill.cpo, "C9")
