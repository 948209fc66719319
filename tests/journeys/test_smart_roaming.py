"""Reservation, charging profile, preferences and a credit, from the eMSP through the hub to the charger."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hub.ocpi.client import PeerRefused
from hub.pricing import PriceStatement, ocpi_price
from partners.emsp.bills import balances
from partners.emsp.hub_verdicts import hub_verdicts
from partners.emsp.quote import Wish
from partners.emsp.quoting import Place
from partners.emsp.reservations import ReservationState
from schemas.v2_2_1 import ChargingPreferences, ChargingPreferencesResponse, ChargingProfile
from tests.fixtures.waiting import soon
from tests.fixtures.whole_path import CARD, PATIENCE, stage

SLOW = ChargingProfile.model_validate(
    {"charging_rate_unit": "W", "charging_profile_period": [{"start_period": 0, "limit": 4000}]}
)
REGULAR = ChargingPreferences.model_validate({"profile_type": "REGULAR"})
CHEAP = ChargingPreferences.model_validate({"profile_type": "CHEAP"})


async def test_a_cpo_cannot_keep_a_reservation(tmp_path: Path) -> None:
    """CANCELED_RESERVATION comes to the url of RESERVE_NOW, through the hub, long after its first result."""
    async with stage(tmp_path) as on:
        until = on.time.now() + timedelta(days=1)
        await on.emsp.driver.reserve(CARD, "square", until, "E1")
        await on.session("RESERVATION")
        (reservation,) = on.cpo.promises.reservations.all()
        await on.cpo.cancel_reservation(reservation.number)
        await on.emsp.until(lambda: on.reservation() is ReservationState.CANCELED, PATIENCE)
        await on.session("COMPLETED")


async def test_a_driver_gives_a_reservation_up(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        until = on.time.now() + timedelta(days=1)
        reserved = await on.emsp.driver.reserve(CARD, "square", until, "E1")
        assert reserved.reservation_id is not None
        waiting = await on.session("RESERVATION")
        assert waiting.authorization_reference == reserved.authorization_reference
        given_up = await on.emsp.driver.cancel(reserved.reservation_id)
        assert given_up.result == "ACCEPTED"
        assert on.reservation() is ReservationState.GIVEN_UP
        await on.session("COMPLETED")
        await on.until_seen("AVAILABLE")


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
        bill = await on.bill()
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
        bill = await on.bill()
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
        bill = await on.bill()
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
